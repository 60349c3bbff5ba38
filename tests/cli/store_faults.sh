#!/bin/sh
# Record stores that go wrong in other ways than by their bytes: held by another program, of a newer version, of another program, on a full or
# read-only disk, and writers that are killed. Nothing recorded is lost, nothing half-written is recorded. Small file systems are mounted
# in a namespace of this script's own. usage: store_faults.sh TENON
set -u
if [ "${2:-}" != inside ]; then
    for needed in python3 unshare; do
        command -v $needed > /dev/null || { echo "skipped: $needed is not here"; exit 77; }
    done
    unshare -rm sh -c 'mount -t tmpfs none /mnt' 2> /dev/null || { echo "skipped: no file systems can be mounted here"; exit 77; }
    exec unshare -rm sh "$0" "$1" inside
fi
tenon=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_DATA_HOME="$work/data"
failed=0

. "$(dirname "$0")/want.sh"

sql() { # FILE STATEMENTS: what python's SQLite says
    python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
for statement in sys.argv[2].split(";"):
    for row in c.execute(statement): print(*row)
c.commit()' "$1" "$2"
}

cat > "$work/m.tn" <<'EOT'
graph "g" {
  input %1 "x" : f32[4,8]
  %2 = relu(%1) : f32[4,8]
  output "y" %2
}
EOT
bench="bench $work/m.tn --runs 5 --threads 1 --record --force"

want 0 "record 1 in" $bench --db "$work/a.db"

# of a newer version, or another program's
cp "$work/a.db" "$work/newer.db"
sql "$work/newer.db" "PRAGMA user_version = 2"
want 1 "made by a newer Tenon (store version 2, this one knows 1)" $bench --db "$work/newer.db"
want 1 "made by a newer Tenon" records list --db "$work/newer.db"
[ "$(sql "$work/newer.db" "SELECT count(*) FROM record")" = 1 ] || { echo "a newer store was changed"; failed=1; }
sql "$work/other.db" "CREATE TABLE mine(x)"
want 1 "an SQLite file, but no record store of Tenon" $bench --db "$work/other.db"

# a record that was changed behind our back
cp "$work/a.db" "$work/forged.db"
sql "$work/forged.db" "UPDATE record SET json = replace(json, '\"threads\"', '\"threats\"')"
want 1 "record 1 is damaged: its hash does not fit" records show 1 --db "$work/forged.db"
want 1 "record 1 is damaged: its hash does not fit" records export "$work/forged.jsonl" --db "$work/forged.db"

# held by another program for longer than the tool waits
mkfifo "$work/hold"
python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("BEGIN EXCLUSIVE")
open(sys.argv[2], "w").close()
sys.stdin.read()' "$work/a.db" "$work/held" < "$work/hold" &
exec 3> "$work/hold"
while [ ! -e "$work/held" ]; do sleep 0.1; done
want 1 "another program has held the record store for 10 s" $bench --db "$work/a.db"
want 0 "     1  20" records list --db "$work/a.db"
exec 3>&-
wait
want 0 "record 2 in" $bench --db "$work/a.db"

# a disk that fills: what is recorded stays, what does not fit is refused, and there is room again later
mkdir "$work/small"
mount -t tmpfs -o size=256k none "$work/small"
want 0 "record 1 in" $bench --db "$work/small/r.db"
dd if=/dev/zero of="$work/small/ballast" bs=4k 2> /dev/null
"$tenon" $bench --db "$work/small/r.db" > "$work/out" 2>&1
found=$?
{ [ $found = 1 ] && grep -q "$work/small/r.db: .*\(disk is full\|disk I/O error\)" "$work/out"; } ||
    { echo "full disk: exit code $found, found:"; cat "$work/out"; failed=1; }
rm "$work/small/ballast"
want 0 '"kind": "bench"' records show 1 --db "$work/small/r.db"
want 1 "there is no record 2" records show 2 --db "$work/small/r.db"
want 0 "record 2 in" $bench --db "$work/small/r.db"

# read-only: refused for writing, said why, and still read
mount -o remount,ro "$work/small"
want 1 "$work/small/r.db: read-only" $bench --db "$work/small/r.db"
want 0 "     2  20" records list --db "$work/small/r.db"
umount "$work/small"
mkdir "$work/log"
mount -t tmpfs none "$work/log"
want 0 "record 1 in" $bench --db "$work/log/a?b%.db"
python3 -c 'import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("UPDATE record SET key = key")
c.commit()
os._exit(0)' "$work/log/a?b%.db"
mount -o remount,ro "$work/log"
want 1 "copy both to where they can be written" records list --db "$work/log/a?b%.db"
mount -o remount,rw "$work/log"
want 0 "     1  20" records list --db "$work/log/a?b%.db"
mount -o remount,ro "$work/log"
want 0 "     1  20" records list --db "$work/log/a?b%.db"
umount "$work/log"

# writers that are killed: every record that was reported is there, and all that is there is whole
touch "$work/reported"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    "$tenon" $bench --db "$work/killed.db" >> "$work/reported" 2>&1 &
    sleep "0.0$((i * 7 % 10))$i"
    kill -9 $! 2> /dev/null
    wait $! 2> /dev/null
done
want 0 "record" $bench --db "$work/killed.db"
[ "$(sql "$work/killed.db" "PRAGMA integrity_check")" = ok ] || { echo "a killed writer left a damaged store"; failed=1; }
for id in $(sed -n 's/^record \([0-9]*\) in.*/\1/p' "$work/reported"); do want 0 '"kind": "bench"' records show "$id" --db "$work/killed.db"; done
want 0 "records to" records export "$work/killed.jsonl" --db "$work/killed.db"

exit $failed
