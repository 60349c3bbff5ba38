# Made by scripts/make-python, do not edit.
"""The C ABI for ctypes: what the package uses of it."""
from __future__ import annotations

import ctypes as C


tn_error_code = {
    "INTERNAL": 1,
    "OUT_OF_MEMORY": 2,
    "INVALID_ARGUMENT": 3,
    "INVALID_GRAPH": 4,
    "TYPE_MISMATCH": 5,
    "SHAPE_MISMATCH": 6,
    "OUT_OF_RANGE": 7,
    "LIMIT_EXCEEDED": 8,
    "UNSUPPORTED": 9,
    "PARSE": 10,
    "IO": 11,
    "CODEGEN": 12,
    "CANCELLED": 13,
    "NOT_FOUND": 14,
}
tn_dtype = {
    "f64": 1,
    "f32": 2,
    "f16": 3,
    "bf16": 4,
    "f8e4m3": 5,
    "f8e5m2": 6,
    "i64": 7,
    "i32": 8,
    "i16": 9,
    "i8": 10,
    "i4": 11,
    "u64": 12,
    "u32": 13,
    "u16": 14,
    "u8": 15,
    "u4": 16,
    "bool": 17,
    "string": 18,
    "f8e4m3fnuz": 19,
    "f8e5m2fnuz": 20,
    "f8e8m0": 21,
    "f4e2m1": 22,
    "i2": 23,
    "u2": 24,
}
tn_attr_kind = {
    "INT": 1,
    "FLOAT": 2,
    "STRING": 3,
    "INTS": 4,
    "FLOATS": 5,
    "STRINGS": 6,
    "TENSOR": 7,
    "GRAPH": 8,
}


class tn_custom_op(C.Structure):
    _fields_ = [
        ("struct_size", C.c_size_t),
        ("name", C.c_char_p),
        ("n_in_min", C.c_int32),
        ("n_in_max", C.c_int32),
        ("n_out_min", C.c_int32),
        ("n_out_max", C.c_int32),
        ("flags", C.c_uint32),
        ("self", C.c_void_p),
        ("free_self", C.c_void_p),
        ("infer", C.c_void_p),
        ("evaluate", C.c_void_p),
        ("gradient", C.c_void_p),
    ]


class tn_value(C.Structure):
    _fields_ = [
        ("id", C.c_uint32),
    ]


class tn_attr(C.Structure):
    _fields_ = [
        ("name", C.c_char_p),
        ("kind", C.c_int),
        ("n", C.c_uint32),
        ("i", C.c_int64),
        ("f", C.c_double),
        ("s", C.c_char_p),
        ("ints", C.c_void_p),
        ("floats", C.c_void_p),
        ("strings", C.c_void_p),
        ("tensor", C.c_void_p),
        ("graph", C.c_void_p),
    ]


class tn_limits(C.Structure):
    _fields_ = [
        ("struct_size", C.c_size_t),
        ("max_bytes", C.c_uint64),
        ("max_elements", C.c_uint64),
        ("max_nodes", C.c_uint32),
        ("max_rank", C.c_uint32),
        ("max_depth", C.c_uint32),
    ]


class tn_context_options(C.Structure):
    _fields_ = [
        ("struct_size", C.c_size_t),
        ("allocator", C.c_void_p),
        ("log", C.c_void_p),
        ("log_self", C.c_void_p),
        ("limits", C.c_void_p),
        ("thread_pool", C.c_void_p),
        ("should_abort", C.c_void_p),
        ("abort_self", C.c_void_p),
    ]


class tn_executable_stats(C.Structure):
    _fields_ = [
        ("struct_size", C.c_size_t),
        ("arena_bytes", C.c_uint64),
        ("arena_lower_bound", C.c_uint64),
        ("constant_bytes", C.c_uint64),
        ("code_bytes", C.c_uint64),
        ("flops", C.c_uint64),
        ("compile_ns", C.c_uint64),
        ("n_kernels", C.c_uint32),
        ("n_calls", C.c_uint32),
        ("n_specialisations", C.c_uint32),
        ("from_cache", C.c_uint32),
        ("n_narrowed", C.c_uint32),
        ("n_kept", C.c_uint32),
        ("n_tuned", C.c_uint32),
    ]


