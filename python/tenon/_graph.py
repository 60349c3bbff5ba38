"""Graphs and their values, with operators."""
from __future__ import annotations

import ctypes as C
import weakref
from collections.abc import Sequence
from typing import Any, Union

import numpy as np

from . import _abi, _dtypes
from ._dtypes import DTypeLike
from ._library import check, lib
from ._ops import Ops
from ._tensor import Array, Context, Tensor, default_context

Dim = Union[int, str, None]
TensorLike = Union[Tensor, Array, float, Sequence[Any]]
ValueLike = Union["Value", TensorLike]

_DTYPE_ATTRIBUTES = {"to", "dtype", "output_dtype", "output_datatype", "softmax_precision", "precision"}
_KIND: dict[str, int] = _abi.tn_attr_kind


class Value:
    """One output of one node. + - * / @ ** % // comparisons, & | ^ ~ and slices build nodes; numbers and arrays become constants,
    numbers of this value's dtype. Shapes broadcast as in NumPy. Compare identity with `is`: == builds a node."""

    __slots__ = ("graph", "id")
    __array_ufunc__ = None  # an array on the left leaves the operator to this class
    __hash__ = object.__hash__

    def __init__(self, graph: Graph, id: int) -> None:
        self.graph, self.id = graph, id

    @property
    def dtype(self) -> str:
        return _dtypes.name_of_id(lib.tn_graph_get_dtype(self.graph.handle, _abi.tn_value(self.id)))

    @property
    def shape(self) -> tuple[Dim, ...] | None:
        """Sizes; a name for a symbol, None for an unknown size. None as a whole: not even the rank is known."""
        dims = C.c_void_p()
        rank = lib.tn_graph_get_shape(self.graph.handle, _abi.tn_value(self.id), C.byref(dims))
        if rank < 0:
            return None
        found: list[Dim] = []
        for d in (C.c_int64 * rank).from_address(dims.value) if rank and dims.value else ():
            name = lib.tn_graph_get_symbol_name(self.graph.handle, d) if d < -1 else None
            found.append(name.decode() if name else int(d) if d >= 0 else None)
        return tuple(found)

    @property
    def ndim(self) -> int:
        """The rank; ValueError where it is not known."""
        shape = self.shape
        if shape is None:
            raise ValueError("the rank of this value is not known")
        return len(shape)

    def named(self, name: str) -> Value:
        """Names the value in errors, profiles and pictures; returns it."""
        lib.tn_graph_set_name(self.graph.handle, _abi.tn_value(self.id), name.encode())
        return self

    def __repr__(self) -> str:
        shape = self.shape
        dims = "?" if shape is None else ",".join("?" if d is None else str(d) for d in shape)
        return f"tenon.Value(%{self.id} {self.dtype}[{dims}])"

    def __bool__(self) -> bool:
        raise TypeError("a value of a graph has no truth value before the graph runs; use where() or the op `if`")

    def _other(self, other: ValueLike) -> Value:
        """`other` as an operand beside this value: Python numbers take this value's dtype."""
        if isinstance(other, (bool, int, float)):
            dtype = _dtypes.numpy_dtype(self.dtype)
            if isinstance(other, float) and dtype.kind in "iub":
                raise TypeError(f"the number {other} beside a value of {self.dtype}: cast the value first")
            return self.graph.constant(np.asarray(other, dtype))
        return self.graph.value(other)

    def _binary(self, op: str, other: ValueLike, swap: bool = False) -> Value:
        a, b = self, self._other(other)
        if swap:
            a, b = b, a
        result: Value = self.graph.op(op, a, b)
        return result

    def __add__(self, other: ValueLike) -> Value: return self._binary("add", other)
    def __radd__(self, other: ValueLike) -> Value: return self._binary("add", other, True)
    def __sub__(self, other: ValueLike) -> Value: return self._binary("sub", other)
    def __rsub__(self, other: ValueLike) -> Value: return self._binary("sub", other, True)
    def __mul__(self, other: ValueLike) -> Value: return self._binary("mul", other)
    def __rmul__(self, other: ValueLike) -> Value: return self._binary("mul", other, True)
    def __truediv__(self, other: ValueLike) -> Value: return self._binary("div", other)
    def __rtruediv__(self, other: ValueLike) -> Value: return self._binary("div", other, True)
    def __matmul__(self, other: ValueLike) -> Value: return self._binary("matmul", other)
    def __rmatmul__(self, other: ValueLike) -> Value: return self._binary("matmul", other, True)
    def __rpow__(self, other: ValueLike) -> Value: return self._binary("pow", other, True)
    def __lt__(self, other: ValueLike) -> Value: return self._binary("less", other)
    def __le__(self, other: ValueLike) -> Value: return self._binary("less_equal", other)
    def __gt__(self, other: ValueLike) -> Value: return self._binary("greater", other)
    def __ge__(self, other: ValueLike) -> Value: return self._binary("greater_equal", other)
    def __eq__(self, other: object) -> Value: return self._binary("equal", other)  # type: ignore[override, arg-type]
    def __ne__(self, other: object) -> Value: return ~(self == other)  # type: ignore[override]
    def __neg__(self) -> Value: return self.graph.neg(self)
    def __abs__(self) -> Value: return self.graph.abs(self)

    def __pow__(self, other: ValueLike) -> Value:
        # x * x is computed by kernels, and exactly as NumPy does it
        return self * self if isinstance(other, int) and other == 2 else self._binary("pow", other)

    def __mod__(self, other: ValueLike) -> Value:
        """The remainder with the sign of the divisor, as in Python."""
        if _dtypes.numpy_dtype(self.dtype).kind in "iu":
            return self._binary("mod", other)
        return self - (self // other) * self._other(other)

    def __floordiv__(self, other: ValueLike) -> Value:
        if _dtypes.numpy_dtype(self.dtype).kind in "iu":
            return (self - self % other) / self._other(other)
        return self.graph.floor(self / other)

    def __rmod__(self, other: ValueLike) -> Value: return self._other(other) % self
    def __rfloordiv__(self, other: ValueLike) -> Value: return self._other(other) // self

    def _bits(self, op: str, other: ValueLike, swap: bool = False) -> Value:
        return self._binary(op if self.dtype == "bool" else f"bitwise_{op}", other, swap)

    def __and__(self, other: ValueLike) -> Value: return self._bits("and", other)
    def __rand__(self, other: ValueLike) -> Value: return self._bits("and", other, True)
    def __or__(self, other: ValueLike) -> Value: return self._bits("or", other)
    def __ror__(self, other: ValueLike) -> Value: return self._bits("or", other, True)
    def __xor__(self, other: ValueLike) -> Value: return self._bits("xor", other)
    def __rxor__(self, other: ValueLike) -> Value: return self._bits("xor", other, True)
    def __invert__(self) -> Value: return self.graph.not_(self) if self.dtype == "bool" else self.graph.bitwise_not(self)

    def __getitem__(self, index: Any) -> Value:
        """Integers, slices (any step), `...`, None, and one array or value of integers alone (rows along axis 0)."""
        items = index if isinstance(index, tuple) else (index,)
        if len(items) == 1 and isinstance(items[0], (Value, np.ndarray, list)):
            return self.graph.gather(self, items[0] if isinstance(items[0], Value) else np.asarray(items[0]))
        used = sum(item is not None and item is not Ellipsis for item in items)
        if used > self.ndim:
            raise IndexError(f"{used} indices for a value of rank {self.ndim}")
        if sum(item is Ellipsis for item in items) > 1:
            raise IndexError("more than one ... in an index")
        at = next((i for i, item in enumerate(items) if item is Ellipsis), len(items))
        fill = (slice(None),) * (self.ndim - used)
        items = items[:at] + fill + items[at + 1:]
        starts, ends, axes, steps, drop, insert = [], [], [], [], [], []
        axis = kept = 0
        big = 2 ** 63 - 1
        for item in items:
            if item is None:
                insert.append(kept)
                kept += 1
                continue
            if isinstance(item, slice):
                step = 1 if item.step is None else int(item.step)
                if item != slice(None):
                    starts.append((0 if step > 0 else big) if item.start is None else int(item.start))
                    ends.append((big if step > 0 else -big) if item.stop is None else int(item.stop))
                    axes.append(axis)
                    steps.append(step)
                kept += 1
            elif isinstance(item, (int, np.integer)) and not isinstance(item, bool):
                size = (self.shape or ())[axis]
                if isinstance(size, int) and not -size <= item < size:
                    raise IndexError(f"index {item} is out of bounds for axis {axis} of size {size}")
                starts.append(int(item))
                ends.append(int(item) + 1 if item != -1 else big)
                axes.append(axis)
                steps.append(1)
                drop.append(axis)
            else:
                raise TypeError(f"a value cannot be indexed by {type(item).__name__}; use gather, gather_nd or compress")
            axis += 1
        result = self
        if axes:
            result = self.graph.slice(result, *(np.asarray(x, np.int64) for x in (starts, ends, axes, steps)))
        if drop:
            result = self.graph.squeeze(result, np.asarray(drop, np.int64))
        if insert:
            result = self.graph.unsqueeze(result, np.asarray(insert, np.int64))
        return result

    def reshape(self, *shape: int | Sequence[int]) -> Value:
        """The same elements in a new shape; one size may be -1."""
        dims = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return self.graph.reshape(self, np.asarray(dims, np.int64), allowzero=1)

    def transpose(self, *perm: int | Sequence[int]) -> Value:
        """Permutes the axes; without arguments reverses them."""
        axes = perm[0] if len(perm) == 1 and not isinstance(perm[0], int) else perm
        order = [int(a) % self.ndim for a in axes] if axes else list(range(self.ndim))[::-1]  # type: ignore[arg-type]
        return self.graph.transpose(self, perm=order)

    @property
    def T(self) -> Value:
        return self.transpose()

    def astype(self, dtype: DTypeLike) -> Value:
        return self.graph.cast(self, to=dtype)

    def _reduce(self, op: str, axis: int | Sequence[int] | None, keepdims: bool) -> Value:
        axes = [] if axis is None else [np.asarray([axis] if isinstance(axis, int) else axis, np.int64)]
        result: Value = self.graph.op(op, self, *axes, keepdims=keepdims, noop_with_empty_axes=axis is not None)
        return result

    def sum(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
        """The sum over `axis` (one, several, all); the dtype stays."""
        return self._reduce("reduce_sum", axis, keepdims)

    def mean(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
        return self._reduce("reduce_mean", axis, keepdims)

    def max(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
        return self._reduce("reduce_max", axis, keepdims)

    def min(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
        return self._reduce("reduce_min", axis, keepdims)

    def prod(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
        return self._reduce("reduce_prod", axis, keepdims)


class Graph(Ops):
    """A graph that is built node by node. A call that is wrong raises its Error at once; the graph is then of no further use.
    Not for several threads at a time. See docs/ops.md for the ops."""

    def __init__(self, name: str = "", context: Context | None = None) -> None:
        context = context or default_context()
        out = C.c_void_p()
        check(lib.tn_graph_create(context.handle, name.encode(), C.byref(out)))
        self._adopt(out.value or 0, context)

    def _adopt(self, handle: int, context: Context) -> None:
        self.handle, self.context = handle, context
        self._finalizer = weakref.finalize(self, lib.tn_graph_release, handle)

    @classmethod
    def _from_handle(cls, handle: int, context: Context) -> Graph:
        made = cls.__new__(cls)
        made._adopt(handle, context)
        return made

    @classmethod
    def parse(cls, text: str, context: Context | None = None) -> Graph:
        """A graph from its text form."""
        context = context or default_context()
        out = C.c_void_p()
        check(lib.tn_graph_parse(context.handle, text.encode(), C.byref(out)))
        return cls._from_handle(out.value or 0, context)

    def _made(self, value: _abi.tn_value) -> Value:
        if not value.id:
            check(lib.tn_graph_check(self.handle))
        return Value(self, value.id)

    def input(self, name: str, dtype: DTypeLike = "f32", shape: Sequence[Dim] | None = None) -> Value:
        """A new input. shape: sizes, names (symbols, bound at the run) and None (unknown); None as a whole: of any rank."""
        rank = -1 if shape is None else len(shape)
        dims = (C.c_int64 * max(1, rank))()
        for i, d in enumerate(shape or ()):
            dims[i] = -1 if d is None else lib.tn_graph_symbol(self.handle, d.encode()) if isinstance(d, str) else int(d)
        return self._made(lib.tn_graph_input(self.handle, name.encode(), _dtypes.dtype_id(dtype), rank, dims))

    def constant(self, value: TensorLike, dtype: DTypeLike | None = None) -> Value:
        """A constant. An array is borrowed where Tensor(array) would and must not change any more."""
        tensor = value if isinstance(value, Tensor) and dtype is None else Tensor(value, dtype, self.context)
        return self._made(lib.tn_graph_constant(self.handle, tensor.handle))

    def value(self, value: ValueLike) -> Value:
        """`value` if it is one of this graph, else a constant of it: floats are f32, integers i64, arrays keep their dtype."""
        if isinstance(value, Value):
            if value.graph is not self:
                raise ValueError("a value of another graph")
            return value
        if isinstance(value, float):
            return self.constant(value, np.float32)
        return self.constant(value)

    def op(self, name: str, *inputs: ValueLike | None, outputs: int = 1, **attributes: Any) -> Any:
        """A node of op `name`. inputs: values, what value() takes, None for an absent operand. Attributes by name; None is left out.
        A sub-graph that is passed as an attribute belongs to this graph afterwards. Returns a Value, or a tuple where outputs != 1."""
        return self._node(lib.tn_graph_op, name, inputs, outputs, attributes)

    def custom(self, name: str, *inputs: ValueLike | None, outputs: int = 1, **attributes: Any) -> Any:
        """A node of an op that Context.register registered; as op() otherwise."""
        return self._node(lib.tn_graph_custom, name, inputs, outputs, attributes)

    def _node(self, make: Any, name: str, inputs: Sequence[ValueLike | None], outputs: int, attributes: dict[str, Any]) -> Any:
        operands = [None if v is None else self.value(v) for v in inputs]
        while operands and operands[-1] is None:
            operands.pop()
        array = (_abi.tn_value * max(1, len(operands)))(*(_abi.tn_value(v.id if v is not None else 0) for v in operands))
        keep: list[Any] = []
        given = [(key, value) for key, value in attributes.items() if value is not None]
        attrs = (_abi.tn_attr * max(1, len(given)))()
        for slot, (key, value) in zip(attrs, given):
            self._attribute(slot, key, value, keep)
        first = make(self.handle, name.encode(), array, len(operands), attrs, len(given), outputs)
        for _, value in given:
            if isinstance(value, Graph):
                value._finalizer.detach()
                value.handle = 0
        if not first.id:
            check(lib.tn_graph_check(self.handle))
        if outputs == 1:
            return Value(self, first.id)
        return tuple(Value(self, lib.tn_value_output(first, k).id) for k in range(outputs))

    def _attribute(self, slot: _abi.tn_attr, key: str, value: Any, keep: list[Any]) -> None:
        slot.name = key.encode()
        if key in _DTYPE_ATTRIBUTES and not isinstance(value, int):
            value = _dtypes.dtype_id(value)
        if isinstance(value, Graph):
            if not value.handle:
                raise ValueError(f"{key}: this graph was already given to another one")
            if value is self:
                raise ValueError(f"{key}: a graph cannot be a part of itself")
            slot.kind, slot.graph = _KIND["GRAPH"], value.handle
        elif isinstance(value, str):
            slot.kind, slot.s = _KIND["STRING"], value.encode()
        elif isinstance(value, (int, np.integer)):
            slot.kind, slot.i = _KIND["INT"], int(value)
        elif isinstance(value, (float, np.floating)):
            slot.kind, slot.f = _KIND["FLOAT"], float(value)
        elif isinstance(value, (Tensor, np.ndarray)):
            tensor = value if isinstance(value, Tensor) else Tensor(value, context=self.context)
            keep.append(tensor)
            slot.kind, slot.tensor = _KIND["TENSOR"], tensor.handle
        else:
            items = list(value)
            array: Any
            if items and all(isinstance(x, str) for x in items):
                array = (C.c_char_p * len(items))(*(x.encode() for x in items))
                slot.kind, slot.strings = _KIND["STRINGS"], C.addressof(array)
            elif any(isinstance(x, (float, np.floating)) for x in items):
                array = (C.c_double * len(items))(*items)
                slot.kind, slot.floats = _KIND["FLOATS"], C.addressof(array)
            else:
                array = (C.c_int64 * max(1, len(items)))(*items)
                slot.kind, slot.ints = _KIND["INTS"], C.addressof(array)
            keep.append(array)
            slot.n = len(items)

    def output(self, name: str, value: ValueLike) -> None:
        """Appends an output."""
        lib.tn_graph_output(self.handle, name.encode(), _abi.tn_value(self.value(value).id))
        check(lib.tn_graph_check(self.handle))

    def _names(self, count: Any, name: Any) -> list[str]:
        return [name(self.handle, i).decode() for i in range(count(self.handle))]

    @property
    def input_names(self) -> list[str]:
        return self._names(lib.tn_graph_get_input_count, lib.tn_graph_get_input_name)

    @property
    def output_names(self) -> list[str]:
        return self._names(lib.tn_graph_get_output_count, lib.tn_graph_get_output_name)

    @property
    def inputs(self) -> list[Value]:
        return [Value(self, lib.tn_graph_get_input(self.handle, i).id) for i in range(lib.tn_graph_get_input_count(self.handle))]

    @property
    def outputs(self) -> list[Value]:
        return [Value(self, lib.tn_graph_get_output(self.handle, i).id) for i in range(lib.tn_graph_get_output_count(self.handle))]

    def __len__(self) -> int:
        """Number of nodes."""
        return int(lib.tn_graph_get_node_count(self.handle))

    def __str__(self) -> str:
        """The text form, which parse() takes."""
        out = C.c_void_p()
        check(lib.tn_graph_print(self.handle, C.byref(out)))
        text = C.string_at(out.value or 0).decode(errors="replace")
        lib.tn_text_free(self.context.handle, out)
        return text
