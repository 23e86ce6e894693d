"""Better weights and biases for a model that onnxruntime has already quantised; its graph stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from core.calibration.layers import Layer
from core.calibration.moments import Moments
from core.calibration.rounding import round_to_answers
from core.runtimes.predictor import Tensor


@dataclass(frozen=True)
class Rounded:
    """The numbers that a layer computes with in 8 bit, as floats."""

    weights: Tensor
    bias: Tensor | None


def refine_weights(
    quantised: onnx.ModelProto, moments: Mapping[Layer, Moments], floats: Mapping[str, Tensor]
) -> dict[Layer, Rounded]:
    """Round the weights of each layer anew, and move its bias by the mean error that is left.

    Args:
        quantised: with QDQ pairs; its 8-bit weights and 32-bit biases are changed in place.
        moments: of the float model's layers.
        floats: initializers of the float model.

    Returns:
        Layer -> its values now.
    """
    constants = {tensor.name: tensor for tensor in quantised.graph.initializer}
    makers = {output: node for node in quantised.graph.node for output in node.output}
    nodes = {node.name: node for node in quantised.graph.node}

    def stored(name: str) -> tuple[onnx.TensorProto, Tensor] | None:
        """The integers behind a DequantizeLinear, and their scales."""
        maker = makers.get(name)
        if maker is None or maker.op_type != "DequantizeLinear" or maker.input[0] not in constants:
            return None
        return constants[maker.input[0]], numpy_helper.to_array(constants[maker.input[1]])

    refined: dict[Layer, Rounded] = {}
    for layer, moment in moments.items():
        node = nodes.get(layer.node)
        weights = stored(node.input[1]) if node is not None else None
        if node is None or weights is None or weights[0].data_type != onnx.TensorProto.INT8:
            continue
        bias = stored(node.input[2]) if len(node.input) > 2 else None
        refined[layer] = _refine(layer, moment, floats[layer.weights], weights, bias)
    return refined


def _refine(
    layer: Layer,
    moments: Moments,
    exact: Tensor,
    weights: tuple[onnx.TensorProto, Tensor],
    bias: tuple[onnx.TensorProto, Tensor] | None,
) -> Rounded:
    tensor, scales = weights
    outputs = exact.shape[1] if layer.transposed else exact.shape[0]
    steps = layer.for_outputs(np.broadcast_to(scales, (outputs,)))
    blocks = layer.to_blocks(exact)
    rounded = round_to_answers(blocks, steps, moments.products if bias is None else moments.covariance)
    _store(tensor, layer.from_blocks(rounded))
    if bias is not None:
        errors = blocks - rounded * steps[:, :, np.newaxis]
        missing = np.einsum("boc,bc->bo", errors, moments.means)
        missing = missing.reshape(-1) if layer.groups > 1 else missing.sum(axis=0)
        _add_to_bias(*bias, missing)
    values = layer.from_blocks(rounded * steps[:, :, np.newaxis])
    return Rounded(values, None if bias is None else numpy_helper.to_array(bias[0]) * bias[1])


def _add_to_bias(tensor: onnx.TensorProto, scales: Tensor, missing: Tensor) -> None:
    limits = np.iinfo(np.int32)
    # Channels that training left dead have weights, and so steps, of next to nothing: 0/0, or far too many steps.
    with np.errstate(all="ignore"):
        steps = np.nan_to_num(np.rint(missing / scales.astype(np.float64)), nan=0.0, posinf=0.0, neginf=0.0)
    moved = numpy_helper.to_array(tensor) + np.where(np.abs(steps) < limits.max, steps, 0.0)
    _store(tensor, np.clip(moved, limits.min, limits.max).astype(np.int32))


def _store(tensor: onnx.TensorProto, values: Tensor) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
