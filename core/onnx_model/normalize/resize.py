"""Upsample, and Resize of opset 10 -> the Resize of later opsets, with the meaning that they had."""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx

from core.onnx_model.graph import attributes
from core.onnx_model.normalize.edit import Editor, is_plain, rewrite_nodes
from core.onnx_model.normalize.later import mark_as_later, raise_marked


def later_resize(model: onnx.ModelProto) -> bool:
    """Write Upsample as Resize: output pixel x reads input pixel x / scale (``asymmetric``), rounded.

    onnx's own conversion leaves out these two attributes, whose defaults have another meaning.
    """
    edit = Editor(model)
    if edit.opset > 10 or not rewrite_nodes(model.graph, partial(_later, edit)):
        return False
    raise_marked(model)
    return True


def _later(edit: Editor, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    if not is_plain(node, "Upsample", "Resize"):
        return None
    found = attributes(node)
    if len(node.input) > 1:
        scales = node.input[1]
    elif "scales" in found:
        scales = edit.constant(np.array(found["scales"], np.float32), f"{node.output[0]}_scales")
    else:
        return None
    mode = found.get("mode", b"nearest").decode()
    how = {"nearest_mode": _rounding(edit, scales)} if mode == "nearest" else {}
    mode = "linear" if mode == "bilinear" else mode
    resize = edit.node(
        "Resize",
        [node.input[0], "", scales],
        node.output[0],
        mode=mode,
        coordinate_transformation_mode="asymmetric",
        **how,
    )
    mark_as_later(resize)
    return [resize]


def _rounding(edit: Editor, scales: str) -> str:
    """Which way: onnxruntime rounded down, but up along axes that get smaller; no Resize does both."""
    values = edit.read(scales)
    return "ceil" if values is not None and (values < 1).any() else "floor"
