#!/bin/sh
# The clusters of `tenon show --partition`: what is in them, in every format. usage: show_partition.sh TENON
set -u
tenon=$1
here=$(dirname "$0")
command -v python3 > /dev/null || { echo "skipped: python3 is not here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" PYTHONDONTWRITEBYTECODE=1
failed=0
. "$here/want.sh"
. "$here/show_models.sh"

# open.tn: the reshape's sizes are known once N is
cat > "$work/open.tn" << 'G'
graph "open" symbols(N) {
  input %1 "x" : f32[N,4]
  %2 = constant {value=i64[1] (-1)} : i64[1]
  %3 = shape(%1) : i64[2]
  %4 = reduce_prod(%3) {keepdims=1} : i64[1]
  %5 = exp(%1) : f32[N,4]
  %6 = neg(%5) : f32[N,4]
  %7 = reshape(%6, %4) : f32[?]
  %8 = tanh(%7) : f32[?]
  %9 = abs(%8) : f32[?]
  %10 = sigmoid(%9) : f32[?]
  output "y" %10
}
G
# state.tn: a variable is fed, what is assigned to it leaves its cluster
cat > "$work/state.tn" << 'G'
graph "state" {
  input %1 "x" : f32[4,4]
  variable %2 "s" : f32[4,4]
  %3 = add(%1, %2) : f32[4,4]
  %4 = relu(%3) : f32[4,4]
  %5 = exp(%4) : f32[4,4]
  output "y" %4
  assign %2 %5
}
G

# draw NAME MODEL ARGUMENT...: as every format
draw() {
    name=$1 model=$2
    shift 2
    for format in text json dot svg html; do
        "$tenon" show "$work/$model.tn" --partition --format $format "$@" > "$work/$name.$format" 2> "$work/err" ||
            { echo "tenon show $model.tn --partition --format $format $*:"; cat "$work/err"; failed=1; }
    done
}
draw detector detector
draw disabled detector --disabled-ops relu,exp
draw hostile hostile --disabled-ops softmax
draw bodies bodies
draw state state
draw open open
draw closed open --dim N=3
[ $failed -ne 0 ] || python3 "$here/show_partition.py" "$work" || failed=1

model="$work/detector.tn"
want 0 "10 of 14 nodes in 2 clusters; 4 stay" show "$model" --partition
want 0 "non_zero 'where' from model.py:7: the shape of its result depends on data" show "$model" --partition
want 0 "conv 'first' from model.py:1: does not pay" show "$model" --partition --disabled-ops relu,exp
want 2 "--partition is shown alone, found --after" show "$model" --partition --after fuse
want 2 "--partition is shown alone, found --time" show "$model" --partition --time --format svg
want 2 "--disabled-ops wants --partition" show "$model" --disabled-ops relu
want 2 "no options of the library but --device" show "$model" --partition --winograd auto
want 1 "option 'device'" show "$model" --partition --device nowhere
exit $failed
