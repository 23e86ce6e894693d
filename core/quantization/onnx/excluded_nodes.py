"""Keep the layers that are excluded from quantisation in float, in the file and in onnxruntime."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import helper, numpy_helper

CLIP_LIMITS = ("__lowest", "__highest")
"""Names of the constants of a Clip that changes nothing."""


def clip_limit_constants() -> list[onnx.TensorProto]:
    """The constants of those names: the smallest and the largest float32."""
    most = np.finfo(np.float32).max
    return [
        numpy_helper.from_array(np.array(limit), name) for limit, name in zip((-most, most), CLIP_LIMITS, strict=True)
    ]


def with_following_activations(model: onnx.ModelProto, excluded: Collection[str]) -> list[str]:
    """The excluded nodes, and the Relu or Clip after each, so that nothing is rounded between the two."""
    results = {output for node in model.graph.node if node.name in excluded for output in node.output}
    after = [
        node.name for node in model.graph.node if node.op_type in ("Relu", "Clip") and results.intersection(node.input)
    ]
    return [*excluded, *after]


def prevent_weight_quantization(quantized: onnx.ModelProto, excluded: Collection[str]) -> int:
    """Keep onnxruntime from quantising the weights of excluded layers when it loads the file.

    Its optimiser WeightBiasQuantization gives 8-bit weights, one scale for the whole tensor, to
    every float Conv and Gemm between DequantizeLinear and QuantizeLinear: this cost up to 10 dB. A Clip that
    changes nothing, on the layer's input, hides the layer from it and costs no measurable time.

    Returns:
        Number of layers that needed it.
    """
    dequantized = {node.output[0] for node in quantized.graph.node if node.op_type == "DequantizeLinear"}
    guarded = [node for node in quantized.graph.node if node.name in excluded and node.input[0] in dequantized]
    if guarded:
        quantized.graph.initializer.extend(clip_limit_constants())
    for node in guarded:
        result = f"{node.name}__unchanged"
        clip = helper.make_node("Clip", [node.input[0], *CLIP_LIMITS], [result], f"{node.name}__guard")
        node.input[0] = result
        quantized.graph.node.insert(list(quantized.graph.node).index(node), clip)
    return len(guarded)
