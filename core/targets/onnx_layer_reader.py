"""The tensors inside a finished ONNX file, by their names in the source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.fp16.onnx_writer import FP16_SUFFIX
from core.job.comparison import LayerPrecision
from core.onnx_model.links import Links
from core.onnx_model.weighted_layers import WeightedLayer
from core.runtimes.inner_tensors import with_outputs
from core.runtimes.mapped import MappedPredictor
from core.runtimes.predictor import Feeds, Tensor

_PRECISIONS: Mapping[int, LayerPrecision] = {
    TensorProto.INT8: "8 bit",
    TensorProto.UINT8: "8 bit",
    TensorProto.FLOAT16: "16 bit",
}

_FLAT, _START, _END = "__flat", "__start", "__end"


class OnnxLayerReader:
    """Finds tensors under their own names, as fp16 copies, and behind QuantizeLinear.

    A tensor that is quantised is read behind its DequantizeLinear: an activation before it may be left to the limits
    of 8 bit, and onnxruntime then still fuses the layer into one integer kernel. (With the layers' own outputs, the
    final output of efficientnet_lite0's static file changed by 30 dB; in this way, by no bit.)

    In a 16-bit file every step is rounded to 16 bit, see :func:`_keep_roundings`.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        graph = onnx.load(str(path)).graph
        self._weights = {one.name: (math.prod(one.dims), int(one.data_type)) for one in graph.initializer}
        self._graph = onnx.GraphProto(node=graph.node)  # a copy without the weights, which take the memory
        self._links = Links(self._graph)

    def has(self, tensor: str) -> bool:
        """Whether the file computes this tensor of the source."""
        return self._own_name(tensor) is not None

    def precision(self, layer: WeightedLayer, tensor: str) -> LayerPrecision:
        """By the constant as large as the layer's weights that is nearest to the tensor."""
        names = [self._own_name(tensor) or tensor]
        seen = set(names)
        for name in names:  # breadth first: the list grows
            size, kind = self._weights.get(name, (0, 0))
            if size == layer.weights:
                precision = _PRECISIONS.get(kind, "float")
                return "8 bit weights" if precision == "8 bit" and self._is_cast(name) else precision
            node = self._links.producers.get(name)
            new = [] if node is None else [one for one in self._links.reads[node] if one not in seen]
            names += new
            seen.update(new)
        return "float"

    def _is_cast(self, constant: str) -> bool:
        """Whether it is turned into float once, when the file is loaded (:mod:`core.quantization.onnx.weight_only`)."""
        return any(self._graph.node[index].op_type == "Cast" for index in self._links.readers.get(constant, ()))

    def open(self, tensors: Sequence[str]) -> OnnxTensorRun:
        """Load the part of the file that computes these tensors.

        Raises:
            ConversionError: onnxruntime does not load it.
        """
        names = {own: tensor for tensor in tensors if (own := self._own_name(tensor)) is not None}
        part = with_outputs(onnx.load(str(self._path)), list(names))
        _keep_roundings(part.graph)
        return OnnxTensorRun(part, names)

    def _own_name(self, tensor: str) -> str | None:
        if tensor in self._links.producers:
            return self._dequantized(tensor)
        copy = tensor + FP16_SUFFIX
        return copy if copy in self._links.producers else None

    def _dequantized(self, name: str) -> str:
        """The tensor as the next layers read it."""
        for operator in ("QuantizeLinear", "DequantizeLinear"):
            readers = (self._graph.node[index] for index in self._links.readers.get(name, ()))
            found = next((node for node in readers if node.op_type == operator), None)
            if found is None:
                return name
            name = found.output[0]
        return name


def _keep_roundings(graph: onnx.GraphProto) -> None:
    """Make every fp16 tensor exist, so that each step is rounded as on a device that computes in 16 bit.

    Processors mostly lack fp16 arithmetic. onnxruntime then computes in 32 bit, and leaves out the rounding between
    two nodes where nothing else reads the tensor: figures would depend on which tensors are outputs.
    """
    copies = [name for node in graph.node for name in node.output if name.rstrip("_").endswith(FP16_SUFFIX)]
    for name, value in ((_FLAT, -1), (_START, 0), (_END, 1)) if copies else ():
        graph.initializer.append(numpy_helper.from_array(np.array([value]), name))
    for name in reversed(copies):  # onnxruntime runs the last ones first: else it would keep every tensor until then
        graph.node.append(helper.make_node("Reshape", [name, _FLAT], [f"{name}{_FLAT}"]))
        graph.node.append(helper.make_node("Slice", [f"{name}{_FLAT}", _START, _END], [f"{name}{_END}"]))
        graph.output.append(onnx.ValueInfoProto(name=f"{name}{_END}"))


class OnnxTensorRun:
    """A part of a model whose outputs are tensors inside the file.

    Args:
        model: the part; it is emptied of its weights.
        names: outputs -> names in the source.
    """

    def __init__(self, model: onnx.ModelProto, names: Mapping[str, str]) -> None:
        self._names = names
        self._predictor = MappedPredictor(model, threads=1)

    def run(self, feeds: Feeds) -> Iterator[tuple[str, Tensor]]:
        """Run one inference and yield the tensors, which have the source's shapes.

        Raises:
            ConversionError: onnxruntime refused the input or failed.
        """
        tensors = self._predictor.run(feeds)
        for own, name in self._names.items():
            yield name, tensors[own]

    def close(self) -> None:
        """Release the memory."""
        self._predictor.close()
