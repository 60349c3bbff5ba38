#!/bin/sh
# tenon profile --trace: a trace that check_trace takes, written whole or not at all. usage: trace.sh TENON CHECK_TRACE
set -eu
tenon=$1 check=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"
cat > "$work/m.tn" << 'G'
graph "main" {
  input %1 "x" : f32[256,256]
  input %2 "i" : i64[3]
  %3 = matmul(%1, %1) : f32[256,256] @ "model.py:1 <\"&>", "\x1b[0m"  # mm "quoted"
  %4 = relu(%3) : f32[256,256] @ "model.py:2"
  %5 = softmax(%4) : f32[256,256] @ "model.py:3"
  %6 = gather(%5, %2) : f32[3,256] @ "model.py:4"
  output "y" %6
}
G
"$tenon" profile "$work/m.tn" --seconds 0 --threads 2 --json --in-order --trace "$work/trace.json" > "$work/profile.json"
"$check" "$work/trace.json" "$work/profile.json" 'model.py:1 <"&>' 'model.py:2' 'model.py:3' 'model.py:4'
if "$tenon" profile "$work/m.tn" --seconds 0 --trace "$work/none/trace.json" > /dev/null 2> "$work/err"; then
    echo "a trace into a folder that does not exist: no error"
    exit 1
fi
grep -q "^tenon: trace to " "$work/err"
[ ! -e "$work/none" ]
