"""Custom ops as Python functions."""
import gc
import threading
import weakref

import numpy as np
import pytest

import tenon


def build(context, name, *shapes, outputs=1, **attributes):
    graph = tenon.Graph(context=context)
    values = [graph.input(f"x{i}", "f32", shape) for i, shape in enumerate(shapes)]
    made = graph.custom(name, *values, outputs=outputs, **attributes)
    for k, v in enumerate(made if outputs > 1 else [made]):
        graph.output(f"y{k}", graph.neg(v) if v.dtype == "f32" else v)
    return graph


@pytest.mark.parametrize("device", ["ref", "cpu"])
def test_functions_with_attributes_and_types_of_their_own(device):
    context = tenon.Context()
    context.register("mine::scale", lambda x, factor, note, by: x * np.float32(factor) + np.float32(sum(by)))
    run = tenon.compile(build(context, "mine::scale", [3], factor=2.0, note="hello", by=[1, 2]), device=device)
    assert run(np.array([1, 2, 3], np.float32)).tolist() == [-5, -7, -9]
    context.register("mine::order", lambda x, y: (np.argsort(x), x[:, None] * y), inputs=2, outputs=2,
                     infer=lambda x, y: [("i64", x[1]), (x[0], x[1] + y[1])])
    order, product = tenon.compile(build(context, "mine::order", ["n"], [2], outputs=2), device=device)(
        np.array([3, 1, 2], np.float32), np.array([1, 10], np.float32))
    assert order.tolist() == [1, 2, 0] and product.tolist() == [[-3, -30], [-1, -10], [-2, -20]]


def test_the_functions_live_as_long_as_an_executable_has_them():
    class Kernel:
        def __call__(self, x):
            return x + 1
    context, kernel = tenon.Context(), Kernel()
    watch = weakref.ref(kernel)
    context.register("mine::one", kernel)
    run = tenon.compile(build(context, "mine::one", [2]))
    context.unregister("mine::one")
    del kernel, context
    gc.collect()
    assert run(np.zeros(2, np.float32)).tolist() == [-1, -1]
    del run
    gc.collect()
    assert watch() is None


def test_exceptions_are_the_cause_of_the_error():
    context = tenon.Context()

    def fail(x):
        raise KeyError("no such thing")
    context.register("mine::fail", fail)
    run = tenon.compile(build(context, "mine::fail", [2]))
    for _ in range(3):
        with pytest.raises(tenon.InvalidArgumentError, match="KeyError: 'no such thing'") as caught:
            run(np.zeros(2, np.float32))
        assert isinstance(caught.value.__cause__, KeyError)
    context.register("mine::infer", lambda x: x, infer=fail)
    with pytest.raises(tenon.Error, match="no such thing"):
        build(context, "mine::infer", [2])
    for name, function, text in [("shape", lambda x: x[:1], "shape|dim|found"), ("type", lambda x: x.astype(float), "float64"),
                                 ("count", lambda x: (x, x), "2 results"), ("write", lambda x: x.fill(0) or x, "read-only")]:
        context.register(f"mine::{name}", function)
        with pytest.raises(tenon.Error, match=text):
            tenon.compile(build(context, f"mine::{name}", [2]))(np.zeros(2, np.float32))
    with pytest.raises(tenon.Error, match="fail"):
        context.register("mine::fail", fail)
    with pytest.raises(tenon.Error):
        build(context, "mine::nothing", [2])


def test_inputs_cannot_be_kept():
    context, kept = tenon.Context(), []
    for name, keep in (("array", lambda x: x), ("view", lambda x: x[1:])):
        context.register(f"mine::{name}", lambda x, keep=keep: kept.append(keep(x)) or x * 2)
        with pytest.raises(tenon.Error, match="input 0 was kept"):
            tenon.compile(build(context, f"mine::{name}", [2]))(np.zeros(2, np.float32))
        kept.clear()
    context.register("mine::same", lambda x: x)
    assert tenon.compile(build(context, "mine::same", [2]))(np.ones(2, np.float32)).tolist() == [-1, -1]


def test_threads():
    context, failures = tenon.Context(), []
    context.register("mine::twice", lambda x: x * 2)
    run = tenon.compile(build(context, "mine::twice", [100]))

    def work(k):
        for _ in range(50):
            if not (run(np.full(100, k, np.float32)) == -2 * k).all():
                failures.append(k)
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
