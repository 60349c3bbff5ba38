#!/bin/sh
# The command-line tool from outside: help, exit codes, messages, files. usage: run.sh TENON MAKE_PICTURES
set -u
tenon=$1 pictures=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"
failed=0

# want CODE TEXT ARGUMENT...: the exit code, and a text somewhere in the output; of a failure exactly one line on stderr
want() {
    code=$1 text=$2
    shift 2
    "$tenon" "$@" > "$work/out" 2> "$work/err" < /dev/null
    found=$?
    if [ $found -ne "$code" ]; then
        echo "tenon $*: exit code $found, wanted $code"
        cat "$work/err"
        failed=1
    elif ! cat "$work/out" "$work/err" | grep -qF -- "$text"; then
        echo "tenon $*: no '$text' in:"
        cat "$work/out" "$work/err"
        failed=1
    elif [ "$code" -ne 0 ] && [ "$(grep -c '^tenon: ' "$work/err")" -ne 1 ]; then
        echo "tenon $*: wanted one line 'tenon: ...' on stderr, found:"
        cat "$work/err"
        failed=1
    fi
}

# help
want 0 "usage: tenon VERB" help
want 0 "usage: tenon VERB" --help
for verb in test-onnx run show diff trace bench compare sweep records reproduce doctor profile options info version; do
    want 0 "usage: tenon $verb" "$verb" --help
    want 0 "usage: tenon $verb" help "$verb"
    want 2 "did you mean --json?" "$verb" --jsno
done
want 0 '"version"' version --json
want 0 '"cpu"' info --json
want 0 'hwloc     ' info
want 0 '"topology": ' info --json
want 0 "f64 multiply-add" info --measure
want 0 '"fma_f64"' info --json # kept

# options: by name, from a file and the environment; the strongest wins
printf 'threads = 3\ncache = off # none\n' > "$work/tenon.conf"
printf '{ "threads": 3, "cach": "off" }' > "$work/wrong.json"
want 0 "threads = 2" options --config "$work/tenon.conf" --set threads=2
want 0 "from: $work/tenon.conf:2" options --config "$work/tenon.conf"
want 0 "max_specialisations = 4" options --max-specialisations 4
want 1 "wrong.json:1:17: there is no option 'cach'; the nearest is 'cache'" options --config "$work/wrong.json"
want 2 "did you mean --max_specialisations?" options --max_specialisation 4
export TENON_CACHE_MAX_BYTES=4096
want 0 "from: environment TENON_CACHE_MAX_BYTES" options --config "$work/tenon.conf"
unset TENON_CACHE_MAX_BYTES

# messages: none unasked, and those of the level asked for by whichever way
printf 'graph "said" {\n  input %%1 "x" : f32[8]\n  %%2 = neg(%%1) : f32[8]\n  output "y" %%2\n}\n' > "$work/said.tn"
want 0 "tenon: debug: pass dce: 1 nodes became 1" run "$work/said.tn" --input x=zeros --log-level debug
want 0 "tenon: info: compiled 'said' for cpu: 1 kernels" run "$work/said.tn" --input x=zeros --log-level info
if grep -q "debug:" "$work/err"; then echo "log_level info: lines of debug"; failed=1; fi
want 0 "f32[8]" run "$work/said.tn" --input x=zeros
if [ -s "$work/err" ]; then echo "no log_level: lines"; cat "$work/err"; failed=1; fi
export TENON_LOG_LEVEL=info
want 0 "tenon: info: compiled 'said' for cpu: 1 kernels" run "$work/said.tn" --input x=zeros
unset TENON_LOG_LEVEL
want 1 "wanted error|warn|info|debug" run "$work/said.tn" --log-level all

# two commands of which one does nothing
want 1 "B is slower" compare --rounds 11 --calls 1 --fail-if slower cmd:: "cmd:sleep 0.05"
want 0 '"verdict": "faster"' compare --rounds 11 --calls 1 --fail-if slower --json "cmd:sleep 0.05" cmd::

