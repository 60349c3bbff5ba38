#!/bin/sh
# A wall clock that jumps by days under the tool: no time of a call, no order of records and no seal of one depends on it.
# usage: clock_jumps.sh TENON CLOCK_JUMPS.so
set -u
tenon=$1
command -v python3 > /dev/null || { echo "skipped: no python3"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_DATA_HOME="$work/data"
cat > "$work/m.tn" <<'EOT'
graph "g" {
  input %1 "x" : f32[4,8]
  %2 = relu(%1) : f32[4,8]
  output "y" %2
}
EOT
jump() { LD_PRELOAD=$2 ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$tenon" $1; }

jump "bench $work/m.tn --runs 20 --threads 1 --record --force" "$2" > "$work/out" 2>&1 || { cat "$work/out"; exit 1; }
jump "bench $work/m.tn --seconds 0.2 --threads 1 --record --force" "$2" > "$work/out" 2>&1 || { cat "$work/out"; exit 1; }
"$tenon" records export "$work/all.jsonl" > /dev/null || exit 1
python3 - "$work/all.jsonl" <<'EOT' || exit 1
import datetime, json, sys
records = [json.loads(line) for line in open(sys.argv[1])]
assert len(records) == 2, records
now = datetime.datetime.now(datetime.timezone.utc)
off = [abs((now - datetime.datetime.strptime(r["time"], "%Y-%m-%dT%H:%M:%S%z")).total_seconds()) for r in records]
assert max(off) > 80000, f"the clock did not jump: {off}"
for r in records:
    assert all(0 < s < 60 for s in r["samples_s"]), r["samples_s"]
    assert r["samples_s"] and min(r["samples_s"]) <= r["median_s"] <= max(r["samples_s"])
    assert r["calls_a_second"] > 0
assert len(records[0]["samples_s"]) == 20
EOT
"$tenon" reproduce 1 > "$work/out" 2>&1
grep -q '^outputs: the same bits' "$work/out" || { cat "$work/out"; exit 1; }
