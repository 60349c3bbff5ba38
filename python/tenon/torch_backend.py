"""torch.compile(model, backend="tenon"): the functional ATen graphs of AOTAutograd, cut into what Tenon compiles and what torch keeps.

Each node is lowered alone first, into a graph of its own; what fails there, or has another type than torch says, stays with torch, so
nothing fails later. Options by torch.compile(options={...}) are those of tenon.compile; "report": a callable that gets one line per graph.
"""
from __future__ import annotations

import collections
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch._decomp import core_aten_decompositions
from torch._dynamo.backends.common import aot_autograd
from torch.fx.passes.infra.partitioner import CapabilityBasedPartitioner
from torch.fx.passes.operator_support import OperatorSupportBase

from ._dtypes import numpy_dtype
from ._execute import Executable, compile
from ._graph import Graph, Value
from ._tensor import Tensor

aten: Any = torch.ops.aten
_DTYPES = {torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64", torch.int32: "i32",
           torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool"}


class NotLowered(Exception):
    """Why a node stays with torch."""


def _dtype(dtype: torch.dtype) -> str:
    if dtype not in _DTYPES:
        raise NotLowered(f"dtype {dtype}")
    return _DTYPES[dtype]


class _Lowering:
    """Lowers nodes into `graph`. `value` finds the Value of an operand node, `node` is the one at work."""

    def __init__(self, graph: Graph, value: Callable[[torch.fx.Node], Any]) -> None:
        self.graph, self.value = graph, value

    def lower(self, node: torch.fx.Node) -> Any:
        rule = RULES.get(node.target)
        if rule is None:
            raise NotLowered("no rule")
        self.node = node
        self.out = node.meta.get("val")
        args = [self.argument(a) for a in node.args]
        result = rule(self, *args, **{k: self.argument(v) for k, v in node.kwargs.items()})
        for value, wanted in zip(result if isinstance(result, tuple) else (result,),
                                 self.out if isinstance(self.out, (tuple, list)) else (self.out,)):
            if value is not None and (value.shape != tuple(wanted.shape) or value.dtype != _dtype(wanted.dtype)):
                raise NotLowered(f"gave {value.dtype}{list(value.shape or ())}, torch says {wanted.dtype}{list(wanted.shape)}")
        return result

    def argument(self, a: Any) -> Any:
        if isinstance(a, torch.fx.Node):
            return self.value(a)
        if isinstance(a, (list, tuple)):
            return [self.argument(x) for x in a]
        if isinstance(a, (torch.SymInt, torch.SymFloat)):
            raise NotLowered("a size that is not known")
        return a

    def number(self, x: float | bool, dtype: str) -> Value:
        return self.graph.constant(np.asarray(x).astype(numpy_dtype(dtype)))

    def as_type(self, x: Any, dtype: str) -> Value:
        if not isinstance(x, Value):
            return self.number(x, dtype)
        return x if x.dtype == dtype else self.graph.cast(x, to=dtype)

    def result_dtype(self) -> str:
        return _dtype(self.out.dtype)

    def shaped(self, x: Value, shape: Sequence[int]) -> Value:
        return x if x.shape == tuple(shape) else x.reshape(list(shape))


RULES: dict[Any, Callable[..., Any]] = {}


def rule(*targets: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for t in targets:
            RULES[t] = function
        return function
    return add


def _unary(name: str) -> Callable[..., Any]:
    return lambda c, x: c.graph.op(name, c.as_type(x, c.result_dtype()))


for _torch, _tenon in {"relu": "relu", "exp": "exp", "log": "log", "sqrt": "sqrt", "rsqrt": "rsqrt", "sigmoid": "sigmoid", "tanh": "tanh",
                       "neg": "neg", "abs": "abs", "sin": "sin", "cos": "cos", "tan": "tan", "erf": "erf", "floor": "floor",
                       "ceil": "ceil", "reciprocal": "reciprocal", "sign": "sign", "round": "round", "asin": "asin", "acos": "acos",
                       "atan": "atan", "sinh": "sinh", "cosh": "cosh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh",
                       "hardswish": "hard_swish", "mish": "mish", "bitwise_not": "bitwise_not"}.items():
    RULES[getattr(aten, _torch).default] = _unary(_tenon)
for _torch in ("clone", "alias", "detach", "lift_fresh_copy"):
    RULES[getattr(aten, _torch).default] = lambda c, x, **_: c.graph.identity(x)


def _arithmetic(name: str) -> Callable[..., Any]:
    return lambda c, a, b: c.graph.op(name, c.as_type(a, c.result_dtype()), c.as_type(b, c.result_dtype()))


for _torch, _tenon in {"mul": "mul", "div": "div", "maximum": "max", "minimum": "min", "atan2": "atan2", "logical_and": "and",
                       "logical_or": "or", "logical_xor": "xor"}.items():
    for _overload in ("Tensor", "Scalar", "default"):
        if hasattr(getattr(aten, _torch), _overload):
            RULES[getattr(getattr(aten, _torch), _overload)] = _arithmetic(_tenon)


@rule(aten.add.Tensor, aten.add.Scalar)
def _add(c: _Lowering, a: Any, b: Any, alpha: Any = 1, name: str = "add") -> Value:
    dtype = c.result_dtype()
    x, y = c.as_type(a, dtype), c.as_type(b, dtype)
    result: Value = c.graph.op(name, x, y if alpha == 1 else y * c.number(alpha, dtype))
    return result


@rule(aten.sub.Tensor, aten.sub.Scalar)
def _sub(c: _Lowering, a: Any, b: Any, alpha: Any = 1) -> Value:
    return _add(c, a, b, alpha, "sub")


@rule(aten.rsub.Scalar, aten.rsub.Tensor)
def _rsub(c: _Lowering, a: Any, b: Any, alpha: Any = 1) -> Value:
    return _add(c, b, a, alpha, "sub")


@rule(aten.pow.Tensor_Scalar, aten.pow.Tensor_Tensor, aten.pow.Scalar)
def _pow(c: _Lowering, a: Any, b: Any) -> Value:
    dtype = c.result_dtype()
    x = c.as_type(a, dtype)
    if not isinstance(b, Value) and b in (2, 3):
        return x * x if b == 2 else x * x * x
    if not isinstance(b, Value) and b == 0.5:
        return c.graph.sqrt(x)
    return c.graph.pow(x, c.as_type(b, dtype))


def _comparison(name: str) -> Callable[..., Any]:
    def lower(c: _Lowering, a: Value, b: Any) -> Value:
        first = c.node.args[0]
        second = c.node.args[1]
        kind = torch.result_type(*(x.meta["val"] if isinstance(x, torch.fx.Node) else x for x in (first, second)))
        result: Value = c.graph.op("equal" if name == "ne" else name, c.as_type(a, _dtype(kind)), c.as_type(b, _dtype(kind)))
        return c.graph.not_(result) if name == "ne" else result
    return lower


for _torch, _tenon in {"eq": "equal", "ne": "ne", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}.items():
    for _overload in ("Tensor", "Scalar"):
        RULES[getattr(getattr(aten, _torch), _overload)] = _comparison(_tenon)


@rule(aten.logical_not.default)
def _logical_not(c: _Lowering, x: Value) -> Value:
    return c.graph.not_(c.as_type(x, "bool"))


@rule(aten.where.self)
def _where(c: _Lowering, condition: Value, a: Any, b: Any) -> Value:
    return c.graph.where(condition, c.as_type(a, c.result_dtype()), c.as_type(b, c.result_dtype()))


@rule(aten.clamp.default, aten.clamp_min.default, aten.clamp_max.default, aten.hardtanh.default)
def _clamp(c: _Lowering, x: Value, low: Any = None, high: Any = None) -> Value:
    if c.node.target == aten.clamp_max.default:
        low, high = None, low
    if c.node.target == aten.hardtanh.default:
        low, high = -1 if low is None else low, 1 if high is None else high
    dtype = c.result_dtype()
    return c.graph.clip(c.as_type(x, dtype), *(None if v is None else c.number(v, dtype) for v in (low, high)))


@rule(aten.gelu.default)
def _gelu(c: _Lowering, x: Value, approximate: str = "none") -> Value:
    return c.graph.gelu(x, approximate=approximate)


@rule(aten.silu.default)
def _silu(c: _Lowering, x: Value) -> Value:
    return c.graph.swish(x)


@rule(aten.leaky_relu.default)
def _leaky_relu(c: _Lowering, x: Value, slope: float = 0.01) -> Value:
    return c.graph.leaky_relu(x, alpha=float(slope))


@rule(aten._to_copy.default, torch.ops.prims.convert_element_type.default)
def _to_copy(c: _Lowering, x: Value, *_: Any, **__: Any) -> Value:
    return c.graph.identity(x) if x.dtype == c.result_dtype() else c.graph.cast(x, to=c.result_dtype())


# ---- products -------------------------------------------------------------------------------------------------------

@rule(aten.mm.default, aten.bmm.default, aten.matmul.default, aten.mv.default, aten.dot.default)
def _mm(c: _Lowering, a: Value, b: Value) -> Value:
    return a @ b


@rule(aten.addmm.default)
def _addmm(c: _Lowering, bias: Value, a: Value, b: Value, beta: Any = 1, alpha: Any = 1) -> Value:
    return c.graph.gemm(a, b, bias, alpha=float(alpha), beta=float(beta))


@rule(aten.convolution.default)
def _convolution(c: _Lowering, x: Value, w: Value, bias: Value | None, stride: list[int], padding: list[int], dilation: list[int],
                 transposed: bool, output_padding: list[int], groups: int) -> Value:
    n = x.ndim - 2

    def spread(a: list[int]) -> list[int]:
        return list(a) * n if len(a) == 1 else list(a)
    pads = spread(padding) * 2
    if transposed:
        return c.graph.conv_transpose(x, w, bias, strides=spread(stride), pads=pads, dilations=spread(dilation), group=groups,
                                      output_padding=spread(output_padding))
    return c.graph.conv(x, w, bias, strides=spread(stride), pads=pads, dilations=spread(dilation), group=groups)


# ---- reductions and norms -------------------------------------------------------------------------------------------

def _axes(c: _Lowering, x: Value, dim: Any) -> list[int]:
    dims = list(range(x.ndim)) if dim is None or dim == [] else [dim] if isinstance(dim, int) else list(dim)
    return [d % max(1, x.ndim) for d in dims]


@rule(aten.sum.dim_IntList, aten.sum.default, aten.mean.dim, aten.mean.default, aten.amax.default, aten.amin.default, aten.prod.default)
def _reduce(c: _Lowering, x: Value, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Value:
    name = {"sum": "sum", "mean": "mean", "amax": "max", "amin": "min", "prod": "prod"}[c.node.target.__name__.split(".")[0]]  # type: ignore[union-attr]
    axes = _axes(c, x, dim)
    x = c.as_type(x, c.result_dtype())
    result: Value = getattr(x, name)(axes, keepdim) if axes else c.graph.identity(x)
    return result


@rule(aten.var.correction, aten.var_mean.correction)
def _var(c: _Lowering, x: Value, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> Any:
    axes = _axes(c, x, dim)
    count = int(np.prod([(x.shape or ())[a] for a in axes])) - (1 if correction is None else int(correction))  # type: ignore[arg-type]
    if count < 1:
        raise NotLowered("variance of too few elements")
    mean = x.mean(axes, True)
    var = ((x - mean) ** 2).sum(axes, keepdim) * (1.0 / count)
    return var if c.node.target == aten.var.correction else (var, mean if keepdim else x.mean(axes, False))


@rule(aten.argmax.default, aten.argmin.default)
def _arg(c: _Lowering, x: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    op = c.graph.arg_max if c.node.target == aten.argmax.default else c.graph.arg_min
    if dim is None:
        raise NotLowered("over all dimensions")
    return op(x, axis=dim, keepdims=int(keepdim))


@rule(aten._softmax.default, aten._log_softmax.default)
def _softmax(c: _Lowering, x: Value, dim: int, half_to_float: bool = False) -> Value:
    op = c.graph.softmax if c.node.target == aten._softmax.default else c.graph.log_softmax
    return op(c.as_type(x, c.result_dtype()), axis=dim)


@rule(aten.native_layer_norm.default)
def _layer_norm(c: _Lowering, x: Value, shape: list[int], weight: Value | None, bias: Value | None, epsilon: float) -> Any:
    axes = list(range(x.ndim - len(shape), x.ndim))
    mean = x.mean(axes, True)
    centred = x - mean
    scale = c.graph.rsqrt((centred * centred).mean(axes, True) + epsilon)
    y = centred * scale
    y = y if weight is None else y * weight
    return (y if bias is None else y + bias, mean, scale)


@rule(aten._native_batch_norm_legit_no_training.default)
def _batch_norm(c: _Lowering, x: Value, weight: Value | None, bias: Value | None, mean: Value, var: Value, momentum: float,
                epsilon: float) -> Any:
    ones = np.ones([int(d) for d in mean.shape or ()], numpy_dtype(mean.dtype))  # type: ignore[arg-type]
    y = c.graph.batch_normalization(x, ones if weight is None else weight, ones * 0 if bias is None else bias, mean, var, epsilon=epsilon)
    return (y, None, None)


# ---- windows --------------------------------------------------------------------------------------------------------

@rule(aten.max_pool2d_with_indices.default)
def _max_pool(c: _Lowering, x: Value, kernel: list[int], stride: list[int] = [], padding: list[int] = [0], dilation: list[int] = [1],
              ceil_mode: bool = False) -> Any:
    if any(user.target is operator.getitem and user.args[1] == 1 and user.users for user in c.node.users):
        raise NotLowered("the indices are used")
    two = [list(a) * 2 if len(a) == 1 else list(a) for a in (kernel, stride or kernel, padding, dilation)]
    return (c.graph.max_pool(x, kernel_shape=two[0], strides=two[1], pads=two[2] * 2, dilations=two[3], ceil_mode=int(ceil_mode)), None)


@rule(aten.avg_pool2d.default)
def _avg_pool(c: _Lowering, x: Value, kernel: list[int], stride: list[int] = [], padding: list[int] = [0], ceil_mode: bool = False,
              count_include_pad: bool = True, divisor_override: Any = None) -> Value:
    if divisor_override is not None:
        raise NotLowered("divisor_override")
    two = [list(a) * 2 if len(a) == 1 else list(a) for a in (kernel, stride or kernel, padding)]
    return c.graph.average_pool(x, kernel_shape=two[0], strides=two[1], pads=two[2] * 2, ceil_mode=int(ceil_mode),
                                count_include_pad=int(count_include_pad))


@rule(aten._adaptive_avg_pool2d.default)
def _adaptive(c: _Lowering, x: Value, size: list[int]) -> Value:
    if list(size) == [1, 1]:
        return x.mean([-2, -1], True)
    height, width = (x.shape or ())[-2:]
    if height % size[0] or width % size[1]:  # type: ignore[operator]
        raise NotLowered("windows of several sizes")
    kernel = [height // size[0], width // size[1]]  # type: ignore[operator]
    return c.graph.average_pool(x, kernel_shape=kernel, strides=kernel)


# ---- movement -------------------------------------------------------------------------------------------------------

@rule(aten.view.default, aten._unsafe_view.default, aten.reshape.default, aten.squeeze.dim, aten.squeeze.dims, aten.squeeze.default,
      aten.unsqueeze.default, aten.flatten.using_ints)
def _view(c: _Lowering, x: Value, *_: Any) -> Value:
    return x.reshape([int(d) for d in c.out.shape])


@rule(aten.permute.default)
def _permute(c: _Lowering, x: Value, dims: list[int]) -> Value:
    return x.transpose(dims)


@rule(aten.transpose.int, aten.t.default)
def _transpose(c: _Lowering, x: Value, a: int = 0, b: int = 1) -> Value:
    order = list(range(x.ndim))
    if order:
        order[a], order[b] = order[b], order[a]
    return x.transpose(order) if len(order) > 1 else c.graph.identity(x)


@rule(aten.expand.default)
def _expand(c: _Lowering, x: Value, sizes: Any, implicit: bool = False) -> Value:
    return c.graph.expand(x, np.asarray(tuple(c.out.shape), np.int64))


@rule(aten.cat.default)
def _cat(c: _Lowering, parts: list[Value], dim: int = 0) -> Value:
    kept = [p for p in parts if p.shape != (0,)]
    return c.graph.concat(*(c.as_type(p, c.result_dtype()) for p in kept), axis=dim)


@rule(aten.slice.Tensor)
def _slice(c: _Lowering, x: Value, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Value:
    index: list[Any] = [slice(None)] * x.ndim
    index[dim] = slice(start, end, step)
    return x[tuple(index)] if index[dim] != slice(None) else c.graph.identity(x)


@rule(aten.select.int)
def _select(c: _Lowering, x: Value, dim: int, index: int) -> Value:
    at: list[Any] = [slice(None)] * x.ndim
    at[dim] = index
    return x[tuple(at)]


@rule(aten.split.Tensor, aten.split_with_sizes.default)
def _split(c: _Lowering, x: Value, size: Any, dim: int = 0) -> Any:
    sizes = [int(v.shape[dim]) for v in c.out]
    result = c.graph.split(x, np.asarray(sizes, np.int64), axis=dim, outputs=len(sizes))
    return result if isinstance(result, tuple) else (result,)


@rule(operator.getitem)
def _getitem(c: _Lowering, parts: Any, index: int) -> Value:
    if not isinstance(parts, tuple) or parts[index] is None:
        raise NotLowered("a result that is not made")
    result: Value = parts[index]
    return result


@rule(aten.embedding.default)
def _embedding(c: _Lowering, weight: Value, indices: Value, *_: Any) -> Value:
    return c.graph.gather(weight, indices, axis=0)


@rule(aten.index_select.default)
def _index_select(c: _Lowering, x: Value, dim: int, indices: Value) -> Value:
    return c.graph.gather(x, indices, axis=dim)


@rule(aten.gather.default)
def _gather(c: _Lowering, x: Value, dim: int, indices: Value, **_: Any) -> Value:
    if x.ndim and any(i > d for k, (i, d) in enumerate(zip(indices.shape or (), x.shape or ())) if k != dim % x.ndim):  # type: ignore[operator]
        raise NotLowered("indices larger than the data")
    return c.graph.gather_elements(x, indices, axis=dim)


@rule(aten.constant_pad_nd.default)
def _pad(c: _Lowering, x: Value, pads: list[int], value: Any = 0) -> Value:
    pairs = [(0, 0)] * (x.ndim - len(pads) // 2) + [(pads[i], pads[i + 1]) for i in range(len(pads) - 2, -1, -2)]
    return c.graph.pad(x, np.asarray([p[0] for p in pairs] + [p[1] for p in pairs], np.int64), c.number(value, x.dtype))


@rule(aten.full.default, aten.full_like.default, aten.scalar_tensor.default, aten.zeros.default, aten.ones.default)
def _full(c: _Lowering, *args: Any, **_: Any) -> Value:
    value = {aten.scalar_tensor.default: args[0], aten.zeros.default: 0, aten.ones.default: 1}.get(c.node.target, args[-1])
    return c.graph.expand(c.number(value, c.result_dtype()), np.asarray(tuple(c.out.shape), np.int64))


@rule(aten.arange.start_step, torch.ops.prims.iota.default)
def _arange(c: _Lowering, *args: Any, **kwargs: Any) -> Value:
    if c.node.target == torch.ops.prims.iota.default:
        first, step = kwargs.get("start", 0), kwargs.get("step", 1)
    else:
        first, step = args[0], args[2] if len(args) > 2 else 1
    count = int(c.out.shape[0])
    return c.graph.constant((first + step * np.arange(count)).astype(numpy_dtype(c.result_dtype())))


@rule(aten.cumsum.default)
def _cumsum(c: _Lowering, x: Value, dim: int, **_: Any) -> Value:
    return c.graph.cum_sum(c.as_type(x, c.result_dtype()), np.int64(dim))


# ---- from a graph of torch to executables ------------------------------------------------------------------------------

def _input(graph: Graph, node: torch.fx.Node, names: dict[torch.fx.Node, Any]) -> Any:
    if node not in names:
        val = node.meta.get("val")
        if isinstance(val, (tuple, list)):
            names[node] = tuple(None if v is None else graph.input(f"{node.name}.{k}", _dtype(v.dtype), [int(d) for d in v.shape])
                                for k, v in enumerate(val))
        elif isinstance(val, torch.Tensor) and val.device.type == "cpu" and all(isinstance(d, int) for d in val.shape):
            names[node] = graph.input(node.name, _dtype(val.dtype), list(val.shape))
        else:
            raise NotLowered("an operand that is no tensor of known shape on the CPU")
    return names[node]


class _Support(OperatorSupportBase):  # type: ignore[misc, unused-ignore]
    """Tries each node alone and keeps why it stays."""

    def __init__(self) -> None:
        self.reasons: dict[torch.fx.Node, str | None] = {}

    def is_node_supported(self, submodules: Mapping[str, torch.nn.Module], node: torch.fx.Node) -> bool:
        if node not in self.reasons:
            self.reasons[node] = self.reason(node)
        return self.reasons[node] is None

    def reason(self, node: torch.fx.Node) -> str | None:
        if node.op != "call_function":
            return "not a call"
        if node.target is operator.getitem:
            parent = node.args[0]
            return None if isinstance(parent, torch.fx.Node) and self.is_node_supported({}, parent) else "its producer stays"
        try:
            graph = Graph("try")
            known: dict[torch.fx.Node, Any] = {}
            _Lowering(graph, lambda n: _input(graph, n, known)).lower(node)
        except NotLowered as error:
            return str(error)
        except Exception as error:  # what the library refuses, or a form of the op that the rule does not know
            return f"{type(error).__name__}: {error}"
        return None


def _to_tensor(x: torch.Tensor) -> Tensor:
    x = x.detach()
    x = x if x.is_contiguous() else x.contiguous()
    if x.dtype == torch.bfloat16:
        return Tensor(x.view(torch.int16).numpy().view(numpy_dtype("bf16")))
    return Tensor(x.numpy())


def _to_torch(t: Tensor, like: torch.Tensor) -> torch.Tensor:
    array = t.numpy()
    y = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16) if like.dtype == torch.bfloat16 else torch.from_numpy(array)
    if y.stride() == like.stride() or y.numel() < 2:
        return y
    for dim, stride in enumerate(like.stride()):  # expanded dimensions have their elements once
        y = y.narrow(dim, 0, 1) if stride == 0 else y
    return torch.empty_strided(y.shape, like.stride(), dtype=y.dtype).copy_(y).expand(like.shape)


class _Cluster(torch.nn.Module):
    """A compiled part of a graph."""

    def __init__(self, module: torch.fx.GraphModule, options: Mapping[str, object]) -> None:
        super().__init__()
        graph = Graph("torch")
        values: dict[torch.fx.Node, Any] = {}
        lowering = _Lowering(graph, lambda n: values[n])
        self.like: list[torch.Tensor] = []
        for node in module.graph.nodes:
            if node.op == "placeholder":
                _input(graph, node, values)
            elif node.op == "call_function":
                values[node] = lowering.lower(node)
            elif node.op == "output":
                outs = node.args[0]
                self.single = isinstance(outs, torch.fx.Node)
                for k, out in enumerate([outs] if self.single else outs):
                    # an output may be an input as it is, and one value may be several outputs
                    graph.output(f"out{k}", graph.identity(values[out]))
                    self.like.append(out.meta["val"])
        self.executable: Executable = compile(graph, options)

    def forward(self, *inputs: torch.Tensor) -> Any:
        results = [_to_torch(t, like) for t, like in zip(self.executable.run([_to_tensor(x) for x in inputs]), self.like)]
        return results[0] if self.single else tuple(results)


def compile_fx(module: torch.fx.GraphModule, options: Mapping[str, object], report: Callable[[str], None] | None = None) -> torch.fx.GraphModule:
    """Replaces what Tenon can compile in `module`, a functional ATen graph with fake tensors in meta["val"]."""
    support = _Support()
    calls = [n for n in module.graph.nodes if n.op == "call_function" and n.target is not operator.getitem]
    partitioner = CapabilityBasedPartitioner(module, support, allows_single_node_partition=True)
    fused = partitioner.fuse_partitions(partitioner.propose_partitions())
    inside, clusters = 0, 0
    for node in list(fused.graph.nodes):
        if node.op == "call_module" and str(node.target).startswith("fused_"):
            part = getattr(fused, node.target)
            n = sum(x.op == "call_function" and x.target is not operator.getitem for x in part.graph.nodes)
            for place, operand in zip((x for x in part.graph.nodes if x.op == "placeholder"), node.args):
                place.meta.setdefault("val", operand.meta.get("val"))
            setattr(fused, node.target, _Cluster(part, options))
            inside, clusters = inside + n, clusters + 1
    fused.recompile()
    if report is not None:
        stay = collections.Counter((str(n.target), support.reasons.get(n)) for n in calls if support.reasons.get(n) is not None)
        text = "; ".join(f"{name} {count}: {why}" for (name, why), count in stay.most_common())
        report(f"tenon: {inside} of {len(calls)} nodes in {clusters} clusters" + (f"; {sum(stay.values())} stay ({text})" if stay else ""))
    return fused


def tenon(module: torch.fx.GraphModule, inputs: Sequence[Any], **kwargs: Any) -> Callable[..., Any]:
    """The backend that torch.compile(backend="tenon") finds by the entry point of the package."""
    options = dict(kwargs.get("options") or {})
    report = options.pop("report", None)

    def compiler(graph: torch.fx.GraphModule, _: Any) -> Callable[..., Any]:
        from functorch.compile import make_boxed_func

        return make_boxed_func(compile_fx(graph, options, report).forward)  # type: ignore[no-any-return]
    backend = aot_autograd(fw_compiler=compiler, bw_compiler=compiler, inference_compiler=compiler, decompositions=core_aten_decompositions())
    return backend(module, inputs)  # type: ignore[no-any-return]