# what values look like
cat > "$work/nan.tn" <<'EOF'
graph "g" {
  input %1 "x" : f32[4]
  %2 = sub(%1, %1) : f32[4]
  %3 = div(%1, %2) : f32[4]
  %4 = mul(%3, %2) : f32[4]
  output "y" %4
}
EOF
want 0 "node 2 mul, value %4 f32[4]; 4 NaN" trace "$work/nan.tn"
want 0 '"infinite": 4' trace --json --device ref "$work/nan.tn"
want 1 "NaN or infinity first in node 1 div" trace --stop-on-nan "$work/nan.tn"
want 0 "4 infinite" trace --dump "$work/values" "$work/nan.tn"
want 0 "0 over tolerance" diff "$work/nan.tn"
[ -f "$work/values/value4.npy" ] || { echo "trace --dump wrote no value4.npy"; failed=1; }
want 1 "cannot make the folder" trace --dump "$work/nan.tn" "$work/nan.tn"

# hints, of faults that do not depend on the machine; what is tried is said
want 0 "(passes_off;" doctor --seconds 0.01 --passes-off fuse "$work/nan.tn"
want 0 "try: --set device=cpu" doctor --seconds 0.01 --device ref "$work/nan.tn"
want 0 '"tried": {' doctor --seconds 0.01 --json --apply --profile on "$work/nan.tn"
want 0 "(cpu_not_host;" doctor --seconds 0.01 --cpu x86-64-v3 "$work/nan.tn"
want 1 "no-such-file" doctor "$work/no-such-file"

# wrong use
want 2 "did you mean 'bench'?" bnech
want 2 "wants one model file" run
want 2 "whole number" bench --runs many x

want 2 "wants one or two sides" compare
want 2 "compare: one model wants --a or --b" compare x
want 2 "--rounds wants 11 to 100" compare --rounds 3 a b
want 2 "slower, faster or different, found 'red'" compare --fail-if red a b

# wrong inputs
want 1 "ended with exit code 3" compare cmd:true "cmd:exit 3"
want 1 "options of the library do not reach it" compare cmd:true cmd:true --a threads=1
want 1 "no-such-file" run "$work/no-such-file"
head -c 300 /dev/urandom > "$work/noise"
want 1 "noise" show "$work/noise"
want 1 "not a folder" test-onnx "$work/noise"
mkdir "$work/empty"
want 1 "no test found" test-onnx "$work/empty"
mkdir -p "$work/suite/broken/test_data_set_0"
cp "$work/noise" "$work/suite/broken/model.onnx"
want_tests() { # a broken model fails its test and the run goes on to its last line
    "$tenon" test-onnx "$work/suite" > "$work/out" 2>&1
    [ $? -eq 1 ] && grep -q '^fail broken: ' "$work/out" && [ "$(tail -n 1 "$work/out")" = "0 passed, 1 failed, 0 skipped" ] && return
    echo "test-onnx of a broken model:"
    cat "$work/out"
    failed=1
}
want_tests

# sources of nodes: any bytes
cat > "$work/s.tn" << 'G'
graph "main" {
  input %1 "x" : f32[8,64]
  %2 = exp(%1) : f32[8,64] @ "model.py:1 <a&b>", "\x1b[31m"  # node
  %3 = softmax(%2) : f32[8,64] @ "model.py:2"
  %4 = transpose(%1) : f32[64,8] @ "say \"hi\""
  output "y" %3
  output "z" %4
}
G
want 0 '@ "model.py:1 <a&b>", "\x1b[31m"  # node' show "$work/s.tn"
want 0 'tooltip="model.py:1 <a&b>, \\x1b[31m"' show "$work/s.tn" --format dot
want 0 'tooltip="say \"hi\""' show "$work/s.tn" --format dot
want 0 '<title>from model.py:1 &lt;a&amp;b&gt;, \x1b[31m</title>' show "$work/s.tn" --format svg
want 0 '"model.py:1 <a&b>"' show "$work/s.tn" --json
want 0 '@ "model.py:2"' show "$work/s.tn" --after dce
want 0 'from model.py:1 <a&b>, \x1b[31m, model.py:2' show "$work/s.tn" --after stages
want 0 '"say \"hi\""' show "$work/s.tn" --after stages --json
want 1 "[from model.py:1 <a&b>, \\x1b[31m]" diff "$work/s.tn" --device null
want 1 '"say \"hi\""' diff "$work/s.tn" --device null --json

