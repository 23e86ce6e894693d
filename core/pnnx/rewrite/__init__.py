"""Spell an ONNX model in the way that pnnx understands; its numbers stay the same."""

from __future__ import annotations

import onnx


def rewrite_for_pnnx(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model with every known trap spelt differently, or None where there is no such trap.

    Args:
        model: with every dimension fixed; it is not changed.
    """
    import onnx_ir as ir  # here and so are the steps, because the app does not need it to open
    from onnx_ir.passes import common

    from core.pnnx.rewrite.focus import focus_to_convolution
    from core.pnnx.rewrite.pads import spell_out_pads

    try:
        graph_model = ir.from_proto(model)  # the weights are shared, not copied
        common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=False)(graph_model)
        changed = [step(graph_model.graph) for step in (focus_to_convolution, spell_out_pads)]
        if not any(changed):
            return None
        common.RemoveUnusedNodesPass()(graph_model)
        respelt = ir.to_proto(graph_model)
    except (RuntimeError, ValueError):  # onnx-ir cannot represent it, or a name is taken already: for pnnx to judge
        return None
    del respelt.graph.value_info[:]
    respelt.graph.value_info.extend(model.graph.value_info)
    return respelt
