"""An ONNX graph while it is being rewritten, with what the steps look up in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper


class Graph:
    """A copy of a model's graph.

    Args:
        model: with every dimension fixed; it is not changed.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        graph = onnx.shape_inference.infer_shapes(self._model).graph
        self.shapes = {
            value.name: tuple(int(dim.dim_value) for dim in value.type.tensor_type.shape.dim)
            for value in (*graph.input, *graph.value_info, *graph.output)
        }
        self.nodes = list(self._model.graph.node)
        self._weights = {tensor.name: tensor for tensor in self._model.graph.initializer}
        self._constants = {
            node.output[0]: node.attribute[0].t
            for node in self.nodes
            if node.op_type == "Constant" and [attribute.name for attribute in node.attribute] == ["value"]
        }
        self._outputs = {value.name for value in self._model.graph.output}

    @property
    def opset(self) -> int:
        """Of ONNX's own operators."""
        return max(int(entry.version) for entry in self._model.opset_import if entry.domain in ("", "ai.onnx"))

    @property
    def makers(self) -> dict[str, onnx.NodeProto]:
        """Tensor name -> the node that computes it."""
        return {name: node for node in self.nodes for name in node.output}

    def readers(self, name: str) -> list[onnx.NodeProto]:
        """Nodes that read a tensor; empty where the model gives it out, since then it has to stay."""
        return [] if name in self._outputs else [node for node in self.nodes if name in node.input]

    def values(self, node: onnx.NodeProto, index: int) -> NDArray[Any] | None:
        """The constant that is a node's input, or None where it is left out or computed."""
        name = node.input[index] if index < len(node.input) else ""
        tensor = self._weights.get(name, self._constants.get(name))
        return None if tensor is None else numpy_helper.to_array(tensor)

    def add_weight(self, name: str, values: NDArray[Any]) -> str:
        """Make it a constant of the model; returns its name."""
        self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def replace(self, old: onnx.NodeProto, *new: onnx.NodeProto) -> None:
        """Put nodes in the place of one."""
        place = next(index for index, node in enumerate(self.nodes) if node is old)
        self.nodes[place : place + 1] = new

    def finished(self) -> onnx.ModelProto:
        """The model, without what nobody reads any more."""
        wanted, kept = set(self._outputs), []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                kept.append(node)
                wanted.update(node.input)
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.graph.node[:], model.graph.initializer[:]
        model.graph.node.extend(reversed(kept))
        model.graph.initializer.extend(tensor for name, tensor in self._weights.items() if name in wanted)
        return model


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as plain values."""
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
