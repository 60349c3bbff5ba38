#!/bin/sh
# Option dump_graphs from outside: one file a pass, the first can be run again, nothing is overwritten, bad folders are errors.
# usage: dump_graphs.sh TENON
set -u
tenon=$1
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"
failed=0
. "$(dirname "$0")/want.sh"
fail() { echo "$*"; failed=1; }

# 4 KiB of weights: whole in the first file, a hash in the others
cat > "$work/m.tn" << 'G'
graph "../a b" symbols(N) {
  input %1 "x" : f32[N,4]
  %2 = constant {value=f32[1,2] (1, 2.5)} : f32[1,2]
  input %3 "w" : f32[4,2]
  %4 = matmul(%1, %3) : f32[N,2]
  %5 = mul(%4, %2) : f32[N,2]
  %6 = identity(%5) : f32[N,2]
  output "y" %6
}
G
mkdir "$work/d"
want 0 "f32[3,2]" run "$work/m.tn" --dim N=3 --input x=random --input w=random --set "dump_graphs=$work/d"
first="$work/d/0001-___a_b"
[ -f "$first/00-graph.tn" ] || { ls -R "$work/d"; fail "no first graph"; }
grep -qF 'input %1 "x" : f32[3,4]' "$first/00-graph.tn" || fail "the shapes are not known"
[ -f "$first"/??-dce.tn ] && ! grep -q identity "$first"/??-dce.tn && grep -q identity "$first/00-graph.tn" || fail "the identity is there after the passes"
grep -q "launch 0" "$first"/??-program.txt || fail "no program"
[ "$(ls "$first" | wc -l)" -eq $(($(grep -c '^TN_PASS.* GRAPH,' "$(dirname "$0")/../../src/pass/passes.def") + 2)) ] ||
    { ls "$first"; fail "wanted a file for each pass, one before and one after"; }
want 0 "f32[3,2]" run "$first/00-graph.tn" --input x=random --input w=random

# again: new folders, and the first is as it was
cp -r "$first" "$work/kept"
want 0 "f32[3,2]" run "$work/m.tn" --dim N=3 --input x=random --input w=random --set "dump_graphs=$work/d"
diff -r "$first" "$work/kept" > /dev/null && diff -r "$first" "$work/d/0002-___a_b" > /dev/null || fail "the second dump"
want 0 "f32[5,2]" run "$work/m.tn" --dim N=5 --input x=random --input w=random --set "dump_graphs=$work/d" --device ref
[ "$(ls "$work/d/0003-___a_b")" = 00-graph.tn ] || fail "device ref has no passes"

# a question only (a dry compilation) writes nothing; nor do bad folders
want 1 "option dump_graphs: cannot make folder" run "$work/m.tn" --dim N=3 --input x=random --input w=random --set "dump_graphs=$work/none"
want 1 "No such file or directory" run "$work/m.tn" --dim N=3 --input x=random --input w=random --set "dump_graphs=$work/none"
want 1 "Not a directory" run "$work/m.tn" --dim N=3 --input x=random --input w=random --set "dump_graphs=$work/m.tn"
want 1 "too long" run "$work/m.tn" --dim N=3 --input x=random --input w=random --set "dump_graphs=$(printf "$work/%0300d" 1)"
want 1 "option dump_graphs" run "$work/m.tn" --dim N=3 --input x=random --input w=random --set "dump_graphs=/proc"

# large constants: base64 of a zero matrix is long
{
    printf 'graph "big" {\n  input %%1 "x" : f32[1,64]\n  %%2 = constant {value=f32[64,64] base64 "'
    printf '%021846d' 0 | tr 0 A
    printf '=="} : f32[64,64]\n  %%3 = matmul(%%1, %%2) : f32[1,64]\n  %%4 = tanh(%%3) : f32[1,64]\n  output "y" %%4\n}\n'
} > "$work/big.tn"
want 0 "f32[1,64]" run "$work/big.tn" --input x=random --set "dump_graphs=$work/d" 
[ "$(wc -c < "$work/d/0001-big/00-graph.tn")" -gt 16384 ] || fail "the first graph lacks its constant"
grep -q 'f32\[64,64\] hash "[0-9a-f]*"' "$work"/d/0001-big/??-expand.tn || fail "a large constant is whole after a pass"
want 1 "only a hash" show "$(ls "$work"/d/0001-big/??-expand.tn)"
exit $failed
