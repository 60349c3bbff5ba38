"""Custom ops: Python functions that an executable calls back."""
from __future__ import annotations

import ctypes as C
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import _abi, _dtypes
from ._library import Error, check, lib, raised
from ._tensor import Context, Tensor, _lent, _numbers

_Callback = C.CFUNCTYPE(C.c_void_p, C.c_void_p, C.c_void_p)
Type = tuple[str, tuple[int, ...]]


_free = C.CFUNCTYPE(None, C.c_void_p)(lambda number, lent=_lent: lent.pop(number, None) and None)
C.pythonapi.Py_IncRef(C.py_object(_free))


def _attributes(call: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for i in range(lib.tn_custom_call_get_attr_count(call)):
        a = _abi.tn_attr.from_address(lib.tn_custom_call_get_attr(call, i))
        kind = next(k for k, v in _abi.tn_attr_kind.items() if v == a.kind)
        if kind in ("INTS", "FLOATS", "STRINGS"):
            element: Any = {"INTS": C.c_int64, "FLOATS": C.c_double, "STRINGS": C.c_char_p}[kind]
            data = {"INTS": a.ints, "FLOATS": a.floats, "STRINGS": a.strings}[kind]
            values = list((element * a.n).from_address(data)) if a.n else []
            found[a.name.decode()] = [v.decode() for v in values] if kind == "STRINGS" else values
        elif kind == "TENSOR":
            found[a.name.decode()] = _borrow(a.tensor).numpy()
        elif kind != "GRAPH":
            value = {"INT": a.i, "FLOAT": a.f, "STRING": a.s}[kind]
            found[a.name.decode()] = value.decode() if isinstance(value, bytes) else value
    return found


def _borrow(handle: int, context: Context | None = None) -> Tensor:
    lib.tn_tensor_retain(handle)
    return Tensor._from_handle(handle, context)  # type: ignore[arg-type]


def _fail(call: int, error: BaseException) -> int:
    """The exception as an error of the library; check() raises from it again."""
    code = error.code if isinstance(error, Error) and error.code else 9 if isinstance(error, NotImplementedError) else \
        2 if isinstance(error, MemoryError) else 3
    text = str(error) if isinstance(error, Error) else f"{type(error).__name__}: {error}"
    raised.append((text.splitlines()[0] if text else "", error))
    made: int = lib.tn_custom_call_fail(call, code, text.encode(errors="replace"))
    return made


def register(context: Context, name: str, evaluate: Callable[..., Any], infer: Callable[..., Any] | None, inputs: int | Sequence[int],
             outputs: int, pure: bool, thread_safe: bool) -> None:
    def call_infer(_self: int, call: int) -> int:
        try:
            types: list[Type | None] = []
            for i in range(lib.tn_custom_call_get_input_count(call)):
                dtype, dims = lib.tn_custom_call_get_input_dtype(call, i), C.c_void_p()
                rank = lib.tn_custom_call_get_input_shape(call, i, C.byref(dims))
                if rank < 0:
                    raise NotImplementedError(f"input {i} of unknown rank")
                shape = tuple((C.c_int64 * rank).from_address(dims.value)) if rank and dims.value else ()
                types.append((_dtypes.name_of_id(dtype), shape) if dtype else None)
            result = infer(*types, **_attributes(call)) if infer else [types[0]] * outputs
            for k, (dtype, shape) in enumerate([result] if isinstance(result, tuple) else result):
                check(lib.tn_custom_call_set_output(call, k, _dtypes.dtype_id(dtype), len(shape), (C.c_int64 * max(1, len(shape)))(*shape)))
        except BaseException as error:
            return _fail(call, error)
        return 0

    def call_evaluate(_self: int, call: int) -> int:
        try:
            arrays: list[Any] = []
            array: Any
            results: Any
            found: Any
            for i in range(lib.tn_custom_call_get_input_count(call)):
                handle = lib.tn_custom_call_get_input(call, i)
                array = _borrow(handle).numpy() if handle else None
                if array is not None and array.dtype != object:
                    array.flags.writeable = False
                arrays.append(array)
            result = evaluate(*arrays, **_attributes(call))
            results = result if isinstance(result, (tuple, list)) else (result,)
            if len(results) != lib.tn_custom_call_get_output_count(call):
                raise ValueError(f"gave {len(results)} results, wanted {lib.tn_custom_call_get_output_count(call)}")
            for k, found in enumerate(np.asarray(r) for r in results):
                out = C.c_void_p()
                check(lib.tn_custom_call_make_output(call, k, found.ndim, (C.c_int64 * max(1, found.ndim))(*found.shape), C.byref(out)))
                target = _borrow(out.value or 0).numpy()
                if target.dtype != found.dtype:
                    raise TypeError(f"result {k} is {found.dtype}, wanted {target.dtype}")
                if target.size:
                    target[...] = found
            result = results = found = array = None
            for i in range(len(arrays)):
                # an array or a view that was kept would point to memory that others use now
                if arrays[i] is not None and arrays[i].base is not None and max(sys.getrefcount(arrays[i]), sys.getrefcount(arrays[i].base)) > 2:
                    raise ValueError(f"input {i} was kept beyond the call: keep a copy")
        except BaseException as error:
            return _fail(call, error)
        return 0

    least, most = (inputs, inputs) if isinstance(inputs, int) else inputs
    callbacks = _Callback(call_infer), _Callback(call_evaluate)
    number = next(_numbers)
    op = _abi.tn_custom_op(struct_size=C.sizeof(_abi.tn_custom_op), name=name.encode(), n_in_min=least, n_in_max=most, n_out_min=outputs,
                           n_out_max=outputs, flags=2 * pure + thread_safe, self=number, free_self=C.cast(_free, C.c_void_p),
                           infer=C.cast(callbacks[0], C.c_void_p), evaluate=C.cast(callbacks[1], C.c_void_p))
    _lent[number] = callbacks
    error = lib.tn_custom_op_register(context.handle, C.byref(op))
    if error:
        _lent.pop(number, None)
    check(error)
