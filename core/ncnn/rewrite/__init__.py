"""Spell an ONNX model in the way that pnnx understands; its numbers stay the same."""

from __future__ import annotations

import onnx
from google.protobuf.message import EncodeError
from onnx.shape_inference import InferenceError

from core.ncnn.rewrite.focus import focus_to_convolution
from core.ncnn.rewrite.graph import Graph
from core.ncnn.rewrite.pads import spell_out_pads

_STEPS = (focus_to_convolution, spell_out_pads)


def rewritten(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model with every known trap spelt differently, or None where there is no such trap.

    Args:
        model: with every dimension fixed and its shapes known; it is not changed.
    """
    try:
        graph = Graph(model)
    except (InferenceError, EncodeError, ValueError):  # a foreign operator, or more than 2 GB: for pnnx to judge
        return None
    changed = [step(graph) for step in _STEPS]
    return graph.finished() if any(changed) else None
