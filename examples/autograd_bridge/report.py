"""Runs autograd's own tests with and without the bridge, and its examples, and writes the numbers into docs/bridges.md. By scripts/autograd-bridge."""
import collections
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

SOURCE, ROOT = map(pathlib.Path, sys.argv[1:3])
MARK = "<!-- autograd: made by scripts/autograd-bridge, do not edit -->", "<!-- autograd: end -->"


def tests(bridge):
    """Passed, failed, skipped; and what the bridge counted."""
    with tempfile.TemporaryDirectory() as temp:
        counted = pathlib.Path(temp) / "counts.json"
        command = [sys.executable, "-m", "pytest", "-q", "tests", "-c", os.devnull, f"--rootdir={SOURCE}", "-p", "no:cacheprovider",
                   f"--junitxml={temp}/result.xml", "--tb=short", *(["-p", "plugin"] if bridge else [])]
        done = subprocess.run(command, cwd=SOURCE, env={**os.environ, "BRIDGE_COUNTS": str(counted)}, capture_output=True, text=True)
        suite = xml.parse(f"{temp}/result.xml").getroot().find("testsuite")
        total, failed, skipped = (int(suite.get(k)) for k in ("tests", "failures", "skipped"))
        failed += int(suite.get("errors"))
        if failed:
            print(done.stdout[-6000:])
        return (total - failed - skipped, failed, skipped), collections.Counter(json.loads(counted.read_text()) if bridge else {})


def test_lines():
    (plain, plain_failed, _), _ = tests(False)
    (passed, failed, skipped), counts = tests(True)
    inside = sum(n for k, n in counts.items() if k.startswith("node "))
    stay = collections.Counter()
    for k, n in counts.items():
        if k.startswith("stays "):
            name, why = k[6:].split(": ", 1)
            stay["complex numbers" if why.startswith("complex") else f"`{name}`: {why}"] += n
    whole = sum(n for k, n in counts.items() if k.startswith("plain"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    lines = [f"Tests of autograd: {plain} pass without the bridge, **{passed} pass, {failed} fail** and {skipped} are skipped with it. "
             f"{counts['compiled']} programs were compiled ({whole} functions could not be recorded and ran as they are); of their "
             f"{inside + sum(stay.values())} primitives {inside} ran in Tenon, {sum(stay.values())} stayed with NumPy:", ""]
    lines += [f"- {n} {why}" for why, n in stay.most_common(8)]
    return lines, not failed and not plain_failed


def bench_lines():
    done = subprocess.run([sys.executable, ROOT / "examples/autograd_bridge/bench.py", SOURCE / "examples"], check=True, capture_output=True, text=True)
    *table, manifest = done.stdout.strip().splitlines()
    print("\n".join(table))
    m = json.loads(manifest)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True).stdout.strip()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return [*table, "", f"Tenon {m['tenon']} at {commit or 'no commit'}, autograd {m['autograd']}, NumPy {m['numpy']}, Python {m['python']}; {cpu}, "
            f"{os.cpu_count()} processors; load {os.getloadavg()[0]:.1f} at the end; `scripts/autograd-bridge`."]


def main():
    what, good = sys.argv[3:], True
    kept = {part: SOURCE / f"{part}.md" for part in ("tests", "bench")}  # of the latest run of each
    if "--bench" not in what:
        lines, good = test_lines()
        kept["tests"].write_text("\n".join(lines) + "\n")
    if "--tests" not in what:
        kept["bench"].write_text("\n".join(bench_lines()) + "\n")
    if "--write" in what:
        page = ROOT / "docs" / "bridges.md"
        before, rest = page.read_text().split(MARK[0])
        page.write_text(before + MARK[0] + "\n" + "\n".join(f.read_text() for f in kept.values()) + MARK[1] + rest.split(MARK[1])[1])
    sys.exit(not good)


main()
