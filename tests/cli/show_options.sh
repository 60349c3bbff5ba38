#!/bin/sh
# `tenon show` shows what would be compiled with the library's options, wherever they stand. usage: show_options.sh TENON
set -u
tenon=$1
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_DATA_HOME="$work/data"
failed=0
. "$here/want.sh"

cat > "$work/conv.tn" << 'G'
graph "conv" {
  input %1 "x" : f32[1,64,28,28]
  %2 = constant {value=f32[] (0.01)} : f32[]
  %3 = constant {value=i64[4] (64, 64, 3, 3)} : i64[4]
  %4 = expand(%2, %3) : f32[64,64,3,3]
  %5 = conv(%1, %4) {pads=[1,1,1,1]} : f32[1,64,28,28]
  output "y" %5
}
G
cat > "$work/product.tn" << 'G'
graph "product" {
  input %1 "x" : f32[64,64]
  %2 = constant {value=f32[] (0.01)} : f32[]
  %3 = constant {value=i64[2] (64, 64)} : i64[2]
  %4 = expand(%2, %3) : f32[64,64]
  %5 = matmul(%1, %4) : f32[64,64]
  output "y" %5
}
G
cat > "$work/sum.tn" << 'G'
graph "sum" {
  input %1 "x" : f32[64,64]
  input %2 "z" : f32[64,64]
  %3 = mul(%1, %2) : f32[64,64]
  %4 = add(%3, %1) : f32[64,64]
  output "y" %4
}
G

# lacks TEXT ARGUMENT...: that succeeds and does not print the text
lacks() {
    text=$1
    shift
    "$tenon" "$@" > "$work/out" 2>&1 < /dev/null && ! grep -qF -- "$text" "$work/out" || { echo "tenon $*: '$text', or a failure:"; head -50 "$work/out"; failed=1; }
}

# an option by --set, by its name, from the environment, from a file
conv="$work/conv.tn"
lacks wino show "$conv" --after stages
want 0 tn_wino_mm show "$conv" --after stages --set winograd=auto
want 0 tn_wino_mm show "$conv" --after fuse --winograd auto
TENON_WINOGRAD=auto want 0 tn_wino_mm show "$conv" --after stages --json
echo 'winograd = auto' > "$work/options"
want 0 tn_wino_mm show "$conv" --kernel 3 --config "$work/options"
want 0 tn_wino_mm show "$conv" --after stages --format html --config "$work/options"
TENON_WINOGRAD=auto lacks wino show "$conv" --after stages --set winograd=off
# the launches that are timed are those that are shown
want 0 tn_wino_mm show "$conv" --after stages --format html --time --seconds 0 --winograd auto
want 0 tn_wino_mm show "$conv" --format html --time --seconds 0 --winograd auto

# each part of a compilation that is shown: passes, target, lowering, code
want 0 "blocked by 16" show "$conv" --after stages --cpu skylake-avx512
want 0 "blocked by 8" show "$conv" --after stages --cpu haswell
want 0 tn_lconv show "$conv" --after stages --layout nchw
lacks "blocked by" show "$conv" --after stages --layout nchw
want 0 "kernel 1 " show "$work/sum.tn" --after stages --passes-off fuse
lacks "kernel 1 " show "$work/sum.tn" --after stages
want 0 "weights bf16" show "$work/product.tn" --after stages --precision bf16
want 0 "llvm.fma" show "$work/sum.tn" --kernel 0 --cpu haswell --fast-math contract
lacks "llvm.fma" show "$work/sum.tn" --kernel 0 --cpu haswell
want 0 vfmadd show "$work/sum.tn" --kernel 0 --asm --cpu haswell --fast-math contract
# a pass that is off is not made, also where the graph after it is shown
printf 'graph "g" {\n  input %%1 "x" : f32[8]\n  %%2 = exp(%%1) : f32[8]\n  %%3 = exp(%%1) : f32[8]\n  %%4 = add(%%2, %%3) : f32[8]\n  output "y" %%4\n}\n' > "$work/twice.tn"
want 0 "add(%2, %2)" show "$work/twice.tn" --after cse
want 0 "add(%2, %3)" show "$work/twice.tn" --after cse --passes-off cse
want 0 "add(%2, %3)" show "$work/twice.tn" --after dce --passes-off cse

# schedules come from the file; nothing is searched for
file="$work/tuning.txt"
want 1 "has no tuned schedule of 1 kernels" show "$conv" --after stages --tuning require --tuning-file "$file"
want 0 tn_conv show "$conv" --after stages --tuning record --tuning-file "$file"
[ ! -e "$file" ] || { echo "show searched"; failed=1; }
want 0 "f32" run "$conv" --input random --tuning record --tuning-budget-ms 0 --tuning-file "$file" --cache off
want 0 tn_conv show "$conv" --after stages --tuning require --tuning-file "$file"

# variables are inputs and outputs of what is compiled, and keep their place when it is timed
printf 'graph "g" {\n  input %%1 "x" : f32[4,4]\n  variable %%2 "s" : f32[4,4]\n  %%3 = add(%%1, %%2) : f32[4,4]\n  output "y" %%3\n  assign %%2 %%3\n}\n' > "$work/state.tn"
want 0 'input 1, 64 bytes: value 2 "s"' show "$work/state.tn" --after stages
want 0 'output "s" %3' show "$work/state.tn" --after dce
want 0 "Slowest" show "$work/state.tn" --after in_place --format html --time --seconds 0

want 2 "options of the library want --after, --kernel or --time" show "$conv" --winograd auto
want 2 "options of the library want --after, --kernel or --time" show "$conv" --device ref
want 1 "what device cpu compiles, found device=ref" show "$conv" --after stages --device ref
want 1 "there is no pass 'none'" show "$conv" --after stages --passes-off none
want 1 "option 'winograd'" show "$conv" --kernel 0 --set winograd=maybe
exit $failed