# a model in the text form
cat > "$work/g.tn" << 'G'
graph "main" symbols(N) {
  input %1 "x" : f32[1,3,N]
  %2 = neg(%1) : f32[1,3,N]
  output "y/z" %2
}
G
want 0 'neg' show "$work/g.tn"
want 0 'digraph' show --format dot "$work/g.tn"
want 0 '"op": "neg"' show --json "$work/g.tn"
want 0 '>neg<' show --format svg "$work/g.tn"
want 0 '"arena_lower_bound"' show --json "$work/g.tn" --after fuse --dim N=4
want 0 'largest live set' show "$work/g.tn" --after fuse --dim N=4
want 0 '<details' show --format html "$work/g.tn" --after expand --dim N=4
want 2 "prints text only" show --json "$work/g.tn" --kernel 0 --dim N=4
want 1 "no dimension 'M'; there are N" show "$work/g.tn" --after expand --dim M=3
want 1 "wants a size for 'N'" show "$work/g.tn" --after expand
want 0 'neg' show "$work/g.tn" --after expand --dim N=3
want 0 'launch 0: ' show "$work/g.tn" --after stages --dim N=3
want 0 'input 0, 36 bytes: value 1 "x" f32[1,3,3], row-major' show "$work/g.tn" --after stages --dim N=3
want 2 "found dot" show "$work/g.tn" --after fuse --format dot
want 2 "no pass 'fusion'; there are" show "$work/g.tn" --after fusion
want 1 "wants a size for 'N'" show "$work/g.tn" --kernel 0
want 0 'define void' show "$work/g.tn" --kernel 0 --dim N=3
want 1 "counted from 0" show "$work/g.tn" --kernel 9 --dim N=3
# rows that fill the first cache: the kernel asks ahead for its columns
cat > "$work/p.tn" << 'G'
graph "p" symbols(K) {
  input %1 "x" : f32[8,K]
  input %2 "w" : f32[K,64]
  %3 = matmul(%1, %2) : f32[8,64]
  output "y" %3
}
G
want 0 'llvm.prefetch' show "$work/p.tn" --kernel 0 --dim K=4096
want 0 'define void' show "$work/p.tn" --kernel 0 --dim K=64
if "$tenon" show "$work/p.tn" --kernel 0 --dim K=64 | grep -q 'llvm.prefetch'; then
    echo "show: short rows need no asking ahead"
    failed=1
