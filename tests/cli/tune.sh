#!/bin/sh
# tenon tune: goals, bounds, the file that it writes, and going on after it was stopped. Which combination is fastest is not ours to say, but
# memory and errors are exact. usage: tune.sh TENON
set -u
tenon=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_DATA_HOME="$work/data"
failed=0

. "$(dirname "$0")/want.sh"

# without fusion each of the steps has a result of its own in memory
cat > "$work/m.tn" <<'EOT'
graph "g" {
  input %1 "x" : f32[64,N]
  %2 = exp(%1) : f32[64,N]
  %3 = add(%2, %1) : f32[64,N]
  %4 = tanh(%3) : f32[64,N]
  %5 = mul(%4, %2) : f32[64,N]
  output "y" %5
}
EOT
tune="tune $work/m.tn --dim N=100 --runs 5 --force --db $work/r.db"

want 0 "for memory: defaults" $tune --goal memory --over passes_off=fuse,stages
want 0 "passes_off=fuse  (kept)" $tune --goal memory --over passes_off=fuse,stages
want 0 "for memory: passes_off=" $tune --goal memory --set passes_off=fuse --over passes_off=fuse,
want 0 "for accuracy: defaults" $tune --goal accuracy --over threads=1
want 0 "for latency: " $tune --over threads=1
want 0 "calls/s" $tune --goal throughput --over threads=1 --streams 2

# bounds
want 1 "no combination keeps to --max-error and --max-memory" $tune --over threads=1 --max-memory 10
want 0 "(not allowed)" $tune --goal latency --max-memory 20000 --over passes_off=fuse
want 1 "no combination keeps" $tune --goal memory --over denormals=keep --max-error 0
grep -q "passes_off" "$work/out" && { echo "another search's combinations"; failed=1; }

# the file is one of options
want 0 "for memory: passes_off=" $tune --goal memory --set passes_off=fuse --over passes_off=fuse, --output "$work/best.conf"
grep -qx 'passes_off = ""' "$work/best.conf" || { echo "found:"; cat "$work/best.conf"; failed=1; }
want 0 "best.conf:2" options --config "$work/best.conf"
want 1 "/no/such/folder" $tune --goal memory --over threads=1 --output /no/such/folder/x

# no time: the defaults alone; the same command goes on
want 0 "1 of 3 combinations within the budget" $tune --goal memory --over max_specialisations=3,4 --budget 0
want 0 "for memory: defaults" $tune --goal memory --over max_specialisations=3,4

# without --over; where errors are allowed, also what is less exact
want 0 "1 of 7 combinations within the budget" $tune --goal memory --threads 1 --budget 0
want 0 "1 of 37 combinations within the budget" $tune --goal memory --threads 1 --budget 0 --max-error 0.1

# killed: what was measured is kept, and the same command ends what was begun
killed="tune $work/m.tn --dim N=100 --seconds 0.3 --force --goal memory --over max_specialisations=1,2,3,4,5,6,7,8 --db $work/k.db"
"$tenon" $killed > "$work/out" 2>&1 &
while "$tenon" records list --db "$work/k.db" 2> /dev/null | grep -c tune > "$work/n"; [ "$(cat "$work/n")" -lt 2 ]; do sleep 0.1; done
kill -9 $! && wait $! 2> /dev/null
want 0 "max_specialisations=1  (kept)" $killed
want 0 "max_specialisations=8  (kept)" $killed

want 1 "--goal: found 'speed', wanted latency" $tune --goal speed
want 1 "another size is another problem" $tune --over dim.N=1,2
want 1 "option 'threads': found 'x'" $tune --over threads=x
want 2 "tune wants one model file" tune
exit $failed
