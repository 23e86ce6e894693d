"""Nodes that mean what they say at a later opset only: the model is raised to it around them."""

from __future__ import annotations

import onnx
from onnx import helper, version_converter

from core.onnx_model.graph import all_nodes, opset

OPSET = 17
"""Per-channel quantisation needs 13; LayerNormalization as one operator came with 17."""

_DOMAIN = "later"


def mark_as_later(node: onnx.NodeProto) -> None:
    """Say that a node of ONNX's own domain is written as :data:`OPSET` defines it."""
    node.domain = _DOMAIN


def raise_marked(model: onnx.ModelProto) -> None:
    """Raise the model to :data:`OPSET`, and leave the marked nodes as they are.

    Raises:
        RuntimeError: onnx cannot raise one of the other operators.
    """
    if opset(model) < OPSET:
        model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
        del model.graph.value_info[:]
        model.CopyFrom(version_converter.convert_version(model, OPSET))
    for node in all_nodes(model.graph):
        if node.domain == _DOMAIN:
            node.domain = ""
    kept = [(entry.domain, entry.version) for entry in model.opset_import if entry.domain != _DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*entry) for entry in kept)
