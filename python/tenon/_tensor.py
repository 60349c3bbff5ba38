"""Contexts and tensors. A tensor made from an array borrows it; an array made from a tensor keeps it."""
from __future__ import annotations

import ctypes as C
import itertools
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _abi, _dtypes
from ._dtypes import DTypeLike
from ._library import check, lib

Array = np.ndarray[Any, Any]
ArrayLike = Union["Tensor", npt.ArrayLike]

_LOG_LEVELS = {1: "error", 2: "warn", 3: "info", 4: "debug"}
_LogCallback = C.CFUNCTYPE(None, C.c_void_p, C.c_int, C.c_char_p)


class Context:
    """What graphs, tensors and executables share. Thread-safe.

    log: called with a level ("error", "warn", "info", "debug") and one line; None: silent. An exception in it is reported
    through sys.unraisablehook and goes no further.
    limits: bounds for input from outside by name, such as {"max_bytes": 1 << 30}; see docs/options.md.
    """

    def __init__(self, log: Callable[[str, str], None] | None = None, limits: Mapping[str, int] | None = None) -> None:
        options = _abi.tn_context_options(struct_size=C.sizeof(_abi.tn_context_options))
        keep: list[Any] = []
        if log is not None:
            def call(_self: int, level: int, message: bytes) -> None:
                log(_LOG_LEVELS.get(level, str(level)), message.decode(errors="replace"))
            callback = _LogCallback(call)
            keep.append(callback)
            options.log = C.cast(callback, C.c_void_p)
        if limits:
            known = {field[0] for field in _abi.tn_limits._fields_} - {"struct_size"}
            for name in limits:
                if name not in known:
                    raise ValueError(f"no limit is called {name!r}: there are {', '.join(sorted(known))}")
            chosen = _abi.tn_limits(struct_size=C.sizeof(_abi.tn_limits), **limits)
            options.limits = C.addressof(chosen)
        handle = C.c_void_p()
        check(lib.tn_context_create(C.byref(options), C.byref(handle)))
        self.handle: int = handle.value or 0
        self._keep = keep
        # the callbacks live as long as the library may call them: objects made from this context hold it (`context`)
        weakref.finalize(self, lib.tn_context_release, self.handle)

    def register(self, name: str, evaluate: Callable[..., Any], infer: Callable[..., Any] | None = None, *,
                 inputs: int | tuple[int, int] = 1, outputs: int = 1, pure: bool = True, thread_safe: bool = True) -> None:
        """Registers a Python function as an op; graph.custom(name, ...) makes nodes of it, and the ONNX importer ("domain::Name").

        evaluate(*arrays, **attributes) gives an array, or one for each output. The arrays are the program's memory, read-only, and valid
        during the call only; None for an absent input.
        infer(*types, **attributes) gives the type of the output, or a list of them; a type is ("f32", (2, 3)). A negative size is not known
        (yet): it may be passed on. Without infer every output has the type of the first input.
        inputs: how many, or (fewest, most; -1: any number). pure: results depend on inputs and attributes alone. An exception in
        either function ends the compilation or run with an Error that has it as its cause.
        """
        from ._custom import register

        register(self, name, evaluate, infer, inputs, outputs, pure, thread_safe)

    def unregister(self, name: str) -> None:
        """Takes the name away again; graphs and executables that have the op keep it."""
        check(lib.tn_custom_op_unregister(self.handle, name.encode()))


_default: Context | None = None
_default_lock = threading.Lock()


def default_context() -> Context:
    """The context that is used where none is given; made at first use."""
    global _default
    with _default_lock:
        if _default is None:
            _default = Context()
        return _default


# Arrays lent to the library, by the number that it hands back to _free. The callback must outlive every tensor: it is never freed.
_lent: dict[int, Any] = {}
_numbers = itertools.count(1)


def _give_back(number: int | None, _data: int | None, lent: dict[int, Any] = _lent) -> None:
    lent.pop(number or 0, None)


_free = C.CFUNCTYPE(None, C.c_void_p, C.c_void_p)(_give_back)
C.pythonapi.Py_IncRef(C.py_object(_free))


class _Memory:
    """Holds a tensor while an array looks at its memory."""

    def __init__(self, tensor: Tensor, interface: dict[str, Any]) -> None:
        self.tensor = tensor
        self.__array_interface__ = interface


