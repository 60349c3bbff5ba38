"""Tenon's element types and NumPy's. bf16, the 8-bit and the packed types need the package ml_dtypes."""
from __future__ import annotations

from typing import Any, Union

import numpy as np

from . import _abi

DTypeLike = Union[str, type, "np.dtype[Any]"]

_NUMPY: dict[str, np.dtype[Any]] = {
    "f64": np.dtype("f8"), "f32": np.dtype("f4"), "f16": np.dtype("f2"), "bool": np.dtype("?"),
    "i64": np.dtype("i8"), "i32": np.dtype("i4"), "i16": np.dtype("i2"), "i8": np.dtype("i1"),
    "u64": np.dtype("u8"), "u32": np.dtype("u4"), "u16": np.dtype("u2"), "u8": np.dtype("u1"), "string": np.dtype("O")}
_ML_DTYPES = {"bf16": "bfloat16", "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2", "f8e4m3fnuz": "float8_e4m3fnuz",
              "f8e5m2fnuz": "float8_e5m2fnuz", "f8e8m0": "float8_e8m0fnu", "i4": "int4", "u4": "uint4", "f4e2m1": "float4_e2m1fn",
              "i2": "int2", "u2": "uint2"}
# bits of an element in the library's memory where NumPy takes a byte; low bits first
PACKED = {"i4": 4, "u4": 4, "f4e2m1": 4, "i2": 2, "u2": 2}
try:
    import ml_dtypes

    _NUMPY.update({name: np.dtype(getattr(ml_dtypes, theirs)) for name, theirs in _ML_DTYPES.items() if hasattr(ml_dtypes, theirs)})
except ImportError:
    pass
_NAMES = {dtype: name for name, dtype in _NUMPY.items()}
_BY_ID = {number: name for name, number in _abi.tn_dtype.items()}


def dtype_name(dtype: DTypeLike) -> str:
    """"f32" for "f32", np.float32, "float32", np.dtype("f4") and so on; TypeError for what Tenon has not."""
    if isinstance(dtype, str) and dtype in _abi.tn_dtype:
        return dtype
    found = np.dtype(dtype).newbyteorder("=")
    if found.kind in "US":
        return "string"
    try:
        return _NAMES[found]
    except KeyError:
        raise TypeError(f"Tenon has no element type for {found}") from None


def dtype_id(dtype: DTypeLike) -> int:
    """The tn_dtype of `dtype`."""
    return int(_abi.tn_dtype[dtype_name(dtype)])


def name_of_id(number: int) -> str:
    return _BY_ID.get(number, "none")


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The NumPy dtype of a Tenon element type; TypeError where NumPy has none and ml_dtypes is not installed."""
    try:
        return _NUMPY[name]
    except KeyError:
        raise TypeError(f"NumPy has no element type for {name}; the package ml_dtypes gives it one") from None


def pack(array: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    """One element per byte to several per byte, low bits first."""
    per = 8 // bits
    flat = array.reshape(-1).view(np.uint8) & np.uint8((1 << bits) - 1)
    padded = np.zeros(-(-flat.size // per) * per, np.uint8)
    padded[:flat.size] = flat
    columns = padded.reshape(-1, per)
    packed = np.zeros(len(columns), np.uint8)
    for k in range(per):
        packed |= columns[:, k] << np.uint8(k * bits)
    return packed


def unpack(packed: np.ndarray[Any, Any], bits: int, count: int, name: str) -> np.ndarray[Any, Any]:
    """What pack undoes: `count` elements, sign-extended for the signed types."""
    per = 8 // bits
    columns = np.stack([(packed >> np.uint8(k * bits)) & np.uint8((1 << bits) - 1) for k in range(per)], axis=1)
    flat = columns.reshape(-1)[:count]
    if name[0] == "i":
        shift = np.int8(8 - bits)
        flat = (flat << shift.astype(np.uint8)).view(np.int8) >> shift
        return flat.astype(numpy_dtype(name))
    return flat.view(numpy_dtype(name))
