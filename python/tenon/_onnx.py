"""ONNX files."""
from __future__ import annotations

import ctypes as C
import os

from ._graph import Graph
from ._library import check, lib
from ._tensor import Context, Tensor, default_context, load_handle


def load_onnx(model: str | os.PathLike[str] | bytes, context: Context | None = None) -> Graph:
    """The graph of an ONNX model: a file (its weights are borrowed from the mapped file) or the serialised model as bytes."""
    context = context or default_context()
    out = C.c_void_p()
    if isinstance(model, bytes):
        check(lib.tn_onnx_load_memory(context.handle, model, len(model), C.byref(out)))
    else:
        check(lib.tn_onnx_load_file(context.handle, os.fsencode(model), C.byref(out)))
    return Graph._from_handle(out.value or 0, context)


def save_onnx(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Writes `graph` as an ONNX model; UnsupportedError where an op does not exist in ONNX. The file appears whole or not at all."""
    check(lib.tn_onnx_save_file(graph.handle, os.fsencode(path)))


def load_tensor(path: str | os.PathLike[str], context: Context | None = None) -> Tensor:
    """The tensor of a serialised TensorProto (.pb)."""
    context = context or default_context()
    return Tensor._from_handle(load_handle(context, os.fspath(path)), context)


def save_tensor(tensor: Tensor, path: str | os.PathLike[str]) -> None:
    """Writes a serialised TensorProto."""
    check(lib.tn_onnx_save_tensor(tensor.handle, os.fsencode(path)))
