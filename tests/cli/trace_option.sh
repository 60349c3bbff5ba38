#!/bin/sh
# Option trace from outside: the file of a whole process, of one that is killed, of two at once; what is there already stays.
# usage: trace_option.sh TENON CHECK_TRACE_FILE
set -eu
tenon=$1 check=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"
cat > "$work/m.tn" << 'G'
graph "a \"model\"" {
  input %1 "x" : f32[256,256]
  %2 = matmul(%1, %1) : f32[256,256] @ "model.py:1 <\"&>", "\x1b[0m\xff"  # mm "quoted"
  %3 = softmax(%2) : f32[256,256]
  output "y" %3
}
G
fail() { echo "$*"; exit 1; }

# from the environment, without anything else; twice: the second takes the place of the first
for round in 1 2; do
    TENON_TRACE="$work/t.json" "$tenon" run "$work/m.tn" --input x=random --threads 3 > /dev/null
    "$check" whole "$work/t.json" 'a "model"' specialise cse lowering "code generation" packing
done
[ "$(grep -c '"cat":"run"' "$work/t.json")" -eq 1 ] || fail "two runs in the file of one"
grep -qF 'model.py:1 <\"&>' "$work/t.json" || fail "no sources"
[ ! -e "$work/t.2.json" ] || fail "t.2.json is there, though t.json was free"

# killed at some moment of its runs: what was written can be read
"$tenon" profile "$work/m.tn" --seconds 1000 --set "trace=$work/k.json" > /dev/null 2>&1 &
process=$!
until grep -q '"cat":"run"' "$work/k.json" 2> /dev/null; do kill -0 $process || fail "the process ended by itself"; sleep 0.1; done

# meanwhile its file is its own: another process takes the next name
"$tenon" run "$work/m.tn" --input x=random --set "trace=$work/k.json" > /dev/null
"$check" whole "$work/k.2.json" 'a "model"'
kill -9 $process
wait $process 2> /dev/null || true
"$check" open "$work/k.json" 'a "model"' lowering

# hostile paths: an error, and nothing is lost
refused() { # TEXT PATH
    if "$tenon" run "$work/m.tn" --input x=random --set "trace=$2" > /dev/null 2> "$work/err"; then fail "trace=$2: no error"; fi
    grep -qF "option trace: " "$work/err" && grep -qF "$1" "$work/err" || { cat "$work/err"; fail "trace=$2: no '$1'"; }
}
refused "No such file or directory" "$work/none/t.json"
refused "Is a directory" "$work"
refused "is not a regular file" /dev/null
refused "too long" "$(printf "$work/%0300d.json" 1)"
echo precious > "$work/notes.txt"
refused "is something else" "$work/notes.txt"
[ "$(cat "$work/notes.txt")" = precious ] || fail "notes.txt was overwritten"
