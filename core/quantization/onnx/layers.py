"""The layers whose weights are rounded by GPTQ, and their weights as blocks of matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from core.onnx_model.graph import attributes, is_finite
from core.runtimes.predictor import Tensor

_WITH_BIAS = frozenset({"Conv", "ConvTranspose", "Gemm"})

_MAX_COLUMNS = 256
"""Weights of one output that GPTQ treats together; a layer with more is split into blocks of input channels."""


@dataclass(frozen=True)
class QuantizableLayer:
    """One Conv, Gemm or MatMul with constant weights, seen as ``blocks`` of matrix products."""

    node: str
    """Name of the node."""

    weights: str
    """Name of the initializer."""

    shape: tuple[int, ...]
    """Shape of the weights in the file."""

    groups: int
    """Groups of a convolution, else 1."""

    blocks: int
    """Groups, or blocks of input channels of a layer with one group."""

    transposed: bool
    """Whether the input axis comes first in the file: MatMul, and Gemm without transB."""

    def to_blocks(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The file's weights in the shape (blocks, outputs of a block, columns of a block)."""
        flat = weights.T if self.transposed else weights.reshape(len(weights), -1)
        if self.groups > 1:
            return flat.reshape(self.groups, -1, flat.shape[1])
        return flat.reshape(len(flat), self.blocks, -1).transpose(1, 0, 2)

    def from_blocks(self, blocks: Tensor) -> Tensor:
        """Inverse of :meth:`to_blocks`."""
        if self.groups > 1:
            return blocks.reshape(self.shape)
        flat = blocks.transpose(1, 0, 2).reshape(blocks.shape[1], -1)
        return flat.T if self.transposed else flat.reshape(self.shape)

    def per_output(self, values: Tensor) -> Tensor:
        """One value for each output channel, or one for all, in a shape that broadcasts to the file's weights."""
        if values.size == 1:
            return values.reshape(())
        axis = 1 if self.transposed else 0
        return values.reshape([-1 if index == axis else 1 for index in range(len(self.shape))])

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return self.shape[1] if self.transposed else self.shape[0]

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel is convolved by itself."""
        return self.groups > 1 and self.shape[0] == self.groups and self.shape[1] == 1

    def in_accumulation_order(self, weights: Tensor) -> Tensor:
        """The file's weights in the shape (outputs, products of an output), in the order in which they are summed.

        That is channel by channel at each position of the kernel: onnxruntime moves the channels to the end.
        """
        if self.transposed:
            return weights.T
        return weights.reshape(*self.shape[:2], -1).swapaxes(1, 2).reshape(self.shape[0], -1)

    def from_accumulation_order(self, products: Tensor) -> Tensor:
        """Inverse of :meth:`in_accumulation_order`."""
        if self.transposed:
            return products.T
        channels = self.shape[1]
        return products.reshape(self.shape[0], -1, channels).swapaxes(1, 2).reshape(self.shape)

    def per_block(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """One value for each output channel, in the shape (blocks or 1, outputs of a block)."""
        return values.reshape(self.groups, -1)

    def rows(self, patches: Tensor) -> NDArray[np.float32]:
        """The output of :func:`add_patches`'s node in the shape (blocks, rows, columns of a block)."""
        if patches.ndim > 2:
            patches = np.moveaxis(patches.reshape(*patches.shape[:2], -1), 1, 2)
        flat = patches.reshape(-1, self.blocks, patches.shape[-1] // self.blocks)
        return np.ascontiguousarray(flat.transpose(1, 0, 2))


def find_layers(model: onnx.ModelProto) -> list[QuantizableLayer]:
    """The layers whose weights are finite float32 initializers of their own."""
    weights = {
        tensor.name: tensor
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and is_finite(tensor)
    }
    uses = [name for node in model.graph.node for name in node.input]
    return [
        _layer(node, tuple(weights[node.input[1]].dims))
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm", "MatMul")
        and node.input[1] in weights
        and uses.count(node.input[1]) == 1
        and (node.op_type == "Conv" or len(weights[node.input[1]].dims) == 2)
        and not attributes(node).get("transA", 0)
        and attributes(node).get("alpha", 1.0) == 1.0
        and attributes(node).get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    ]


def name_nodes(model: onnx.ModelProto) -> None:
    """Give every node a unique name, by which it is found again in the quantised model."""
    taken: set[str] = set()
    for number, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{number}_of_model"
        taken.add(node.name)


def add_biases(model: onnx.ModelProto) -> None:
    """Give each layer a bias of its own, for bias correction of the mean error of its 8-bit weights.

    Convolutions without a bias get zeros. Layers that share one get copies: in 8 bit the scale of a bias is the
    product of the scales of the layer's input and weights, which differ from layer to layer.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    taken: set[str] = set()
    for node in model.graph.node:
        shared = node.op_type in _WITH_BIAS and len(node.input) > 2 and node.input[2] in taken
        taken.update(node.input)
        if node.op_type == "Conv" and node.input[1] in constants and (len(node.input) == 2 or not node.input[2]):
            values = np.zeros(constants[node.input[1]].dims[0], np.float32)
        elif shared and node.input[2] in constants:
            values = numpy_helper.to_array(constants[node.input[2]])
        else:
            continue
        name = f"{node.name}_bias"
        model.graph.initializer.append(numpy_helper.from_array(values, name))
        node.input[:] = [*node.input[:2], name]


def _layer(node: onnx.NodeProto, shape: tuple[int, ...]) -> QuantizableLayer:
    if node.op_type == "Conv":
        groups = int(attributes(node).get("group", 1))
        kernel = int(np.prod(shape[2:]))
        blocks = groups if groups > 1 else _blocks(shape[1], kernel)
        return QuantizableLayer(node.name, node.input[1], shape, groups, blocks, transposed=False)
    transposed = node.op_type == "MatMul" or not attributes(node).get("transB", 0)
    return QuantizableLayer(node.name, node.input[1], shape, 1, _blocks(shape[0 if transposed else 1], 1), transposed)


def _blocks(channels: int, kernel: int) -> int:
    """The smallest number of equal blocks that keeps each within the limit."""
    fitting = (n for n in range(1, channels + 1) if channels % n == 0 and channels // n * kernel <= _MAX_COLUMNS)
    return next(fitting, channels)
