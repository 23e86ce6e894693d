"""Rewrite the patterns of an ONNX model that pnnx converts wrongly, into equivalent ones that it converts."""

from __future__ import annotations

import onnx


def rewrite_for_pnnx(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model with every such pattern rewritten, or None where there is none.

    Args:
        model: with every dimension fixed; it is not changed.
    """
    import onnx_ir as ir  # heavy, and so are the modules below that use it
    from onnx_ir.passes import common

    from core.pnnx.rewrite.focus import focus_to_convolution
    from core.pnnx.rewrite.pads import make_pads_explicit

    try:
        graph_model = ir.from_proto(model)  # the weights are shared, not copied
        common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=False)(graph_model)
        changed = [rewrite(graph_model.graph) for rewrite in (focus_to_convolution, make_pads_explicit)]
        if not any(changed):
            return None
        common.RemoveUnusedNodesPass()(graph_model)
        rewritten = ir.to_proto(graph_model)
    except (RuntimeError, ValueError):  # onnx-ir cannot represent it, or a name is taken: left to pnnx
        return None
    del rewritten.graph.value_info[:]
    rewritten.graph.value_info.extend(model.graph.value_info)
    return rewritten
