"""Rewrite the patterns of an ONNX model that pnnx converts wrongly, into equivalent ones that it converts.

pnnx compares attributes literally: it knows neither ONNX's defaults nor every way to write the same thing. Each module
here knows one family of operators, and each rewrite leaves the results of the model as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import onnx

if TYPE_CHECKING:
    import onnx_ir as ir

Rewrite = Callable[["ir.Graph"], bool]
"""Changes a graph in which the shapes of the tensors are known, and says whether it did."""


_OPSET = 13


def rewrites(opset: int) -> tuple[Rewrite, ...]:
    """The rewrites, in the order in which they are applied.

    Args:
        opset: of the model; most know operators as they are from 13 on.
    """
    # Imported here, since onnx-ir is heavy.
    from core.pnnx.rewrite.arithmetic import split_into_pairs
    from core.pnnx.rewrite.depth_to_space import reorder_depth_to_space
    from core.pnnx.rewrite.focus import focus_to_convolution
    from core.pnnx.rewrite.indices import indices_to_slices
    from core.pnnx.rewrite.masks import numbers_for_masks
    from core.pnnx.rewrite.opset import lower_opset
    from core.pnnx.rewrite.outputs import separate_outputs
    from core.pnnx.rewrite.pads import make_pads_explicit
    from core.pnnx.rewrite.reductions import reduce_one_axis_at_a_time
    from core.pnnx.rewrite.repeats import repeat_by_concat
    from core.pnnx.rewrite.resize import simplify_resize
    from core.pnnx.rewrite.spelling import spell_for_pnnx
    from core.pnnx.rewrite.transposed import make_transposed_pads_explicit

    if opset < _OPSET:
        return focus_to_convolution, make_pads_explicit
    return (
        focus_to_convolution,
        numbers_for_masks,
        make_pads_explicit,
        make_transposed_pads_explicit,
        indices_to_slices,
        reorder_depth_to_space,
        reduce_one_axis_at_a_time,
        simplify_resize,
        repeat_by_concat,
        split_into_pairs,
        spell_for_pnnx,
        separate_outputs,
        lower_opset,
    )


def rewrite_for_pnnx(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model with every such pattern rewritten, or None where there is none.

    Args:
        model: with every dimension fixed; it is not changed.
    """
    failed: set[Rewrite] = set()
    while True:
        try:
            return _apply(model, failed)
        except _RewriteError as exc:  # it may have left the graph half changed: once more, without it
            failed.add(exc.rewrite)
        except Exception:  # noqa: BLE001 - onnx-ir cannot represent the model: left to pnnx
            return None


class _RewriteError(Exception):
    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__(rewrite)
        self.rewrite = rewrite


def _apply(model: onnx.ModelProto, without: Collection[Rewrite]) -> onnx.ModelProto | None:
    import onnx_ir as ir
    from onnx_ir.passes import common

    from core.pnnx.rewrite.values import opset_of

    infer_shapes = common.ShapeInferencePass(check_type=False, strict_mode=False, data_prop=False)
    graph_model = ir.from_proto(model)  # the weights are shared, not copied
    infer_shapes(graph_model)
    any_changed = False
    for rewrite in (rewrite for rewrite in rewrites(opset_of(graph_model.graph)) if rewrite not in without):
        try:
            changed = rewrite(graph_model.graph)
        except Exception as exc:  # a pattern that nobody thought of must not cost the other rewrites
            raise _RewriteError(rewrite) from exc
        if changed:
            common.RemoveUnusedNodesPass()(graph_model)
            infer_shapes(graph_model)
        any_changed |= changed
    return _serialised(graph_model, model) if any_changed else None


def _serialised(graph_model: ir.Model, model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx_ir as ir

    rewritten = ir.to_proto(graph_model)
    del rewritten.graph.value_info[:]
    kept = {name for node in rewritten.graph.node for name in node.output}
    types = {value.name: value.type.tensor_type.elem_type for value in rewritten.graph.value_info}
    rewritten.graph.value_info.extend(
        value for value in model.graph.value_info if value.name in kept and value.name not in types
    )
    return rewritten
