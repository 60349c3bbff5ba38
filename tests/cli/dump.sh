#!/bin/sh
# A cluster that a bridge dumped runs in the tool with the same result. usage: dump.sh TENON TEST_DUMP
set -eu
tenon=$1 dump=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"
"$dump" "$work/clusters"
graph=$work/clusters/cluster-7.tn
input="x/in 0=$work/clusters/cluster-7.x_in_0.pb"
"$tenon" run "$graph" --input "$input" --threads 1 --output-dir "$work/out" --output-format pb > /dev/null
# the bytes of the values; the tool writes a name and may order fields otherwise
"$tenon" compare "$work/clusters/wanted.pb" "$work/out/y.pb" > /dev/null 2>&1 || cmp "$work/clusters/wanted.pb" "$work/out/y.pb"
"$tenon" diff "$graph" --input "$input" > /dev/null
"$tenon" bench "$graph" --input "$input" --json > /dev/null
"$tenon" show "$graph" > /dev/null
echo "dump: the same bytes"
