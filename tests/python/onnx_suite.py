"""Runs the cases of onnx.backend.test through tenon.onnx_backend against onnx_expect.txt. usage: onnx_suite.py [pattern]"""
import os
import pathlib
import re
import sys
import tempfile
import unittest
import warnings

HOME = tempfile.TemporaryDirectory(prefix="tenon-onnx-")  # where the suite unpacks its models
os.environ["ONNX_HOME"] = HOME.name
warnings.filterwarnings("ignore")  # the package's own generators overflow on purpose

import onnx
import onnx.backend.test

import tenon.onnx_backend


class Result(unittest.TestResult):
    """Keeps the names of what passed too."""

    def __init__(self):
        super().__init__()
        self.passed = []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.append(test.id().split(".")[-1])


def expectations():
    excluded, wanted = [], {}
    for line in (pathlib.Path(__file__).parent / "onnx_expect.txt").read_text().splitlines():
        words = line.split(None, 2)
        if line and line[0] != "#":
            if words[0] == "exclude":
                excluded.append((re.compile(words[1]), words[2]))
            else:
                wanted[words[0]] = words[1]
    return excluded, wanted


def last_line(trace):
    return [line for line in trace.splitlines() if line.strip()][-1][:200]


def main():
    excluded, wanted = expectations()
    runner = onnx.backend.test.BackendTest(tenon.onnx_backend.TenonBackend, __name__)
    if len(sys.argv) > 1:
        runner.include(sys.argv[1])
    runner.exclude("_cuda$")
    result = Result()
    runner.test_suite.run(result)
    known, bad = 0, []
    for test, trace in result.failures + result.errors:
        name = test.id().split(".")[-1]
        if any(pattern.search(name) for pattern, _ in excluded):
            known += 1
        else:
            bad.append(f"{name}: {last_line(trace)}")
    stale = [p.pattern for p, _ in excluded
             if not any(p.search(t.id()) for t, _ in result.failures + result.errors)] if len(sys.argv) == 1 else []
    for line in bad:
        print("fails and is not listed:", line)
    for pattern in stale:
        print("listed and nothing of it fails any more, take it out:", pattern)
    print(f"onnx {onnx.__version__}: {known} fail as listed in onnx_expect.txt")
    print(f"{len(result.passed)} passed, {len(bad)} failed, {known} skipped")
    if len(sys.argv) > 1:
        return bool(bad)
    if onnx.__version__ != wanted["onnx"]:
        print(f"the list is of onnx {wanted['onnx']}: only the count is checked")
        bad, stale = [], []
    if len(result.passed) > int(wanted["passes"]) and onnx.__version__ == wanted["onnx"]:
        print("more than before: raise the number in onnx_expect.txt")
    return bool(bad or stale) or len(result.passed) < int(wanted["passes"])


sys.exit(main())