class tn_profile_row(C.Structure):
    _fields_ = [
        ("struct_size", C.c_size_t),
        ("kind", C.c_char_p),
        ("kernel", C.c_char_p),
        ("node", C.c_char_p),
        ("sources", C.c_void_p),
        ("n_sources", C.c_uint32),
        ("n_sources_hidden", C.c_uint32),
        ("stages", C.c_uint32),
        ("runs", C.c_uint64),
        ("total_ns", C.c_uint64),
        ("least_ns", C.c_uint64),
        ("flops", C.c_double),
        ("bytes", C.c_uint64),
        ("live_bytes", C.c_uint64),
        ("product_dtype", C.c_int),
        ("precision", C.c_char_p),
        ("counted", C.c_uint32),
        ("cycles", C.c_uint64),
        ("instructions", C.c_uint64),
        ("cache_misses", C.c_uint64),
        ("cpu_ns", C.c_uint64),
        ("page_faults", C.c_uint64),
        ("context_switches", C.c_uint64),
        ("constant_bytes", C.c_uint64),
    ]


# name, result, arguments
FUNCTIONS = [
    ("tn_compile", C.c_void_p, [C.c_void_p, C.c_void_p, C.c_void_p]),
    ("tn_context_create", C.c_void_p, [C.c_void_p, C.c_void_p]),
    ("tn_context_release", None, [C.c_void_p]),
    ("tn_custom_call_fail", C.c_void_p, [C.c_void_p, C.c_int, C.c_char_p]),
    ("tn_custom_call_get_attr", C.c_void_p, [C.c_void_p, C.c_uint32]),
    ("tn_custom_call_get_attr_count", C.c_uint32, [C.c_void_p]),
    ("tn_custom_call_get_input", C.c_void_p, [C.c_void_p, C.c_uint32]),
    ("tn_custom_call_get_input_count", C.c_uint32, [C.c_void_p]),
    ("tn_custom_call_get_input_dtype", C.c_int, [C.c_void_p, C.c_uint32]),
    ("tn_custom_call_get_input_shape", C.c_int32, [C.c_void_p, C.c_uint32, C.c_void_p]),
    ("tn_custom_call_get_output_count", C.c_uint32, [C.c_void_p]),
    ("tn_custom_call_make_output", C.c_void_p, [C.c_void_p, C.c_uint32, C.c_int32, C.c_void_p, C.c_void_p]),
    ("tn_custom_call_set_output", C.c_void_p, [C.c_void_p, C.c_uint32, C.c_int, C.c_int32, C.c_void_p]),
    ("tn_custom_op_register", C.c_void_p, [C.c_void_p, C.c_void_p]),
    ("tn_custom_op_unregister", C.c_void_p, [C.c_void_p, C.c_char_p]),
    ("tn_dtype_name", C.c_char_p, [C.c_int]),
    ("tn_error_destroy", None, [C.c_void_p]),
    ("tn_error_get_code", C.c_int, [C.c_void_p]),
    ("tn_error_get_message", C.c_char_p, [C.c_void_p]),
    ("tn_executable_get_profile", C.c_void_p, [C.c_void_p, C.c_void_p]),
    ("tn_executable_get_stats", C.c_void_p, [C.c_void_p, C.c_void_p]),
    ("tn_executable_release", None, [C.c_void_p]),
    ("tn_executable_reset_profile", C.c_void_p, [C.c_void_p]),
    ("tn_executable_run", C.c_void_p, [C.c_void_p, C.c_void_p, C.c_uint32, C.c_void_p, C.c_uint32]),
    ("tn_graph_check", C.c_void_p, [C.c_void_p]),
    ("tn_graph_constant", tn_value, [C.c_void_p, C.c_void_p]),
    ("tn_graph_create", C.c_void_p, [C.c_void_p, C.c_char_p, C.c_void_p]),
    ("tn_graph_custom", tn_value, [C.c_void_p, C.c_char_p, C.c_void_p, C.c_uint32, C.c_void_p, C.c_uint32, C.c_uint32]),
    ("tn_graph_get_dtype", C.c_int, [C.c_void_p, tn_value]),
    ("tn_graph_get_input", tn_value, [C.c_void_p, C.c_uint32]),
    ("tn_graph_get_input_count", C.c_uint32, [C.c_void_p]),
    ("tn_graph_get_input_name", C.c_char_p, [C.c_void_p, C.c_uint32]),
    ("tn_graph_get_node_count", C.c_uint32, [C.c_void_p]),
    ("tn_graph_get_output", tn_value, [C.c_void_p, C.c_uint32]),
    ("tn_graph_get_output_count", C.c_uint32, [C.c_void_p]),
    ("tn_graph_get_output_name", C.c_char_p, [C.c_void_p, C.c_uint32]),
    ("tn_graph_get_shape", C.c_int32, [C.c_void_p, tn_value, C.c_void_p]),
    ("tn_graph_get_symbol_name", C.c_char_p, [C.c_void_p, C.c_int64]),
    ("tn_graph_input", tn_value, [C.c_void_p, C.c_char_p, C.c_int, C.c_int32, C.c_void_p]),
    ("tn_graph_op", tn_value, [C.c_void_p, C.c_char_p, C.c_void_p, C.c_uint32, C.c_void_p, C.c_uint32, C.c_uint32]),
    ("tn_graph_output", None, [C.c_void_p, C.c_char_p, tn_value]),
    ("tn_graph_parse", C.c_void_p, [C.c_void_p, C.c_char_p, C.c_void_p]),
    ("tn_graph_print", C.c_void_p, [C.c_void_p, C.c_void_p]),
    ("tn_graph_release", None, [C.c_void_p]),
    ("tn_graph_set_name", None, [C.c_void_p, tn_value, C.c_char_p]),
    ("tn_graph_symbol", C.c_int64, [C.c_void_p, C.c_char_p]),
    ("tn_onnx_load_file", C.c_void_p, [C.c_void_p, C.c_char_p, C.c_void_p]),
    ("tn_onnx_load_memory", C.c_void_p, [C.c_void_p, C.c_void_p, C.c_size_t, C.c_void_p]),
    ("tn_onnx_load_tensor", C.c_void_p, [C.c_void_p, C.c_char_p, C.c_void_p]),
    ("tn_onnx_save_file", C.c_void_p, [C.c_void_p, C.c_char_p]),
    ("tn_onnx_save_tensor", C.c_void_p, [C.c_void_p, C.c_char_p]),
    ("tn_options_create", C.c_void_p, [C.c_void_p, C.c_void_p]),
    ("tn_options_get", C.c_char_p, [C.c_void_p, C.c_char_p]),
    ("tn_options_release", None, [C.c_void_p]),
    ("tn_options_set", C.c_void_p, [C.c_void_p, C.c_char_p, C.c_char_p]),
    ("tn_profile_get_count", C.c_uint32, [C.c_void_p]),
    ("tn_profile_get_row", C.c_void_p, [C.c_void_p, C.c_uint32, C.c_void_p]),
    ("tn_profile_release", None, [C.c_void_p]),
    ("tn_tensor_create", C.c_void_p, [C.c_void_p, C.c_int, C.c_int32, C.c_void_p, C.c_void_p]),
    ("tn_tensor_create_borrowed", C.c_void_p, [C.c_void_p, C.c_int, C.c_int32, C.c_void_p, C.c_void_p, C.c_size_t, C.c_void_p, C.c_void_p, C.c_void_p]),
    ("tn_tensor_from_dlpack", C.c_void_p, [C.c_void_p, C.c_void_p, C.c_void_p]),
    ("tn_tensor_from_dlpack_versioned", C.c_void_p, [C.c_void_p, C.c_void_p, C.c_void_p]),
    ("tn_tensor_get_bytes", C.c_size_t, [C.c_void_p]),
    ("tn_tensor_get_data", C.c_void_p, [C.c_void_p]),
    ("tn_tensor_get_dims", C.c_void_p, [C.c_void_p]),
    ("tn_tensor_get_dtype", C.c_int, [C.c_void_p]),
    ("tn_tensor_get_elements", C.c_int64, [C.c_void_p]),
    ("tn_tensor_get_rank", C.c_int32, [C.c_void_p]),
    ("tn_tensor_get_strides", None, [C.c_void_p, C.c_void_p]),
    ("tn_tensor_is_dense", C.c_bool, [C.c_void_p]),
    ("tn_tensor_release", None, [C.c_void_p]),
    ("tn_tensor_retain", None, [C.c_void_p]),
    ("tn_tensor_to_dlpack", C.c_void_p, [C.c_void_p, C.c_void_p]),
    ("tn_tensor_to_dlpack_versioned", C.c_void_p, [C.c_void_p, C.c_void_p]),
    ("tn_text_free", None, [C.c_void_p, C.c_void_p]),
    ("tn_value_output", tn_value, [tn_value, C.c_uint32]),
    ("tn_version", C.c_char_p, []),
]
