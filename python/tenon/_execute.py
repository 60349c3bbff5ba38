"""Options, compilation, runs."""
from __future__ import annotations

import ctypes as C
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np

from . import _abi, _dtypes
from ._graph import Graph
from ._library import check, lib
from ._tensor import Array, ArrayLike, Context, Tensor

Inputs = Union[Mapping[str, ArrayLike], Sequence[ArrayLike]]


def _option_text(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


class Options:
    """Options by key, checked when they are set; docs/options.md lists them. True and False stand for on and off."""

    def __init__(self, context: Context, values: Mapping[str, object]) -> None:
        out = C.c_void_p()
        check(lib.tn_options_create(context.handle, C.byref(out)))
        self.handle, self.context = out.value or 0, context
        weakref.finalize(self, lib.tn_options_release, self.handle)
        for key, value in values.items():
            self[key] = value

    def __setitem__(self, key: str, value: object) -> None:
        check(lib.tn_options_set(self.handle, key.encode(), _option_text(value).encode()))

    def __getitem__(self, key: str) -> str:
        """The effective value; KeyError for a key that does not exist."""
        found: bytes | None = lib.tn_options_get(self.handle, key.encode())
        if found is None:
            raise KeyError(key)
        return found.decode()


class Executable:
    """A compiled graph. Any number of threads may run it at once; a run releases the GIL.

    executable(x, y) and executable(x=x, y=y) return an array, or a tuple of arrays where the graph has several outputs;
    run() takes and returns lists and can write into tensors of the caller.
    """

    def __init__(self, handle: int, context: Context, graph: Graph) -> None:
        self.handle, self.context = handle, context
        weakref.finalize(self, lib.tn_executable_release, handle)
        self.input_names, self.output_names = graph.input_names, graph.output_names
        self._dtypes = [v.dtype for v in graph.inputs]
        self._in, self._out = C.c_void_p * max(1, len(self.input_names)), C.c_void_p * max(1, len(self.output_names))

    def __call__(self, *args: ArrayLike, **named: ArrayLike) -> Any:
        if args and named:
            raise TypeError("inputs are given by position or by name, not both")
        arrays = [t.numpy() for t in self.run(named if named else args)]
        return arrays[0] if len(arrays) == 1 else tuple(arrays)

    def _tensor(self, index: int, given: ArrayLike) -> Tensor:
        if isinstance(given, Tensor):
            return given
        if isinstance(given, (np.ndarray, np.generic)):
            return Tensor(given, context=self.context)
        # Python numbers and lists have no dtype of their own
        return Tensor(given, self._dtypes[index] if isinstance(given, (bool, int, float, list, tuple)) else None, self.context)

    def run(self, inputs: Inputs, outputs: Sequence[Tensor | Array | None] | None = None) -> list[Tensor]:
        """Runs. inputs: by name or in order; arrays are borrowed for the call, dtypes and shapes must be those of the graph.
        outputs: for each output a tensor or array to write into, or None for a new one. Returns all output tensors."""
        if isinstance(inputs, Mapping):
            unknown = [n for n in inputs if n not in self.input_names]
            missing = [n for n in self.input_names if n not in inputs]
            if unknown or missing:
                raise ValueError(f"inputs: {', '.join([f'{n} is missing' for n in missing] + [f'{n} is none' for n in unknown])}; "
                                 f"there are {', '.join(self.input_names) or 'none'}")
            given = [inputs[n] for n in self.input_names]
        else:
            given = list(inputs)
        if len(given) != len(self.input_names):
            raise ValueError(f"{len(given)} inputs, wanted {len(self.input_names)}: {', '.join(self.input_names)}")
        tensors = [self._tensor(i, x) for i, x in enumerate(given)]
        into: list[Tensor | None] = [None] * len(self.output_names)
        if outputs is not None:
            if len(outputs) != len(into):
                raise ValueError(f"{len(outputs)} outputs, wanted {len(into)}: {', '.join(self.output_names)}")
            into = [self._output(i, x) for i, x in enumerate(outputs)]
        results = self._out(*(t.handle if t is not None else None for t in into))
        check(lib.tn_executable_run(self.handle, self._in(*(t.handle for t in tensors)), len(tensors), results, len(into)))
        return [t if t is not None else Tensor._from_handle(results[i] or 0, self.context) for i, t in enumerate(into)]

    def _output(self, index: int, given: Tensor | Array | None) -> Tensor | None:
        if isinstance(given, np.ndarray):
            if not (given.flags.writeable and given.flags.c_contiguous and given.flags.aligned and given.dtype.isnative) \
                    or given.dtype.hasobject or _dtypes.dtype_name(given.dtype) in _dtypes.PACKED:
                raise ValueError(f"output {self.output_names[index]}: an array to write into must be writeable, contiguous, aligned and "
                                 "of a type of whole bytes")
            return Tensor(given, context=self.context)
        if given is not None and given._readonly:
            raise ValueError(f"output {self.output_names[index]}: the tensor borrows a read-only array")
        return given

    @property
    def stats(self) -> dict[str, int]:
        """Figures of the latest specialisation (see tn_executable_stats): arena_bytes, constant_bytes, flops, compile_ns, ..."""
        found = _abi.tn_executable_stats(struct_size=C.sizeof(_abi.tn_executable_stats))
        check(lib.tn_executable_get_stats(self.handle, C.byref(found)))
        return {field[0]: getattr(found, field[0]) for field in found._fields_ if field[0] != "struct_size"}

    def profile(self) -> list[dict[str, Any]]:
        """What each step took so far, in the order of the steps: kind ("kernel", "call", ...), kernel, node, sources, stages, runs,
        total_ns and least_ns (all threads together), flops and bytes of one run, live_bytes of the arena, product_dtype: what its products
        multiply ("": it has none), precision: what that option made of them. Wants option profile=True, which measures the first run and
        as many more as cost about 1 % of the time, or profile="every". With profile="counters", `counts` has sums over all runs and threads
        of what could be counted here: cycles, instructions, cache_misses, cpu_ns, page_faults, context_switches."""
        handle = C.c_void_p()
        check(lib.tn_executable_get_profile(self.handle, C.byref(handle)))
        try:
            return [self._profile_row(handle, i) for i in range(lib.tn_profile_get_count(handle))]
        finally:
            lib.tn_profile_release(handle)

    @staticmethod
    def _profile_row(profile: C.c_void_p, index: int) -> dict[str, Any]:
        row = _abi.tn_profile_row(struct_size=C.sizeof(_abi.tn_profile_row))
        check(lib.tn_profile_get_row(profile, index, C.byref(row)))
        texts = C.cast(row.sources, C.POINTER(C.c_char_p))
        found = {name: getattr(row, name) for name in ("stages", "runs", "total_ns", "least_ns", "flops", "bytes", "constant_bytes", "live_bytes")}
        found.update({name: getattr(row, name).decode(errors="replace") for name in ("kind", "kernel", "node", "precision")})
        found["product_dtype"] = lib.tn_dtype_name(row.product_dtype).decode() if row.product_dtype else ""
        counters = ("cycles", "instructions", "cache_misses", "cpu_ns", "page_faults", "context_switches")  # in the order of their flags
        found["counts"] = {name: getattr(row, name) for k, name in enumerate(counters) if row.counted >> k & 1}
        found["sources"] = [(texts[k] or b"").decode(errors="replace") for k in range(row.n_sources)]
        return found

    def reset_profile(self) -> None:
        """Sets the runs and times of all steps back to 0."""
        check(lib.tn_executable_reset_profile(self.handle))


def compile(graph: Graph, options: Mapping[str, object] | None = None, **more: object) -> Executable:
    """Compiles `graph`, which may be changed or dropped afterwards. Options as a dict or by keyword: compile(g, threads=2)."""
    chosen = Options(graph.context, {**(options or {}), **more})
    out = C.c_void_p()
    check(lib.tn_compile(graph.handle, chosen.handle, C.byref(out)))
    return Executable(out.value or 0, graph.context, graph)
