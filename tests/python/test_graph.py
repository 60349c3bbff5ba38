"""Graphs: operators against NumPy, shapes, attributes, sub-graphs, errors."""
import operator

import numpy as np
import pytest

import tenon

A = np.array([[1.5, -2, 3], [4, -5, 6.5]], np.float32)
B = np.array([2, 0.5, -3], np.float32)
I = np.array([[7, -8, 9], [-10, 11, 12]], np.int64)


def evaluate(build, *arrays):
    """What the graph of build(values...) gives on both devices, which must agree."""
    graph = tenon.Graph()
    values = [graph.input(f"x{i}", a.dtype, a.shape) for i, a in enumerate(arrays)]
    graph.output("y", build(*values))
    results = [tenon.compile(graph, device=device)(*arrays) for device in ("ref", "cpu")]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
    return results[1]


def check(build, *arrays):
    wanted = build(*arrays)
    result = evaluate(build, *arrays)
    assert result.dtype == np.asarray(wanted).dtype and result.shape == np.shape(wanted)
    np.testing.assert_allclose(result, wanted, rtol=1e-5)


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.lt, operator.le, operator.gt,
                                operator.ge, operator.eq, operator.ne, operator.mod, operator.floordiv])
def test_two_operands(op):
    check(op, A, B)
    check(lambda x: op(x, 2.0) if isinstance(x, tenon.Value) else op(x, np.float32(2)), A)
    check(lambda x: op(2.0, x) if isinstance(x, tenon.Value) else op(np.float32(2), x), A)
    check(lambda x: op(B, x), A)


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.mod, operator.floordiv, operator.and_, operator.or_,
                                operator.xor, operator.lt, operator.eq])
def test_two_integers(op):
    check(op, I, np.array([3, -4, 5]))
    check(lambda x: op(x, 3), I)


def test_powers_matmul_and_signs():
    check(lambda x: x ** 2, A)
    check(lambda x: abs(x) ** np.float32(1.5), A)
    check(lambda x: np.float32(2) ** x if isinstance(x, np.ndarray) else 2.0 ** x, A)
    check(lambda x, y: x @ y.T, A, A)
    check(lambda x: A.T @ x, A)
    check(lambda x: -x, A)
    check(abs, A)
    check(lambda x: ~(x > 0) & (x < 2) | (x == 3) ^ (x > 6), A)
    check(lambda x: ~x, I)


@pytest.mark.parametrize("index", [0, -1, slice(None), slice(1, None), slice(None, None, -1), (slice(None), 1), (..., -1), (None, 0),
                                   (slice(None), None, slice(0, 2)), (1, 2), (slice(5, 9),), (slice(-2, None, 2), ...),
                                   np.array([1, 0, 1])])
def test_index(index):
    check(lambda x: x[index], A)


def test_movement_and_reductions():
    check(lambda x: x.reshape(3, 2), A)
    check(lambda x: x.reshape((-1,)), A)
    check(lambda x: x.transpose(1, 0), A)
    check(lambda x: x.reshape(1, 2, 3).transpose((2, 0, -2)), A)
    for name in ("sum", "mean", "max", "min", "prod"):
        for arguments in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}):
            check(lambda x: getattr(x, name)(**arguments), A)
    check(lambda x: x.astype("i32" if isinstance(x, tenon.Value) else np.int32), A)


def test_typed_methods():
    x = np.random.default_rng(1).standard_normal((1, 2, 5, 5)).astype(np.float32)
    w = np.random.default_rng(2).standard_normal((3, 2, 3, 3)).astype(np.float32)
    y = evaluate(lambda v: v.graph.conv(v, w, pads=[1, 1, 1, 1]), x)
    assert y.shape == (1, 3, 5, 5)
    patch = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))[0, :, 1:4, 2:5]
    np.testing.assert_allclose(y[0, :, 1, 2], (w * patch).sum((1, 2, 3)), rtol=1e-5)
    check(lambda v: v.graph.where(v > 0.0, v, 0.0) if isinstance(v, tenon.Value) else np.where(v > 0, v, np.float32(0)), A)
    graph = tenon.Graph()
    values, indices = graph.top_k(graph.input("x", "f32", [5]), [2], largest=1)
    graph.output("values", values)
    graph.output("indices", indices)
    values, indices = tenon.compile(graph)(np.array([1, 5, 2, 4, 3], np.float32))
    assert values.tolist() == [5, 4] and indices.tolist() == [1, 3]
    parts = tenon.Graph()
    a, b = parts.split(parts.input("x", "f32", [4]), outputs=2, num_outputs=2)
    parts.output("y", b - a)
    assert tenon.compile(parts)(np.array([1, 2, 3, 5], np.float32)).tolist() == [2, 3]
    check(lambda v: v.graph.concat(v, None or v, axis=0) if isinstance(v, tenon.Value) else np.concatenate([v, v]), A)