class Tensor:
    """A dense, row-major host tensor of the library.

    Tensor(array) borrows the array's memory: no copy, and the array lives until neither Python nor the library holds the tensor.
    It must not be written to while the library reads it. Arrays that are not contiguous, aligned and of native byte order, strings
    and types of less than a byte are copied. Reading is thread-safe.
    """

    __slots__ = ("handle", "context", "_readonly", "__weakref__")
    handle: int
    context: Context

    def __init__(self, array: ArrayLike, dtype: DTypeLike | None = None, context: Context | None = None) -> None:
        context = context or default_context()
        if isinstance(array, Tensor):
            array = array.numpy()
        source = np.asarray(array, None if dtype is None else _dtypes.numpy_dtype(_dtypes.dtype_name(dtype)))
        name = _dtypes.dtype_name(source.dtype)
        if name == "string":
            handle = _string_tensor(context, source)
            self._adopt(handle, context, False)
            return
        shape = source.shape
        if not (source.flags.c_contiguous and source.flags.aligned and source.dtype.isnative):
            source = np.require(source, source.dtype.newbyteorder("="), ["C", "A"])
        if name in _dtypes.PACKED:
            source = _dtypes.pack(np.ascontiguousarray(source), _dtypes.PACKED[name])
        number = next(_numbers)
        dims = (C.c_int64 * max(1, len(shape)))(*shape)
        out = C.c_void_p()
        _lent[number] = source
        error = lib.tn_tensor_create_borrowed(context.handle, _abi.tn_dtype[name], len(shape), dims, source.ctypes.data, source.nbytes,
                                              C.cast(_free, C.c_void_p), number, C.byref(out))
        if error:
            _lent.pop(number, None)
        check(error)
        self._adopt(out.value or 0, context, not source.flags.writeable)

    def _adopt(self, handle: int, context: Context, readonly: bool) -> None:
        self.handle, self.context, self._readonly = handle, context, readonly
        weakref.finalize(self, lib.tn_tensor_release, handle)

    @classmethod
    def _from_handle(cls, handle: int, context: Context) -> Tensor:
        """Takes the reference to `handle`."""
        made = cls.__new__(cls)
        made._adopt(handle, context, False)
        return made

    @classmethod
    def zeros(cls, shape: Sequence[int], dtype: DTypeLike = "f32", context: Context | None = None) -> Tensor:
        """A tensor of the library's own memory, 64-byte aligned, full of zeros (empty texts)."""
        context = context or default_context()
        out = C.c_void_p()
        dims = (C.c_int64 * max(1, len(shape)))(*shape)
        check(lib.tn_tensor_create(context.handle, _dtypes.dtype_id(dtype), len(shape), dims, C.byref(out)))
        return cls._from_handle(out.value or 0, context)

    @property
    def dtype(self) -> str:
        """The element type by Tenon's name, such as "f32"."""
        return _dtypes.name_of_id(lib.tn_tensor_get_dtype(self.handle))

    @property
    def ndim(self) -> int:
        return int(lib.tn_tensor_get_rank(self.handle))

    @property
    def shape(self) -> tuple[int, ...]:
        rank = self.ndim
        return tuple((C.c_int64 * rank).from_address(lib.tn_tensor_get_dims(self.handle))) if rank else ()

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(lib.tn_tensor_get_elements(self.handle))

    @property
    def nbytes(self) -> int:
        return int(lib.tn_tensor_get_bytes(self.handle))

    def numpy(self) -> Array:
        """An array over the tensor's memory, which lives as long as the array does. Strings (dtype object) and types of less than a
        byte are copied. Read-only where the tensor borrows a read-only array. TypeError where NumPy lacks the type."""
        name, shape = self.dtype, self.shape
        dtype = _dtypes.numpy_dtype(name)
        data = lib.tn_tensor_get_data(self.handle) or 0
        if name == "string":
            texts = [C.string_at(p) if p else b"" for p in (C.c_void_p * self.size).from_address(data)] if self.size else []
            array = np.empty(shape, object)
            array.reshape(-1)[:] = [t.decode(errors="surrogateescape") for t in texts]
            return array
        if not self.size:
            return np.empty(shape, dtype)
        if name in _dtypes.PACKED:
            packed = self._bytes((self.nbytes,))
            return _dtypes.unpack(packed, _dtypes.PACKED[name], self.size, name).reshape(shape)
        if dtype.kind == "V" or dtype.str[1] == "V" or type(dtype).__module__ != "numpy.dtypes":
            raw = {1: "|u1", 2: "<u2"}[dtype.itemsize]
            return self._view(shape, raw, data, dtype.itemsize).view(dtype)
        return self._view(shape, dtype.str, data, dtype.itemsize)

    def _view(self, shape: tuple[int, ...], typestr: str, data: int, item: int = 0) -> Array:
        """item: bytes of an element of this tensor, whose strides then count; 0: dense."""
        strides = None
        if item and not lib.tn_tensor_is_dense(self.handle):
            steps = (C.c_int64 * len(shape))()
            lib.tn_tensor_get_strides(self.handle, steps)
            strides = tuple(item * step for step in steps)
        return np.asarray(_Memory(self, {"shape": shape, "typestr": typestr, "data": (data, self._readonly), "strides": strides, "version": 3}))

    def _bytes(self, shape: tuple[int, ...]) -> Array:
        return self._view(shape, "|u1", lib.tn_tensor_get_data(self.handle))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"a tensor of {self.dtype} is no array of {np.dtype(dtype)} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, *, stream: Any = None, max_version: tuple[int, int] | None = None, dl_device: tuple[int, int] | None = None,
                   copy: bool | None = None) -> Any:
        """A capsule of DLPack over the tensor's memory, which lives until its taker is done."""
        from ._dlpack import to_dlpack

        if dl_device not in (None, (1, 0)):
            raise BufferError(f"device {dl_device}: Tenon's tensors are on the CPU")
        return to_dlpack(Tensor(self.numpy().copy(), context=self.context) if copy else self, max_version)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a tensor of rank 0 has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"tenon.Tensor({self.dtype}[{','.join(map(str, self.shape))}])"


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _string_tensor(context: Context, array: Array) -> int:
    """The library owns the texts, so they go through a serialised TensorProto: dims (1), data_type (2) = STRING, string_data (6)."""
    import os
    import tempfile

    message = bytearray()
    for dim in array.shape:
        message += b"\x08" + _varint(dim)
    message += b"\x10\x08"
    for text in array.reshape(-1):
        data = text if isinstance(text, bytes) else str(text).encode(errors="surrogateescape")
        message += b"\x32" + _varint(len(data)) + data
    file, path = tempfile.mkstemp(suffix=".pb")
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(message)
        return load_handle(context, path)
    finally:
        os.unlink(path)


def load_handle(context: Context, path: str) -> int:
    out = C.c_void_p()
    check(lib.tn_onnx_load_tensor(context.handle, path.encode(), C.byref(out)))
    return out.value or 0
