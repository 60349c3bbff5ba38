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

SOURCE, ROOT = map(pathlib.Path, sys.argv[1:3]) if len(sys.argv) > 2 else (None, None)
RESULTS = "bench/results/autograd.json"
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


def run_tests():
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
    result = {"plain": plain, "passed": passed, "failed": failed, "skipped": skipped, "compiled": counts["compiled"], "whole": whole,
              "inside": inside, "stay": dict(stay)}
    return result, not failed and not plain_failed


def test_lines(r):
    stay = collections.Counter(r["stay"])
    lines = [f"Tests of autograd: {r['plain']} pass without the bridge, **{r['passed']} pass, {r['failed']} fail** and {r['skipped']} are skipped "
             f"with it. {r['compiled']} programs were compiled ({r['whole']} functions could not be recorded and ran as they are); of their "
             f"{r['inside'] + sum(stay.values())} primitives {r['inside']} ran in Tenon, {sum(stay.values())} stayed with NumPy:", ""]
    return lines + [f"- {n} {why}" for why, n in stay.most_common(8)]


def run_examples():
    done = subprocess.run([sys.executable, ROOT / "examples/autograd_bridge/bench.py", SOURCE / "examples"], check=True, capture_output=True, text=True)
    *table, manifest = done.stdout.strip().splitlines()
    print("\n".join(table))
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True).stdout.strip()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return {"table": table, **json.loads(manifest), "commit": commit or "no commit", "cpu": cpu, "processors": os.cpu_count(), "load": os.getloadavg()[0]}


def example_lines(m):
    return [*m["table"], "", f"Tenon {m['tenon']} at {m['commit']}, autograd {m['autograd']}, NumPy {m['numpy']}, Python {m['python']}; {m['cpu']}, "
            f"{m['processors']} processors; load {m['load']:.1f} at the end; `scripts/autograd-bridge`. Results: `{RESULTS}`."]


def section(record):
    """What docs/bridges.md has between its marks."""
    return "\n".join([MARK[0], *test_lines(record["tests"]), "", *example_lines(record["examples"]), MARK[1]])


def main():
    what, good, results = sys.argv[3:], True, ROOT / RESULTS
    record = json.loads(results.read_text()) if results.exists() else {}  # of the latest run of each
    if "--bench" not in what:
        record["tests"], good = run_tests()
    if "--tests" not in what:
        record["examples"] = run_examples()
    if "--write" in what:
        results.write_text(json.dumps(record, indent=1) + "\n")
        page = ROOT / "docs" / "bridges.md"
        before, rest = page.read_text().split(MARK[0])
        page.write_text(before + section(record) + rest.split(MARK[1])[1])
    sys.exit(not good)


if __name__ == "__main__":
    main()