def test_sub_graphs_belong_to_their_graph():
    branches = {}
    for name, factor in (("then_branch", 2.0), ("else_branch", 3.0)):
        branches[name] = tenon.Graph(name)
        branches[name].output("y", branches[name].input("x", "f32", [2]) * factor)
    graph = tenon.Graph()
    c, x = graph.input("c", "bool", []), graph.input("x", "f32", [2])
    graph.output("y", graph.if_(c, x, **branches))
    run = tenon.compile(graph)
    ones = np.ones(2, np.float32)
    assert run(np.bool_(True), ones).tolist() == [2, 2] and run(np.bool_(False), ones).tolist() == [3, 3]
    with pytest.raises(ValueError, match="already given"):
        graph.if_(c, x, **branches)
    with pytest.raises(ValueError, match="part of itself"):
        graph.if_(c, then_branch=graph, else_branch=graph)


def test_shapes_and_text():
    graph = tenon.Graph("shapes")
    x = graph.input("x", "f32", ["n", None, 3])
    assert x.shape == ("n", None, 3) and x.ndim == 3 and x.dtype == "f32"
    assert graph.input("any").shape is None
    y = (x + 1.0).named("sum")
    graph.output("y", y)
    assert graph.input_names == ["x", "any"] and graph.output_names == ["y"] and graph.outputs[0].id == y.id
    again = tenon.Graph.parse(str(graph))
    assert str(again) == str(graph) and len(again) == len(graph)
    assert "f32[n,?,3]" in repr(x)


def test_errors_have_the_text_of_the_library():
    graph = tenon.Graph()
    x = graph.input("x", "f32", [2, 3])
    with pytest.raises(tenon.ShapeMismatchError, match="matmul") as caught:
        graph.matmul(x, np.ones((4, 2), np.float32))
    assert isinstance(caught.value, ValueError) and caught.value.code_name == "SHAPE_MISMATCH" and caught.value.code == 6
    with pytest.raises(tenon.Error) as again:
        graph.relu(x)
    assert str(again.value) == str(caught.value), "the graph keeps its first error"
    for wanted, build in [(tenon.TypeMismatchError, lambda g: g.add(g.input("a", "f32", [1]), np.ones(1, np.int32))),
                          (tenon.Error, lambda g: g.op("no_such_op", 1.0)),
                          (tenon.Error, lambda g: g.op("relu", g.input("a", "f32", [1]), nothing=3)),
                          (tenon.Error, lambda g: g.op("relu")),
                          (tenon.Error, lambda g: g.softmax(g.input("a", "f32", [1]), axis=7)),
                          (tenon.ParseError, lambda g: tenon.Graph.parse("graph {"))]:
        with pytest.raises(wanted):
            build(tenon.Graph())


def test_misuse_of_values():
    graph, other = tenon.Graph(), tenon.Graph()
    x = graph.input("x", "f32", [2, 3])
    with pytest.raises(ValueError, match="another graph"):
        graph.relu(other.input("x", "f32", [1]))
    with pytest.raises(TypeError, match="truth value"):
        bool(x > 1.0)
    with pytest.raises(TypeError, match="cast"):
        graph.input("i", "i64", [1]) + 0.5
    with pytest.raises(IndexError, match="out of bounds"):
        x[2]
    with pytest.raises(IndexError, match="3 indices"):
        x[0, 0, 0]
    with pytest.raises(TypeError, match="str"):
        x["a"]
    with pytest.raises(TypeError):
        graph.input("y", "f33", [1])
    assert len({x, x}) == 1
