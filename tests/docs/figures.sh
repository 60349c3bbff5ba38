#!/bin/sh
# The docs show no figure that their record does not have: scripts/check-figures agrees with the tree, and finds what is planted in a copy.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v python3 > /dev/null || { echo "skipped: no python3"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
"$root/scripts/check-figures"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# refuse TEXT FILE EXPRESSION: with that change the check fails and says TEXT
refuse() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/examples"
    cp -r "$root/docs" "$root/scripts" "$root/bench" "$root/README.md" "$work/tree"
    cp -r "$root/examples/autograd_bridge" "$work/tree/examples"
    sed -i "$3" "$work/tree/$2"
    cmp -s "$root/$2" "$work/tree/$2" && { echo "nothing was planted in $2 by $3"; exit 1; }
    if "$work/tree/scripts/check-figures" > "$work/out" 2>&1 || ! grep -qF "$1" "$work/out"; then
        echo "planted $3 in $2, wanted '$1', found:"
        cat "$work/out"
        exit 1
    fi
}
refuse "docs/performance.md: not what bench/results/" docs/performance.md 's/^| mnist-8, 1 thread | 0/| mnist-8, 1 thread | 1/'
refuse "is not there" docs/performance.md 's/^All samples: `bench.results./&other-/'
refuse "docs/bridges.md: not what bench/results/autograd.json says" docs/bridges.md 's/^| hmm | /&9/'
refuse "docs/options.md:2: '37 times as fast' without a record" docs/options.md '2s/.*/It is 37 times as fast./'
