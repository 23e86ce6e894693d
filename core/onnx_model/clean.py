"""The gentlest cleaning of a model: what every target needs, and nothing that could go wrong or make it larger."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import onnx

if TYPE_CHECKING:
    import onnx_ir as ir

_TEXT = ("value_string", "value_strings")


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn Constant nodes into initializers, and leave out Identity, idle Dropout and whatever nobody reads.

    Args:
        model: may be changed; what is returned shares nothing with it.

    Returns:
        The cleaned model, without recorded shapes (``value_info``).

    Raises:
        RuntimeError: onnx-ir cannot represent the model, for example constants that are sparse tensors.
    """
    import onnx_ir as ir  # here, because the app does not need it to open
    from onnx_ir.passes import common

    graph_model = ir.from_proto(model)
    # onnx-ir lifts texts in ASCII only, and breaks on others.
    has_text = any(name in node.attributes for node in graph_model.graph.all_nodes() for name in _TEXT)
    common.LiftConstantsToInitializersPass(lift_all_constants=not has_text, size_limit=0)(graph_model)
    _bypass_idle(graph_model.graph)
    common.RemoveUnusedNodesPass()(graph_model)
    _forget_shapes(graph_model)
    cleaned = ir.to_proto(graph_model)
    # onnx-ir sorts the opsets, gives weights that are outputs a value_info, and leaves sparse initializers out.
    del cleaned.opset_import[:], cleaned.graph.value_info[:]
    cleaned.opset_import.extend(model.opset_import)
    cleaned.graph.sparse_initializer.extend(model.graph.sparse_initializer)
    del graph_model
    gc.collect()  # it refers to itself, and to the weights of the model that it was made of
    return cleaned


def _bypass_idle(graph: ir.Graph) -> None:
    """Read past nodes that hand on what they get, unless they give an output of the model or of a subgraph.

    onnx-ir's IdentityEliminationPass removes those as well: two outputs of the same tensor then get one name, and
    a branch hands out a tensor from outside, which onnxruntime refuses.
    """
    for node in graph.all_nodes():
        # With a third input, Dropout may be told to train.
        idle = node.op_type == "Identity" or (node.op_type == "Dropout" and len(node.inputs) < 3)
        if idle and not node.domain and node.inputs[0] is not None and not node.outputs[0].is_graph_output():
            node.outputs[0].replace_all_uses_with(node.inputs[0])


def _forget_shapes(model: ir.Model) -> None:
    """Keep onnx-ir from writing down the type of every tensor inside: the file would grow."""
    for graph in model.graphs():
        for value in (*graph.initializers.values(), *(value for node in graph for value in node.outputs)):
            if not value.is_graph_input() and not value.is_graph_output():
                value.type = value.shape = None
