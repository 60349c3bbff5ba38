#!/bin/sh
# tenon report: the page of planted records and of a model, as text and in headless Chromium, light and dark.
# usage: report.sh TENON; 77: without python3, or, after all else is right, without a Chromium that starts
set -u
tenon=$1
here=$(cd "$(dirname "$0")" && pwd)
command -v python3 > /dev/null || { echo "skipped: no python3"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_DATA_HOME="$work/data" PYTHONDONTWRITEBYTECODE=1
failed=0
. "$here/want.sh"

fail() {
    echo "$*"
    failed=1
}
page() { python3 "$here/check_page.py" page "$@" || fail "check_page $*"; }

cat > "$work/m.tn" <<'EOF'
graph "g" {
  input %1 "x" : f32[64,64]
  %2 = matmul(%1, %1) : f32[64,64] @ "<script>alert(1)</script>", "\x1b[0m"  # a<b>&"c'
  %3 = softmax(%2) : f32[64,64]
  %4 = matmul(%3, %1) : f32[64,64]
  %5 = add(%4, %2) : f32[64,64]
  output "y" %5
}
EOF

# ---- without records -------------------------------------------------------------------------------------------------
want 1 "cannot open the record store" report
want 2 "found 2" report a b
want 2 "wanted at least 1" report --last 0
want 0 "record 1 in" bench "$work/m.tn" --runs 5 --threads 1 --record --force
want 0 "1 records to" records export "$work/base.jsonl"
rm -r "$XDG_DATA_HOME"
: > "$work/none.jsonl"
want 0 "0 records from" records import "$work/none.jsonl"
want 1 "no records; tenon bench --record keeps some" report

# ---- planted records -------------------------------------------------------------------------------------------------
python3 - "$work" <<'EOF' || exit 1
import copy, json, re, sys
work = sys.argv[1]
base = json.load(open(work + "/base.jsonl"))
if not re.fullmatch("|[0-9a-f]{12}(-dirty)?", base["environment"]["commit"]):
    sys.exit("the record's commit is " + base["environment"]["commit"])
def record(**change):
    r = copy.deepcopy(base)
    r.update(median_s=1e-3, low_s=0.9e-3, high_s=1.2e-3, distortions=[])
    r.update(change)
    return r
hostile = "</style><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"
environment = lambda commit, cpu="A machine": dict(base["environment"], commit=commit, cpu=cpu)
options = lambda **change: dict(base["options"], **change)
model = lambda path, sha: {"path": path, "sha256": sha}
some = [record(environment=environment(c), median_s=m, low_s=m * 0.9, high_s=m * 1.1, options=options(threads=t), model=model("m", "a" * 64), time=f"2026-01-0{d}T00:00:00Z")
        for d, c, m, t in ((1, "aaaa", 1e-3, "1"), (1, "aaaa", 6e-4, "2"), (2, "bbbb", 2e-3, "1"), (3, "cccc", 5e-2, "10"))]
some[1]["distortions"] = ["others used 9 % " + hostile]
odd = [record(name=hostile, kind=hostile, time=hostile, environment=environment(hostile, hostile), options=options(passes_off=hostile), model=model(hostile, hostile)),
       record(name=hostile, model=model(hostile, hostile), time="2026-01-04T00:00:00Z", low_s="low", high_s=None),
       record(name=hostile, model=model(hostile, hostile), low_s=5, high_s=4, distortions="none"),
       record(name=hostile, model=model(hostile, hostile), distortions=[1, {"a": hostile}], environment=["no"], stats=7),
       record(median_s="fast"), record(median_s=-1), record(median_s=1e300), record(median_s=None)]
for name, records in (("some", some), ("odd", odd), ("bad", odd[4:5])):
    open(f"{work}/{name}.jsonl", "w").writelines(json.dumps(r) + "\n" for r in records)
EOF
for name in some odd bad; do want 0 "records from" records import "$work/$name.jsonl" --db "$work/$name.db"; done

want 0 "report to" report --db "$work/some.db" --output "$work/some.html"
page "$work/some.html" "1 ms" "900 µs to 1.1 ms" "0.1.0 aaaa" "threads=10" "distorted" "others used 9 %" "A machine" "logarithmic" "cccc" "manifest"
grep -q 'class="hollow' "$work/some.html" || fail "a distorted record has no mark of its own"
[ -e "$work/some.html.part" ] && fail "some.html.part was left"
# an option is the axis: in the order of its numbers
want 0 "report to" report --db "$work/some.db" --over threads --output "$work/threads.html"
grep -o 'rotate(-30)">[^<]*' "$work/threads.html" | sed 's/.*>//' | tr '\n' ' ' > "$work/ticks"
[ "$(cat "$work/ticks")" = "1 2 10 " ] || fail "--over threads: the axis has '$(cat "$work/ticks")'"
want 1 "--over: no record has 'colour'" report --db "$work/some.db" --over colour
want 0 "2 older records are left out" report --db "$work/some.db" --last 2
want 1 "there is no record 9" report --db "$work/some.db" --records 1,9
want 1 "found 'x', wanted numbers" report --db "$work/some.db" --records x
want 1 "no record has 'zzz' in its name" report --db "$work/some.db" --name zzz
want 0 "report to" report --db "$work/some.db" --records 2,4 --output "$work/two.html"
[ "$(grep -c '<tr id="r' "$work/two.html")" = 2 ] || fail "--records 2,4 does not show two"

want 0 "report to" report --db "$work/odd.db" --output "$work/odd.html"
page "$work/odd.html" "<script>alert(1)</script>" "no interval of the median" "'median_s' is no time" "'distortions' is no list"
want 1 "none of its records can be shown" report --db "$work/bad.db"
want 1 "cannot write '$work/no/page.html'" report --db "$work/some.db" --output "$work/no/page.html"

# ---- a model ---------------------------------------------------------------------------------------------------------
want 0 "report to" report "$work/m.tn" --threads 2 --seconds 0 --output "$work/bare.html"
page "$work/bare.html" "memory read, 2 threads" "No record of this store"
want 0 "record 1 in" bench "$work/m.tn" --runs 5 --threads 1 --record --force
want 0 "report to" report "$work/m.tn" --threads 2 --seconds 0 --output "$work/model.html"
page "$work/model.html" "Roofline" "One run over time" "Memory over time" "Steps" "of ceiling" "f32 multiply-add, 2 threads" "worker 0" "sha256" "16 KiB" "<script>alert(1)</script>"
for class in 'dot c0" fill-opacity' 'class="area' 'class="bar' 'id="k0"' 'id="r1"'; do
    grep -q "$class" "$work/model.html" || fail "model.html has no $class"
done
want 1 "keeps no times of steps" report "$work/m.tn" --device ref
want 1 "none.tn" report "$work/none.tn"
XDG_DATA_HOME="$work/nowhere" want 0 "cannot open the record store" report "$work/m.tn" --seconds 0

# ---- what check_page is to find, it finds ------------------------------------------------------------------------------
refuse() {
    sed "$2" "$work/some.html" > "$work/planted.html"
    cmp -s "$work/some.html" "$work/planted.html" && fail "nothing was planted by $2"
    python3 "$here/check_page.py" page "$work/planted.html" > "$work/out" && fail "check_page takes $2"
    grep -qF "$1" "$work/out" || fail "$2: wanted '$1', found: $(cat "$work/out")"
}
refuse "links to" 's/href="#r1"/href="http:..a"/'
refuse "found 2 <script>" 's/<h2>/<script><\/script><h2>/'
refuse "the id of #r1" 's/id="r1"/id="r1x"/'
refuse "closes" 's/<h2>/<b><h2>/'
refuse "contrast" 's/--c1:#[0-9a-f]*/--c1:#eeeeee/'

# ---- in a browser ------------------------------------------------------------------------------------------------------
[ $failed = 0 ] || exit 1
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "skipped: no chromium"; exit 77; }
chromium() { timeout 200 "$browser" --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$work/browser" --enable-logging=stderr "$@" 2> "$work/log"; }
echo '<!DOCTYPE html><body><script>document.write("ran");throw "planted"</script>' > "$work/control.html"
chromium --dump-dom "file://$work/control.html" > "$work/dom"
grep -q "<body>.*ran" "$work/dom" || { echo "skipped: chromium does not start here: $(tail -1 "$work/log")"; exit 77; }
grep -q "CONSOLE.*planted" "$work/log" || fail "an error of a page is not in the log of chromium"

for name in some odd model; do
    chromium --dump-dom "file://$work/$name.html" > "$work/dom"
    grep -q CONSOLE "$work/log" && fail "$name.html: $(grep CONSOLE "$work/log")"
    for what in '<tr' '<svg' '<path' '<circle' '<rect' '<section' '<pre'; do
        [ "$(grep -o "$what" "$work/$name.html" | wc -l)" = "$(grep -o "$what" "$work/dom" | wc -l)" ] || fail "$name.html: not all $what are in the DOM"
    done
    grep -q '<th class="n"><button>' "$work/dom" || fail "$name.html: the script has made no buttons"
    for scheme in 0 1; do
        chromium --blink-settings=preferredColorScheme=$scheme --window-size=800,600 --screenshot="$work/$scheme.png" "file://$work/$name.html" > /dev/null
    done
    python3 "$here/check_page.py" pictures "$work/1.png" "$work/0.png" || fail "$name.html: light and dark"
done
# a click on a header sorts
{ cat "$work/some.html"; echo '<script>[...document.querySelectorAll("th button")].find(b=>b.textContent=="median").click()</script>'; } > "$work/click.html"
python3 "$here/check_page.py" sorted "$work/some.html" r1 5 > /dev/null && fail "the rows are sorted before the click"
chromium --dump-dom "file://$work/click.html" > "$work/clicked.html"
python3 "$here/check_page.py" sorted "$work/clicked.html" r1 5 || fail "a click does not sort"
exit $failed
