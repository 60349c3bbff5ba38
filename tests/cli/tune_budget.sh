#!/bin/sh
# scripts/tune-budget: what it prints and records; budgets and files that it refuses. No figure is looked at.
# usage: tune_budget.sh TENON SCRIPT
set -u
tool=$1
tenon=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

. "$(dirname "$0")/want.sh"

cat > "$work/m.tn" <<'EOT'
graph "g" {
  input %1 "x" : f32[256,512]
  input %2 "w" : f32[512,256]
  %3 = matmul(%1, %2) : f32[256,256]
  output "y" %3
}
EOT

want 0 "long against short, interleaved" "$tool" "$work/m.tn" 0.1 0.2 --record "$work/record.json" --threads 1 --seconds 0.05
grep -q "^short: [1-9][0-9]* of [1-9][0-9]* choices tried" "$work/out" || { echo "no word of what the short search tried"; failed=1; }
python3 - "$work/record.json" <<'EOT' || failed=1
import json, sys
r = json.load(open(sys.argv[1]))
assert r["short"]["rounds"] >= 1 and 1 <= r["short"]["tried"] <= r["short"]["choices"], r["short"]
assert r["long_goes_on"]["tried"] >= r["short"]["tried"], "the long search did not go on from the short one"
assert len(r["machine"]["model_sha256"]) == 64 and r["machine"]["options"] == ["--threads", "1", "--seconds", "0.05"], r["machine"]
assert r["long_against_short"]["low"] <= r["long_against_short"]["ratio"] <= r["long_against_short"]["high"]
EOT
want 1 "wanted a short one and a longer one" "$tool" "$work/m.tn" 2 1
want 1 "wanted seconds" "$tool" "$work/m.tn" two 3
want 1 "found no file" "$tool" "$work/none.tn" 0.1 0.2
want 1 "failed with 2" "$tool" "$work/m.tn" 0.1 0.2 --nonsense
want 1 "--record wants a file" "$tool" "$work/m.tn" 0.1 0.2 --record
want 1 "usage" "$tool" "$work/m.tn"
exit $failed
