#!/bin/sh
# The record store through the tool: record, list, show, diff, export, import, reproduce, sweep; and stores that are wrong.
# No time is asserted: measurements are forced into the store. usage: records.sh TENON
set -u
tenon=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_DATA_HOME="$work/data"
failed=0

. "$(dirname "$0")/want.sh"

cat > "$work/m.tn" <<'EOF'
graph "g" {
  input %1 "x" : f32[4,N]
  %2 = relu(%1) : f32[4,N]
  output "y" %2
}
EOF
store="$XDG_DATA_HOME/tenon/records.db"
bench="bench $work/m.tn --dim N=8 --runs 5 --threads 1 --record --force"

want 1 "cannot open the record store" records list
want 0 "record 1 in $store" $bench
want 0 "against ref: right" $bench
want 0 "     2  20" records list
want 0 '"kind": "bench"' records list --json
want 0 '"N=8"' records show 1
want 0 "stats.compile_ns: " records diff 1 2
want 1 "there is no record 3" records show 3
want 1 "wanted the number of a record" records show one
want 2 "did you mean 'show'?" records shw 1
want 2 "records diff wants 2 operands" records diff 1

# another process, the same bits; whether the times agree is not ours to say
want_bits() {
    "$tenon" reproduce "$@" > "$work/out" 2>&1
    grep -q '^outputs: the same bits' "$work/out" && return
    echo "reproduce $*: found:"
    cat "$work/out"
    failed=1
}
want_bits 1
want 0 "2 records to" records export "$work/all.jsonl"
head -n 1 "$work/all.jsonl" > "$work/one.json"
want_bits "$work/one.json"
sed 's/relu/abs/' "$work/m.tn" > "$work/other.tn"
want 1 "another model than the recorded one" reproduce 1 --model "$work/other.tn"
sed 's/"given"/"given_"/' "$work/one.json" > "$work/broken.json"
want 1 "field 'given' is missing" reproduce "$work/broken.json"
want 1 "line 1, column" reproduce "$work/m.tn"

# import checks all before it keeps any
want 0 "2 records from" records import "$work/all.jsonl" --db "$work/second.db"
cat "$work/all.jsonl" "$work/broken.json" > "$work/mixed.jsonl"
want 1 "record 3: the record's field 'given' is missing" records import "$work/mixed.jsonl" --db "$work/second.db"
want 1 "there is no record 3" records show 3 --db "$work/second.db"

# two writers at once
for i in 1 2 3 4; do "$tenon" $bench --db "$work/both.db" > /dev/null 2>&1 & done
wait
want 0 "     4  20" records list --db "$work/both.db"

# a sweep goes on where it ended
sweep="sweep $work/m.tn --dim N=8 --runs 5 --force --over threads=1,2 --over passes_off=,fuse --db $work/sweep.db"
want 0 "threads=2 passes_off=fuse" $sweep
want 0 "threads=1 passes_off=  (kept)" $sweep
want 0 "     4  20" records list --db "$work/sweep.db"
want 1 "there is no record 5" records show 5 --db "$work/sweep.db"
want 1 "wanted KEY=VALUE" sweep "$work/m.tn" --over threads
want 1 "threads=x: option 'threads': found 'x'" sweep "$work/m.tn" --over threads=x --db "$work/sweep.db"

# stores that are none, or damaged
echo junk > "$work/junk.db"
want 1 "damaged, or no record store" records list --db "$work/junk.db"
want 1 "damaged, or no record store" $bench --db "$work/junk.db"
[ "$(cat "$work/junk.db")" = junk ] || { echo "a file that is no store was changed"; failed=1; }
: > "$work/empty.db"
want 1 "an empty record store" records list --db "$work/empty.db"
head -c 9000 "$work/second.db" > "$work/cut.db"
want 1 "$work/cut.db" records list --db "$work/cut.db"
want 1 "cannot open the record store" $bench --db "$work/no/such/folder.db"

exit $failed
