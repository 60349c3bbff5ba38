"""The interface of onnx.backend.base: prepare, run_model, run_node, supports_device. Needs the package onnx.

    import onnx, tenon.onnx_backend as backend
    outputs = backend.prepare(onnx.load("model.onnx"), threads=2).run([x])
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict

from ._execute import Executable, compile
from ._onnx import load_onnx


class TenonRep(BackendRep):  # type: ignore[misc, unused-ignore]
    """A prepared model."""

    def __init__(self, executable: Executable) -> None:
        self.executable = executable
        self._outputs = namedtupledict("Outputs", executable.output_names)

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """inputs: arrays in the order of the model's inputs, by name, or one array. Returns the outputs, also by name."""
        if isinstance(inputs, np.ndarray) or not isinstance(inputs, (Mapping, Sequence)):
            inputs = [inputs]
        result: tuple[Any, ...] = self._outputs(*(t.numpy() for t in self.executable.run(inputs)))
        return result


class TenonBackend(Backend):  # type: ignore[misc, unused-ignore]
    """Tenon as an ONNX backend; keyword arguments are options of tenon.compile."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return bool(Device(device).type == DeviceType.CPU)

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether the importer takes the model."""
        from ._library import Error

        try:
            load_onnx(model.SerializeToString())
        except Error:
            return False
        return cls.supports_device(device)

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> TenonRep:
        """Imports and compiles. tenon.Error where the model is malformed or has what Tenon lacks."""
        if not cls.supports_device(device):
            raise ValueError(f"Tenon runs on CPU, not on {device}")
        return TenonRep(compile(load_onnx(model.SerializeToString()), kwargs))

    @classmethod
    def run_node(cls, node: onnx.NodeProto, inputs: Any, device: str = "CPU", outputs_info: Any = None, **kwargs: Any) -> tuple[Any, ...]:
        """Runs one operator. inputs: arrays for the node's operands that are not absent, or by name. opset_version: default the
        newest that both onnx and Tenon know."""
        names = list(dict.fromkeys(n for n in node.input if n))
        given = inputs if isinstance(inputs, Mapping) else dict(zip(names, inputs if isinstance(inputs, Sequence) else [inputs]))
        arrays = {n: np.asarray(given[n]) for n in names}
        values = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in arrays.items()]
        results = [onnx.ValueInfoProto(name=n) for n in node.output if n]
        opset = int(kwargs.pop("opset_version", min(onnx.defs.onnx_opset_version(), NEWEST_OPSET)))
        model = helper.make_model(helper.make_graph([node], node.op_type or "node", values, results),
                                  opset_imports=[helper.make_opsetid(node.domain, opset)])
        return cls.prepare(model, device, **kwargs).run(arrays)


NEWEST_OPSET = 28
prepare, run_model, run_node = TenonBackend.prepare, TenonBackend.run_model, TenonBackend.run_node
supports_device, is_compatible = TenonBackend.supports_device, TenonBackend.is_compatible
