"""DLPack, both ways, without copies."""
from __future__ import annotations

import ctypes as C
from typing import Any

from ._library import check, lib
from ._tensor import Context, Tensor, default_context

_api = C.pythonapi
_new, _get, _is, _rename = _api.PyCapsule_New, _api.PyCapsule_GetPointer, _api.PyCapsule_IsValid, _api.PyCapsule_SetName
_new.restype, _new.argtypes = C.py_object, [C.c_void_p, C.c_char_p, C.c_void_p]
_get.restype, _get.argtypes = C.c_void_p, [C.c_void_p, C.c_char_p]  # the capsule by address: its destructor has no reference to it
_is.restype, _is.argtypes = C.c_int, [C.c_void_p, C.c_char_p]
_rename.restype, _rename.argtypes = C.c_int, [C.c_void_p, C.c_char_p]

_PLAIN, _VERSIONED = b"dltensor", b"dltensor_versioned"
_USED = {_PLAIN: b"used_dltensor", _VERSIONED: b"used_dltensor_versioned"}  # these texts must live as long as the process
# offset of `deleter` in DLManagedTensor (a DLTensor of 48 bytes and manager_ctx before it) and in DLManagedTensorVersioned
_DELETER = {_PLAIN: 56, _VERSIONED: 16}


def _give_back(capsule: int) -> None:
    """A capsule that nobody took gives back what it holds."""
    for name, offset in _DELETER.items():
        if _is(capsule, name):
            managed = _get(capsule, name)
            C.CFUNCTYPE(None, C.c_void_p)(C.c_void_p.from_address(managed + offset).value or 0)(managed)


_destroy = C.PYFUNCTYPE(None, C.c_void_p)(_give_back)
_api.Py_IncRef(C.py_object(_destroy))


def to_dlpack(tensor: Tensor, max_version: tuple[int, int] | None) -> Any:
    out = C.c_void_p()
    if max_version is not None and max_version[0] >= 1:
        check(lib.tn_tensor_to_dlpack_versioned(tensor.handle, C.byref(out)))
        return _new(out, _VERSIONED, C.cast(_destroy, C.c_void_p))
    check(lib.tn_tensor_to_dlpack(tensor.handle, C.byref(out)))
    return _new(out, _PLAIN, C.cast(_destroy, C.c_void_p))


def from_dlpack(source: Any, context: Context | None = None) -> Tensor:
    """A tensor over the memory of any object with __dlpack__ (arrays of NumPy, torch, JAX, ...). UnsupportedError for memory that the CPU
    cannot read and types that Tenon lacks. Strides are kept; a run copies what is not dense."""
    context = context or default_context()
    try:
        capsule = source.__dlpack__(max_version=(1, 0))
    except TypeError:  # made before DLPack 1.0
        capsule = source.__dlpack__()
    address = id(capsule)
    name = next((n for n in _DELETER if _is(address, n)), None)
    if name is None:
        raise TypeError(f"{type(source).__name__}.__dlpack__ gave no capsule of DLPack, or one that was used before")
    out = C.c_void_p()
    take = lib.tn_tensor_from_dlpack_versioned if name == _VERSIONED else lib.tn_tensor_from_dlpack
    check(take(context.handle, _get(address, name), C.byref(out)))
    _rename(address, _USED[name])
    return Tensor._from_handle(out.value or 0, context)
