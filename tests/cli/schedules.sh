#!/bin/sh
# tenon tune --kernels and tenon schedules: a search, what it keeps, files listed, merged and compared, damaged and full ones.
# usage: schedules.sh TENON
set -u
tenon=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_DATA_HOME="$work/data"
failed=0

. "$(dirname "$0")/want.sh"

cat > "$work/m.tn" <<'EOT'
graph "g" {
  input %1 "x" : f32[64,N]
  input %2 "w" : f32[N,48]
  %3 = matmul(%1, %2) : f32[64,48]
  %4 = softmax(%3) : f32[64,48]
  output "y" %4
}
EOT
file=$work/data/tenon/tuning.txt

# the model's kernels, of an input with open dimensions
want 1 "has no tuned schedule" run "$work/m.tn" --input x=random --input w=random --dim N=40 --set tuning=require
want 0 "kernels searched" tune "$work/m.tn" --kernels --dim N=40 --budget 1 --seconds 0.05
[ -s "$file" ] && [ -s "$file.trials" ] || { echo "no schedules in $work/data"; failed=1; }
want 0 "y f32[64,48]" run "$work/m.tn" --input x=random --input w=random --dim N=40 --set tuning=require
want 1 "has no tuned schedule" run "$work/m.tn" --input x=random --input w=random --dim N=41 --set tuning=require
want 0 '"verdict"' tune "$work/m.tn" --kernels --dim N=40 --budget 1 --seconds 0.05 --json
want 0 "0 kernels searched" tune "$work/m.tn" --kernels --dim N=40 --budget 1 --seconds 0.05
want 2 "wants no --goal" tune "$work/m.tn" --kernels --goal memory

# a record says how many schedules were not the rules'
printf 'graph "e" {\n  input %%1 "x" : f32[64,4096]\n  %%2 = exp(%%1) : f32[64,4096]\n  output "y" %%2\n}\n' > "$work/e.tn"
want 0 "median" bench "$work/e.tn" --runs 5 --record --force --db "$work/r.db" --set tuning=ignore
want 0 '"tuned": 0' records show 1 --db "$work/r.db"

# killed in the middle of a search: what was tried is kept, and the same command ends it
"$tenon" tune "$work/m.tn" --kernels --dim N=1000 --budget 1000 > "$work/out" 2>&1 &
tried=$(wc -l < "$file.trials")
while [ "$(wc -l < "$file.trials")" -le "$tried" ]; do sleep 0.1; done
kill -9 $! && wait $! 2> /dev/null
want 0 "kernels searched" tune "$work/m.tn" --kernels --dim N=1000 --budget 0 --seconds 0.05

# lists
want 0 "mm w" schedules list
want 0 "mm w" schedules list "$file" --current
want 0 '"schedules"' schedules list --json
want 0 "schedule " schedules list "$work/none"
cp "$file" "$work/a"
printf 'tn1\t0123456789abcdef\tcpu\tgen\tmr=2\t1\t1\t1\tforged\n' >> "$work/a"
want 0 "1 damaged lines left out" schedules list "$work/a"
grep -q forged "$work/out" && { echo "a forged line is listed"; failed=1; }
want 0 "are damaged: not used" run "$work/m.tn" --input x=random --input w=random --dim N=40 --set tuning=require --set tuning_file="$work/a"

# files: two halves merged are the whole
head -n 2 "$file" > "$work/b"
tail -n +3 "$file" > "$work/c"
want 1 "+ " schedules diff "$work/b" "$file"
want 0 " 0 before" schedules merge "$work/d" "$work/b" "$work/c"
"$tenon" schedules diff "$work/d" "$file" > "$work/out" 2>&1 && [ ! -s "$work/out" ] || { echo "merged halves differ from the whole"; failed=1; }
want 1 "cannot open" schedules merge "$work/d" "$work/none"
want 2 "did you mean 'merge'" schedules merg
want 2 "schedules wants list" schedules diff "$work/b"

# where nothing can be kept
want 1 "not a regular file" run "$work/m.tn" --input x=random --input w=random --dim N=42 --set tuning=record --set tuning_budget_ms=0 --set tuning_file="$work"
want 1 "found '', wanted a file" tune "$work/m.tn" --kernels --dim N=40 --set tuning_file=
if [ -w /dev/full ]; then want 1 "" run "$work/m.tn" --input x=random --input w=random --dim N=42 --set tuning=record --set tuning_budget_ms=0 --set tuning_file=/dev/full; fi
exit $failed
