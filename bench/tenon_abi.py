"""Tenon's C ABI through ctypes, as much of it as the benchmark needs."""
import ctypes as C

import numpy as np

_NUMPY = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bool": np.bool_, "i8": np.int8, "i16": np.int16,
          "i32": np.int32, "i64": np.int64, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64}


class TenonError(RuntimeError):
    pass


class Library:
    def __init__(self, path):
        self.lib = C.CDLL(str(path))
        p, u32 = C.c_void_p, C.c_uint32
        for name, result, arguments in [
                ("tn_version", C.c_char_p, []), ("tn_error_get_message", C.c_char_p, [p]), ("tn_error_destroy", None, [p]),
                ("tn_context_create", p, [p, p]), ("tn_context_release", None, [p]),
                ("tn_onnx_load_file", p, [p, C.c_char_p, p]), ("tn_onnx_load_tensor", p, [p, C.c_char_p, p]),
                ("tn_graph_release", None, [p]), ("tn_graph_get_input_count", u32, [p]),
                ("tn_graph_get_output_count", u32, [p]), ("tn_graph_get_input_name", C.c_char_p, [p, u32]),
                ("tn_graph_get_output_name", C.c_char_p, [p, u32]),
                ("tn_options_create", p, [p, p]), ("tn_options_set", p, [p, C.c_char_p, C.c_char_p]),
                ("tn_options_release", None, [p]), ("tn_compile", p, [p, p, p]), ("tn_executable_release", None, [p]),
                ("tn_executable_run", p, [p, p, u32, p, u32]), ("tn_tensor_release", None, [p]),
                ("tn_tensor_get_dtype", C.c_int, [p]), ("tn_tensor_get_rank", C.c_int32, [p]),
                ("tn_tensor_get_dims", C.POINTER(C.c_int64), [p]), ("tn_tensor_get_data", p, [p]),
                ("tn_tensor_get_bytes", C.c_size_t, [p]), ("tn_dtype_name", C.c_char_p, [C.c_int])]:
            function = getattr(self.lib, name)
            function.restype, function.argtypes = result, arguments

    def check(self, error):
        if error:
            text = self.lib.tn_error_get_message(error).decode(errors="replace")
            self.lib.tn_error_destroy(error)
            raise TenonError(text)

    def version(self):
        return self.lib.tn_version().decode()


class Model:
    """A model file loaded and compiled; run() writes into output tensors that the first run made."""

    def __init__(self, library, path, input_files, threads, cache_dir):
        self.library, lib = library, library.lib
        made = C.c_void_p
        self.context, graph, options, self.executable = made(), made(), made(), made()
        library.check(lib.tn_context_create(None, C.byref(self.context)))
        library.check(lib.tn_onnx_load_file(self.context, str(path).encode(), C.byref(graph)))
        library.check(lib.tn_options_create(self.context, C.byref(options)))
        for key, value in (("threads", threads), ("cache_dir", cache_dir)):
            library.check(lib.tn_options_set(options, key.encode(), str(value).encode()))
        library.check(lib.tn_compile(graph, options, C.byref(self.executable)))
        self.input_names = [lib.tn_graph_get_input_name(graph, i).decode() for i in range(lib.tn_graph_get_input_count(graph))]
        self.output_names = [lib.tn_graph_get_output_name(graph, i).decode() for i in range(lib.tn_graph_get_output_count(graph))]
        lib.tn_graph_release(graph)
        lib.tn_options_release(options)
        if len(input_files) != len(self.input_names):
            raise TenonError(f"{len(self.input_names)} inputs, {len(input_files)} input files")
        self.inputs = (made * max(1, len(input_files)))()
        for i, file in enumerate(input_files):
            tensor = made()
            library.check(lib.tn_onnx_load_tensor(self.context, str(file).encode(), C.byref(tensor)))
            self.inputs[i] = tensor
        self.outputs = (made * max(1, len(self.output_names)))()
        self.arguments = (self.executable, C.addressof(self.inputs), len(input_files), C.addressof(self.outputs),
                          len(self.output_names))
        self.function = lib.tn_executable_run

    def run(self):
        error = self.function(*self.arguments)
        if error:
            self.library.check(error)

    def results(self):
        lib, found = self.library.lib, []
        for tensor in self.outputs[:len(self.output_names)]:
            name = lib.tn_dtype_name(lib.tn_tensor_get_dtype(tensor)).decode()
            dims = lib.tn_tensor_get_dims(tensor)
            shape = [dims[k] for k in range(lib.tn_tensor_get_rank(tensor))]
            data = C.string_at(lib.tn_tensor_get_data(tensor), lib.tn_tensor_get_bytes(tensor))
            count = int(np.prod(shape, dtype=np.int64))
            found.append(np.frombuffer(data, _NUMPY[name], count).reshape(shape) if name in _NUMPY else None)
        return found

    def close(self):
        lib = self.library.lib
        for tensor in list(self.inputs) + list(self.outputs):
            if tensor:
                lib.tn_tensor_release(tensor)
        lib.tn_executable_release(self.executable)
        lib.tn_context_release(self.context)
