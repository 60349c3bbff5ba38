"""Tenon, a graph compiler: build or import a graph, compile it, run it with NumPy arrays.

    import numpy as np, tenon
    g = tenon.Graph()
    x = g.input("x", "f32", [1, 3])
    g.output("y", g.relu(x @ np.ones((3, 2), np.float32)))
    print(tenon.compile(g)(np.ones((1, 3), np.float32)))

Errors of the library are exceptions of class Error; each code has a subclass that is also the fitting built-in exception.
"""
from ._dlpack import from_dlpack
from ._execute import Executable, Options, compile
from ._graph import Graph, Value
from ._library import (CancelledError, CodegenError, Error, FileError, InternalError, InvalidArgumentError, InvalidGraphError,
                       LimitExceededError, NotFoundError, OutOfMemoryError, OutOfRangeError, ParseError, ShapeMismatchError,
                       TypeMismatchError, UnsupportedError, library_path, version)
from ._onnx import load_onnx, load_tensor, save_onnx, save_tensor
from ._tensor import Context, Tensor, default_context

__version__ = version()
__all__ = ["CancelledError", "CodegenError", "Context", "Error", "Executable", "FileError", "Graph", "InternalError",
           "InvalidArgumentError", "InvalidGraphError", "LimitExceededError", "NotFoundError", "Options", "OutOfMemoryError",
           "OutOfRangeError", "ParseError", "ShapeMismatchError", "Tensor", "TypeMismatchError", "UnsupportedError", "Value", "compile",
           "default_context", "from_dlpack", "library_path", "load_onnx", "load_tensor", "save_onnx", "save_tensor", "version"]
