"""What the package says of itself: generated files, types, the README, the end of the process."""
import inspect
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import tenon

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_generated_files_are_current():
    if not shutil.which("cc"):
        pytest.skip("no C preprocessor here")
    done = subprocess.run([sys.executable, ROOT / "scripts" / "make-python", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_are_strict():
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", ROOT / "build" / "mypy", "--config-file",
                           ROOT / "pyproject.toml", "-p", "tenon"],
                          cwd=ROOT / "python", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_public_has_a_text():
    for name in tenon.__all__:
        thing = getattr(tenon, name)
        assert thing.__doc__, name
        if inspect.isclass(thing):
            for member, function in vars(thing).items():
                if inspect.isfunction(function) and not member.startswith("_") and len(inspect.getsource(function).splitlines()) > 6:
                    assert function.__doc__, f"{name}.{member}"


def test_every_op_has_a_method():
    names = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "ops.md").read_text(), re.M)
    assert len(names) > 150
    missing = [n for n in names if not hasattr(tenon.Graph, n) and not hasattr(tenon.Graph, n + "_")]
    assert missing == [], "run scripts/make-python"


def test_classes_are_those_of_the_table():
    codes = {c.code_name for c in tenon.Error.__subclasses__()}
    table = (ROOT / "include" / "tenon" / "errors.def").read_text()
    assert codes <= set(re.findall(r"^TN_ERROR\( (\w+),", table, re.M))


def test_readme():
    text = (ROOT / "README.md").read_text()
    program = re.search(r"```python\n(.*?)```", text, re.S)[1]
    wanted = re.search(r"```python\n.*?```\n+prints `(.*?)`", text, re.S)[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == wanted, done.stderr


def test_onnx_backend_runs_nodes_and_models():
    import numpy as np
    from onnx import helper

    import tenon.onnx_backend as backend

    node = helper.make_node("Gemm", ["a", "b"], ["y"], transB=1)
    a, b = np.ones((2, 3), np.float32), np.arange(6, dtype=np.float32).reshape(2, 3)
    result = backend.run_node(node, [a, b])
    assert result["y"].tolist() == result[0].tolist() == (a @ b.T).tolist()
    clip = helper.make_node("Clip", ["x", "", "high"], ["y"])
    assert backend.run_node(clip, {"x": a * 5, "high": np.float32(2)}, opset_version=13).y.max() == 2
    assert backend.supports_device("CPU") and not backend.supports_device("CUDA")
    model = helper.make_model(helper.make_graph([helper.make_node("NoSuchOp", ["x"], ["y"])], "g",
                                                [helper.make_tensor_value_info("x", 1, [1])], []))
    assert not backend.is_compatible(model)
    with pytest.raises(tenon.UnsupportedError, match="NoSuchOp"):
        backend.prepare(model)
    with pytest.raises(ValueError, match="CUDA"):
        backend.prepare(model, "CUDA")


def test_the_process_ends_well_with_everything_alive():
    program = ("import tenon, numpy as np\n"
               "g = tenon.Graph(context=tenon.Context(log=lambda *a: None))\n"
               "g.output('y', g.input('x', 'f32', [2]) + np.ones(2, np.float32))\n"
               "run = tenon.compile(g)\n"
               "y = run.run([np.ones(2, np.float32)])[0]\n"
               "view = y.numpy()\n"
               "cycle = [y, run, g]; cycle.append(cycle)\n")
    done = subprocess.run([sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""


def test_a_missing_library_is_named():
    done = subprocess.run([sys.executable, "-c", "import tenon"], env={"PYTHONPATH": str(ROOT / "python"), "TENON_LIBRARY": "/no/such.so"},
                          capture_output=True, text=True)
    assert done.returncode == 1 and "ImportError: tenon: /no/such.so" in done.stderr
