"""Finds and loads libtenon.so and turns its errors into exceptions."""
from __future__ import annotations

import collections
import contextlib
import ctypes as C
import os
import pathlib
from typing import Any

from . import _abi


class Error(Exception):
    """An error of the library: its one line of text, the same as a C caller gets."""

    code: int = 0
    code_name: str = "OK"


class InternalError(Error):
    """A defect in Tenon itself; please report it."""


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed."""


class InvalidArgumentError(Error, ValueError):
    """A call's argument is wrong."""


class InvalidGraphError(Error, ValueError):
    """A graph contradicts itself: cycle, unknown value, wrong arity."""


class TypeMismatchError(Error, TypeError):
    """An operand's dtype does not fit the op."""


class ShapeMismatchError(Error, ValueError):
    """An operand's shape does not fit the op or the data."""


class OutOfRangeError(Error, IndexError):
    """An index, offset or size lies outside its bounds."""


class LimitExceededError(Error):
    """A size, count, rank or depth is over a limit of the context."""


class UnsupportedError(Error, NotImplementedError):
    """Valid, but this build or device has no implementation."""


class ParseError(Error, ValueError):
    """A file or text is malformed."""


class FileError(Error, OSError):
    """The operating system refused a file operation."""


class CodegenError(Error):
    """The code generator failed."""


class CancelledError(Error):
    """The caller asked to stop."""


class NotFoundError(Error, LookupError):
    """A named thing does not exist."""


_CLASSES: dict[str, type[Error]] = {
    "INTERNAL": InternalError, "OUT_OF_MEMORY": OutOfMemoryError, "INVALID_ARGUMENT": InvalidArgumentError,
    "INVALID_GRAPH": InvalidGraphError, "TYPE_MISMATCH": TypeMismatchError, "SHAPE_MISMATCH": ShapeMismatchError,
    "OUT_OF_RANGE": OutOfRangeError, "LIMIT_EXCEEDED": LimitExceededError, "UNSUPPORTED": UnsupportedError, "PARSE": ParseError,
    "IO": FileError, "CODEGEN": CodegenError, "CANCELLED": CancelledError, "NOT_FOUND": NotFoundError}
_BY_CODE: dict[int, type[Error]] = {}
for _name, _code in _abi.tn_error_code.items():
    _class: type[Error] = _CLASSES.get(_name) or type(f"{_name.title().replace('_', '')}Error", (Error,), {})
    _class.code, _class.code_name = _code, _name
    _BY_CODE[_code] = _class


def library_path() -> pathlib.Path:
    """The shared library that is loaded: $TENON_LIBRARY, else the one installed with this package."""
    chosen = os.environ.get("TENON_LIBRARY")
    if chosen:
        return pathlib.Path(chosen)
    installed = pathlib.Path(__file__).parent / "libtenon.so"
    if installed.exists():
        return installed
    raise ImportError("tenon: no libtenon.so beside the package; `pip install .` builds it, or TENON_LIBRARY names one")


def _load() -> Any:
    path = library_path()
    try:
        loaded = C.CDLL(str(path))
    except OSError as error:
        raise ImportError(f"tenon: {path}: {error}") from error
    for name, result, arguments in _abi.FUNCTIONS:
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise ImportError(f"tenon: {path} has no {name}: it is of another version than this package") from None
        function.restype, function.argtypes = result, arguments
    return loaded


lib: Any = _load()


# exceptions of callbacks, with the text that the library was given, until check() meets it again
raised: collections.deque[tuple[str, BaseException]] = collections.deque(maxlen=16)


def check(error: int | None) -> None:
    """Raises `error` (a tn_error *, taken) if there is one."""
    if error:
        text = lib.tn_error_get_message(error).decode(errors="replace")
        code = lib.tn_error_get_code(error)
        lib.tn_error_destroy(error)
        cause = next((item for item in raised if item[0] in text), None)
        if cause:
            with contextlib.suppress(ValueError):
                raised.remove(cause)
        raise _BY_CODE.get(code, Error)(text) from (cause[1] if cause else None)


def version() -> str:
    """The version of the loaded library, such as "0.1.0"."""
    text: bytes = lib.tn_version()
    return text.decode()
