"""Outputs that are the same tensor, or an input: pnnx crashes on them, so that each gets a layer of its own."""

from __future__ import annotations

import onnx_ir as ir

from core.pnnx.rewrite.values import Replacement


def separate_outputs(graph: ir.Graph) -> bool:
    """Give every output that only copies another one, or an input, a layer that changes nothing.

    Args:
        graph: it is changed.

    Returns:
        Whether there was any.
    """
    changed, seen = False, set[ir.Value]()
    for value in tuple(graph.outputs):
        node, origin = value.producer(), value
        while node is not None and node.op_type == "Identity" and node.inputs[0] is not None:
            origin = node.inputs[0]
            node = origin.producer()
        copied = value.producer()
        if copied is not None and origin is not value and (origin in seen or origin.is_graph_input()):
            new = Replacement(graph, copied)
            changed |= new.finish(new.add("LeakyRelu", origin, alpha=1.0))
        seen.add(origin)
    return changed
