"""Compilation and runs: names, outputs of the caller, options, errors, threads."""
import gc
import threading
import time

import numpy as np
import pytest

import tenon


def scale(shape=("n",), factor=2.0, **options):
    graph = tenon.Graph()
    graph.output("y", graph.input("x", "f32", list(shape)) * factor)
    return tenon.compile(graph, **options)


def two():
    graph = tenon.Graph()
    a, b = graph.input("a", "f32", [2]), graph.input("b", "f32", [2])
    graph.output("sum", a + b)
    graph.output("difference", a - b)
    return tenon.compile(graph)


def test_by_position_and_by_name():
    run, a, b = two(), np.array([3, 4], np.float32), np.array([1, 1], np.float32)
    for total, difference in (run(a, b), run(b=b, a=a)):
        assert total.tolist() == [4, 5] and difference.tolist() == [2, 3]
    assert run([3, 4], [1, 1])[0].tolist() == [4, 5], "lists take the input's dtype"
    tensors = run.run({"a": tenon.Tensor(a), "b": b})
    assert [t.numpy().tolist() for t in tensors] == [[4, 5], [2, 3]]


def test_outputs_of_the_caller():
    run, into = two(), np.zeros(2, np.float32)
    tensors = run.run([[3, 4], [1, 1]], [into, None])
    assert into.tolist() == [4, 5] and np.shares_memory(tensors[0].numpy(), into) and tensors[1].numpy().tolist() == [2, 3]
    run.run([[0, 0], [1, 1]], [tensors[0], tensors[1]])
    assert into.tolist() == [1, 1]
    with pytest.raises(tenon.Error):
        run.run([[3, 4], [1, 1]], [np.zeros(3, np.float32), None])
    with pytest.raises(tenon.Error):
        run.run([[3, 4], [1, 1]], [np.zeros(2, np.int32), None])
    fixed = np.zeros(2, np.float32)
    fixed.flags.writeable = False
    for bad in (fixed, np.zeros(4, np.float32)[::2], tenon.Tensor(fixed)):
        with pytest.raises(ValueError, match="output sum"):
            run.run([[3, 4], [1, 1]], [bad, None])
    with pytest.raises(ValueError, match="1 outputs, wanted 2"):
        run.run([[3, 4], [1, 1]], [None])


def test_wrong_inputs():
    run, a = two(), np.zeros(2, np.float32)
    with pytest.raises(ValueError, match="1 inputs, wanted 2: a, b"):
        run(a)
    with pytest.raises(ValueError, match="b is missing, c is none; there are a, b"):
        run(a=a, c=a)
    with pytest.raises(TypeError, match="not both"):
        run(a, b=a)
    with pytest.raises(tenon.ShapeMismatchError, match="a"):
        run(np.zeros(3, np.float32), a)
    with pytest.raises(tenon.TypeMismatchError, match="f64"):
        run(np.zeros(2), a)
    assert run(a, a)[0].tolist() == [0, 0], "an error leaves the executable as it was"


def test_new_shapes_specialise():
    run = scale()
    for n in (1, 7, 0, 7):
        assert run(np.ones(n, np.float32)).shape == (n,)
    assert run.stats["n_specialisations"] >= 2


def test_options():
    graph = tenon.Graph()
    graph.output("y", graph.input("x", "f32", [1]))
    options = tenon.Options(graph.context, {"device": "ref", "threads": 2, "cache": False})
    assert (options["device"], options["threads"], options["cache"]) == ("ref", "2", "off")
    with pytest.raises(KeyError):
        options["nothing"]
    with pytest.raises(tenon.Error, match="threads"):
        tenon.compile(graph, {"thread": 2})
    with pytest.raises(tenon.Error, match="device"):
        tenon.compile(graph, device="gpu")


