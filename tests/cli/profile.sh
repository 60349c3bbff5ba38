#!/bin/sh
# tenon profile: shares of measured ceilings. No time is looked at: the ceilings are planted so low or so high that any time gives the same.
# usage: profile.sh TENON
set -u
tenon=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"
failed=0

. "$(dirname "$0")/want.sh"
. "$(dirname "$0")/ceilings.sh"

cat > "$work/m.tn" <<'EOT'
graph "g" {
  input %1 "x" : f32[64,64]
  input %2 "y" : f32[64,64]
  %3 = matmul(%1, %2) : f32[64,64]
  %4 = transpose(%3) {perm = [1, 0]} : f32[64,64]
  output "z" %4
}
EOT
profile="profile $work/m.tn --seconds 0"

# near either ceiling
kept 1 1.0 1e30 ""
want 0 "ceilings of 1 thread, measured here: 0.0 GFLOP/s f32" $profile --threads 1
grep -q '% compute  kernel ' "$work/out" || { echo "no kernel at the ceiling of computation:"; cat "$work/out"; failed=1; }
grep -q "came from caches" "$work/out" && { echo "a note on caches where nothing is over 100 %"; failed=1; }
kept 1 1e30 1.0 ""
want 0 "more than 100 % of the rate of memory: those bytes came from caches" $profile --threads 1
grep -q '% memory   kernel ' "$work/out" || { echo "no kernel at the ceiling of memory:"; cat "$work/out"; failed=1; }
want 0 '"nearer": "memory"' $profile --threads 1 --json
grep -q '"product_dtype": "f32"' "$work/out" || { echo "no products of f32:"; cat "$work/out"; failed=1; }

# a step without products that is far from the rate of memory: what it waits for is not known
kept 1 1e30 1e30 ""
want 0 '"nearer": null' $profile --threads 1 --json

# other numbers of threads have ceilings of their own, measured now where none are kept
want 0 "ceilings of 3 threads, measured here: " $profile --threads 3
grep -q ', 3 threads"' "$XDG_CACHE_HOME/tenon/ceilings.json" || { echo "the ceilings of 3 threads were not kept"; failed=1; }
grep -q ', 1 threads"' "$XDG_CACHE_HOME/tenon/ceilings.json" || { echo "those of 1 thread are gone"; failed=1; }

# distorted ones are measured again; a disturbance only makes a figure smaller, so what was larger stays as long as the new ones are distorted
# too, and more threads than processors always are
threads=$(($(field processors) + 1))
kept $threads 1e30 1.0 '"other programs"'
want 0 "ceilings of $threads threads, measured here: 1000000000" $profile --threads $threads
want 0 "distorted, so shares may be too large: $threads threads on $(field processors) processors" $profile --threads $threads

# counters: those that every system has, and the others or why not; a step's own, not the reading alone
want 0 "counted, a mean of the runs" $profile --threads 2 --counters
grep -q 'cpu_ns      page_faults context_switches' "$work/out" || { echo "no counters of the system:"; cat "$work/out"; failed=1; }
grep -q '^not counted: .*(.*[a-z].*)$' "$work/out" || grep -q 'cycles.*cpu_ns' "$work/out" || { echo "cycles neither counted nor missing:"; cat "$work/out"; failed=1; }
[ "$(grep -c ' kernel  *tn_mm' "$work/out")" -eq 2 ] || { echo "no row of both kinds:"; cat "$work/out"; failed=1; }
want 0 '"cpu_ns": ' $profile --threads 2 --counters --json
grep -q '"not_counted": \[' "$work/out" || { echo "nothing on what is not counted:"; cat "$work/out"; failed=1; }
want 0 '"nearer"' $profile --threads 2 --json
grep -q 'cpu_ns\|not_counted' "$work/out" && { echo "counters that nobody asked for"; failed=1; }

# a damaged file is an empty one, a folder that cannot be written to is no error
printf '{' > "$XDG_CACHE_HOME/tenon/ceilings.json"
want 0 "ceilings of 1 thread, measured here: " $profile --threads 1
XDG_CACHE_HOME=/dev/null/x
want 0 "ceilings of 1 thread, measured here: " $profile --threads 1

[ $failed -eq 0 ] && echo "profile: ok"
exit $failed
