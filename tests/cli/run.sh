#!/bin/sh
# The command-line tool from outside: help, exit codes, messages, files. usage: run.sh TENON
set -u
tenon=$1
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
for verb in test-onnx run show diff bench info version; do
    want 0 "usage: tenon $verb" "$verb" --help
    want 0 "usage: tenon $verb" help "$verb"
    want 2 "did you mean --json?" "$verb" --jsno
done
want 0 '"version"' version --json
want 0 '"cpu"' info --json

# wrong use
want 2 "did you mean 'bench'?" bnech
want 2 "wants one model file" run
want 2 "whole number" bench --runs many x

# wrong inputs
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
want 1 "wants a size for 'N'" show "$work/g.tn" --after expand
want 0 'neg' show "$work/g.tn" --after expand --dim N=3
want 0 'launch 0: ' show "$work/g.tn" --after stages --dim N=3
want 2 "text form only" show "$work/g.tn" --after fuse --format dot
want 2 "no pass 'fusion'; there are" show "$work/g.tn" --after fusion
want 1 "wants a size for 'N'" show "$work/g.tn" --kernel 0
want 0 'define void' show "$work/g.tn" --kernel 0 --dim N=3
want 1 "counted from 0" show "$work/g.tn" --kernel 9 --dim N=3
want 2 "wants --after or --kernel" show "$work/g.tn" --dim N=3
want 2 "text, dot, svg or json" show --format pdf "$work/g.tn"
want 1 "x f32[1,3,N]" run "$work/g.tn"
want 1 "--dim N=SIZE" run "$work/g.tn" --input random
want 1 "did you mean 'x'?" run "$work/g.tn" --input y=random
want 1 "no dimension 'M'" run "$work/g.tn" --input random --dim M=3
want 0 "f32[1,3,5]" run "$work/g.tn" --input random --dim N=5 --device ref --top 2

# .npy round trip: neg(neg(x)) is x again
want 0 "y/z" run "$work/g.tn" --input x=random --dim N=7 --device ref --output-dir "$work/a"
want 0 "y/z" run "$work/g.tn" --input "x=$work/a/y_z.npy" --device ref --output-dir "$work/b"
want 0 "y/z" run "$work/g.tn" --input "x=$work/b/y_z.npy" --device ref --output-dir "$work/c"
cmp "$work/a/y_z.npy" "$work/c/y_z.npy" || failed=1
head -c 100 "$work/a/y_z.npy" > "$work/cut.npy"
want 1 "cut.npy" run "$work/g.tn" --input "x=$work/cut.npy"

want 0 "0 over tolerance" diff "$work/g.tn" --device ref --dim N=4
want 0 '"samples_s"' bench "$work/g.tn" --device ref --dim N=4 --runs 3 --json

[ $failed -eq 0 ] && echo "all as wanted"
exit $failed
