"""Minimal graph clean-up, used where onnxslim fails: lifts Constants, drops nodes without effect, folds nothing."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import onnx

if TYPE_CHECKING:
    import onnx_ir as ir

_TEXT_ATTRIBUTES = ("value_string", "value_strings")


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn Constant nodes into initializers; remove Identity, inference-mode Dropout and unused nodes.

    Args:
        model: may be changed; the result shares nothing with it.

    Returns:
        The cleaned model, without recorded shapes (``value_info``).

    Raises:
        RuntimeError: onnx-ir cannot represent the model, for example constants that are sparse tensors.
    """
    import onnx_ir as ir  # here, because the app does not need it to open
    from onnx_ir.passes import common

    graph_model = ir.from_proto(model)
    # onnx-ir lifts ASCII strings only, and raises on others.
    has_text = any(name in node.attributes for node in graph_model.graph.all_nodes() for name in _TEXT_ATTRIBUTES)
    common.LiftConstantsToInitializersPass(lift_all_constants=not has_text, size_limit=0)(graph_model)
    _bypass_identities(graph_model.graph)
    common.RemoveUnusedNodesPass()(graph_model)
    _clear_inner_types(graph_model)
    cleaned = ir.to_proto(graph_model)
    # onnx-ir sorts the opsets, adds value_info for weights that are outputs, and drops sparse initializers.
    del cleaned.opset_import[:], cleaned.graph.value_info[:]
    cleaned.opset_import.extend(model.opset_import)
    cleaned.graph.sparse_initializer.extend(model.graph.sparse_initializer)
    del graph_model
    gc.collect()  # a reference cycle that holds the weights of the source
    return cleaned


def _bypass_identities(graph: ir.Graph) -> None:
    """Connect the readers of Identity and inference-mode Dropout to its input, except at outputs of a (sub)graph.

    onnx-ir's IdentityEliminationPass removes those as well: two outputs of the same tensor then get one name, and
    a branch returns a tensor of the outer graph, which onnxruntime refuses.
    """
    for node in graph.all_nodes():
        # The third input of Dropout is training_mode.
        is_identity = node.op_type == "Identity" or (node.op_type == "Dropout" and len(node.inputs) < 3)
        if is_identity and not node.domain and node.inputs[0] is not None and not node.outputs[0].is_graph_output():
            node.outputs[0].replace_all_uses_with(node.inputs[0])


def _clear_inner_types(model: ir.Model) -> None:
    """Keep onnx-ir from writing value_info for every inner tensor, which would make the file larger."""
    for graph in model.graphs():
        for value in (*graph.initializers.values(), *(value for node in graph for value in node.outputs)):
            if not value.is_graph_input() and not value.is_graph_output():
                value.type = value.shape = None