fi
want 0 '"kind": "kernel"' profile "$work/g.tn" --dim N=3 --seconds 0 --json
cat > "$work/w.tn" << 'G'
graph "g" {
  input %1 "x" : f32[1,2]
  %2 = constant {value=f32[2,2] (1, 2, 3, 70000)}
  %3 = matmul(%1, %2)
  output "y" %3
}
G
want 0 'kernel or op, node' profile "$work/g.tn" --dim N=3 --seconds 0 --top 1
want 0 '(weights int8)' profile "$work/w.tn" --seconds 0 --precision int8
want 0 '"precision": "operands tf32"' profile "$work/w.tn" --seconds 0 --precision tf32 --json
want 0 '(f32: a weight is too large' profile "$work/w.tn" --seconds 0 --precision f16
want 1 "keeps no times of steps" profile "$work/g.tn" --dim N=3 --seconds 0 --device ref
want 2 "profile wants one model file" profile
want 2 "wants --after, --kernel, --time or --partition" show "$work/g.tn" --dim N=3
want 2 "text, dot, svg, html or json" show --format pdf "$work/g.tn"
want 1 "x f32[1,3,N]" run "$work/g.tn"
want 1 "--dim N=SIZE" run "$work/g.tn" --input random
want 1 "did you mean 'x'?" run "$work/g.tn" --input y=random
want 1 "no dimension 'M'" run "$work/g.tn" --input random --dim M=3
want 0 "f32[1,3,5]" run "$work/g.tn" --input random --dim N=5 --device ref --top 2
# the test data set beside a model is its default input, but not of a size that was asked for
want 0 "f32[1,3,2]" run "$work/g.tn" --input zeros --dim N=2 --output-dir "$work/set" --output-format pb
mkdir "$work/set/test_data_set_0"
mv "$work"/set/*.pb "$work/set/test_data_set_0/input_0.pb"
cp "$work/g.tn" "$work/set/g.tn"
want 0 '"elements": 6,' trace "$work/set/g.tn" --json
want 0 '"elements": 15,' trace "$work/set/g.tn" --json --dim N=5

# .npy round trip: neg(neg(x)) is x again
want 0 "y/z" run "$work/g.tn" --input x=random --dim N=7 --device ref --output-dir "$work/a"
want 0 "y/z" run "$work/g.tn" --input "x=$work/a/y_z.npy" --device ref --output-dir "$work/b"
want 0 "y/z" run "$work/g.tn" --input "x=$work/b/y_z.npy" --device ref --output-dir "$work/c"
cmp "$work/a/y_z.npy" "$work/c/y_z.npy" || failed=1
# .pb round trip, and the tool's own output as its input
want 0 "y/z" run "$work/g.tn" --input "x=$work/a/y_z.npy" --device ref --output-dir "$work/d" --output-format pb
want 0 "y/z" run "$work/g.tn" --input "x=$work/d/y_z.pb" --device ref --output-dir "$work/e"
cmp "$work/a/y_z.npy" "$work/e/y_z.npy" || failed=1
want 2 "npy or pb" run "$work/g.tn" --input x=random --dim N=2 --output-format pdf
head -c 100 "$work/a/y_z.npy" > "$work/cut.npy"
want 1 "no TensorProto" run "$work/g.tn" --input "x=$work/noise"
want 1 "cut.npy" run "$work/g.tn" --input "x=$work/cut.npy"

want 0 "0 over tolerance" diff "$work/g.tn" --device ref --dim N=4
want 1 '"wrong_pass": null' diff "$work/g.tn" --device null --dim N=4 --bisect-passes --json
want 1 "whichever pass is switched off" diff "$work/g.tn" --device null --dim N=4 --bisect-passes

# options and limits
want 1 "wanted cpu|ref|null" run "$work/g.tn" --input random --dim N=4 --device gpu
want 1 "the nearest is 'device'" run "$work/g.tn" --input random --dim N=4 --set devise=ref
want 1 "there are device" run "$work/g.tn" --input random --dim N=4 --set colour=red
want 1 "did you mean 'max_rank'?" run "$work/g.tn" --input random --dim N=4 --limit max_rang=2
want 1 "max_rank" show "$work/g.tn" --limit max_rank=2
want 1 "wanted a number from 1 to 32" show "$work/g.tn" --limit max_rank=99
want 1 "max_elements" run "$work/g.tn" --input random --dim N=4 --limit max_elements=11
want 0 "f32[1,3,4]" run "$work/g.tn" --input random --dim N=4 --limit max_elements=12

# pictures: red, green / blue, white as PNG; grey as JPEG
"$pictures" "$work" || failed=1
printf 'graph "t" {\n input %%1 "x" : f32[2,2]\n output "y" %%1\n}\n' > "$work/two.tn"
cat > "$work/nchw.tn" << 'G'
graph "p" {
  input %1 "x" : f32[1,3,2,2]
  %2 = abs(%1)
  output "size" %2
  output "same" %1
}
G
sed 's/1,3,2,2/1,2,2,3/' "$work/nchw.tn" > "$work/nhwc.tn"
sed 's/f32/u8/; /abs/d; /size/d' "$work/nchw.tn" > "$work/u8.tn"
want 0 "  1 0 0 1 0 1 ..." run "$work/nchw.tn" --input "$work/p.png"
want 0 "  1 0 0 0 1 0 ..." run "$work/nhwc.tn" --input "$work/p.png"
want 0 "  1 0 0 0 1 0 ..." run "$work/nhwc.tn" --input "$work/p.png" --picture-layout nhwc
want 0 "  0 0 1 1 0 1 ..." run "$work/nchw.tn" --input "$work/p.png" --channels bgr
want 0 "  1 -1 -1 1 -1 1 ..." run "$work/nchw.tn" --input "$work/p.png" --mean 0.5 --std 0.5
want 0 "  0 -1 -1 0 -2 2 ..." run "$work/nchw.tn" --input "$work/p.png" --mean 1,0.5,0 --std 1,0.25,1
want 0 "  255 0 0 255 0 255 ..." run "$work/u8.tn" --input "$work/p.png"
want 0 "  0.501960814 0.501960814" run "$work/nchw.tn" --input "$work/p.jpg"
want 1 "numbers A,B,C" run "$work/nchw.tn" --input "$work/p.png" --mean 1,2
want 1 "none that is 0" run "$work/nchw.tn" --input "$work/p.png" --std 0
want 1 "nchw or nhwc" run "$work/nchw.tn" --input "$work/p.png" --picture-layout hwc
want 1 "3 channels" run "$work/nchw.tn" --input "$work/p.png" --picture-layout nhwc
want 1 "a picture wants" run "$work/two.tn" --input "$work/p.png"
for file in p.png p.jpg; do
    head -c 60 "$work/$file" > "$work/cut-$file"
    want 1 "cut-$file" run "$work/nchw.tn" --input "$work/cut-$file"
done

[ $failed -eq 0 ] && echo "all as wanted"
exit $failed