def test_log_and_an_exception_in_it(monkeypatch):
    lines = []
    context = tenon.Context(log=lambda level, text: lines.append((level, text)))
    graph = tenon.Graph(context=context)
    graph.output("y", graph.input("x", "f32", [1]))
    assert tenon.compile(graph)(np.ones(1, np.float32)).tolist() == [1]
    assert all(level in ("error", "warn", "info", "debug") for level, _ in lines)
    raised = []
    monkeypatch.setattr("sys.unraisablehook", lambda args: raised.append(args.exc_value))

    def fail(level, text):
        raise RuntimeError("from the log")
    tenon._tensor._LogCallback(lambda *a: fail(*a[1:]))(None, 1, b"x")
    assert str(raised[0]) == "from the log"


def test_onnx_round_trip(tmp_path):
    graph = tenon.Graph("round")
    graph.output("y", graph.relu(graph.input("x", "f32", ["n", 2]) @ np.eye(2, dtype=np.float32)))
    tenon.save_onnx(graph, tmp_path / "m.onnx")
    for source in (tmp_path / "m.onnx", (tmp_path / "m.onnx").read_bytes()):
        run = tenon.compile(tenon.load_onnx(source))
        assert run(np.array([[1, -1]], np.float32)).tolist() == [[1, 0]]
    with pytest.raises(tenon.FileError):
        tenon.load_onnx(tmp_path / "none.onnx")
    with pytest.raises(tenon.ParseError):
        tenon.load_onnx(b"\xff\xff\xff")
    tensor = tenon.Tensor(np.arange(3, dtype=np.int64))
    tenon.save_tensor(tensor, tmp_path / "t.pb")
    assert tenon.load_tensor(tmp_path / "t.pb").numpy().tolist() == [0, 1, 2]


def test_threads_with_collections_between():
    run, failures = scale(), []
    stop = threading.Event()

    def collect():
        while not stop.is_set():
            gc.collect()

    def work(seed):
        try:
            for k in range(60):
                n = 1 + (seed * 7 + k) % 5 * 100
                wanted = np.float32(2 * k)
                result = run(np.full(n, k, np.float32))  # nobody but the call holds the input
                assert result.shape == (n,) and (result == wanted).all()
        except BaseException as error:
            failures.append(error)
    collector = threading.Thread(target=collect)
    workers = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    collector.start()
    for t in workers:
        t.start()
    for t in workers:
        t.join()
    stop.set()
    collector.join()
    assert not failures


def test_a_run_releases_the_interpreter():
    """Another thread goes on while a long run is under way."""
    graph = tenon.Graph()
    x = graph.input("x", "f32", [700, 700])
    y = x
    for _ in range(6):
        y = y @ x
    graph.output("y", y)
    run, array, ticks, done = tenon.compile(graph, device="ref"), np.zeros((700, 700), np.float32), [], threading.Event()

    def work():
        run(array)
        done.set()
    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        ticks.append(1)
        time.sleep(0.001)
    thread.join()
    assert len(ticks) > 3


def test_two_contexts_in_eight_threads():
    failures = []

    def work(k):
        try:
            context = tenon.Context()
            graph = tenon.Graph(context=context)
            graph.output("y", graph.input("x", "f32", [3]) + float(k))
            run = tenon.compile(graph)
            del graph, context
            assert run(np.zeros(3, np.float32)).tolist() == [k] * 3
        except BaseException as error:
            failures.append(error)
    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_profile():
    run = scale(shape=(4, 4), profile="every")
    for _ in range(3):
        run(np.ones((4, 4), np.float32))
    rows = run.profile()
    assert rows and all(r["runs"] == 3 and r["total_ns"] >= 3 * r["least_ns"] for r in rows)
    assert any(r["kind"] == "kernel" and r["kernel"] and r["bytes"] >= 2 * 64 for r in rows)
    assert all(isinstance(text, str) for r in rows for text in r["sources"])
    assert all(r["counts"] == {} for r in rows)
    run.reset_profile()
    assert all(r["runs"] == 0 for r in run.profile())
    some = scale(shape=(4, 4), profile=True)
    some(np.ones((4, 4), np.float32))
    assert all(r["runs"] == 1 for r in some.profile())
    counting = scale(shape=(4, 4), profile="counters")
    counting(np.ones((4, 4), np.float32))
    assert all("cpu_ns" in r["counts"] for r in counting.profile())
    with pytest.raises(tenon.InvalidArgumentError, match="profile"):
        scale().profile()
