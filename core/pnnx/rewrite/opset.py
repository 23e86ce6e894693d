"""Lower the opset of a model to the one that pnnx reads best, where no operator has changed its meaning since."""

from __future__ import annotations

import onnx
import onnx_ir as ir

from core.onnx_model.graph import ONNX_DOMAINS
from core.pnnx.rewrite.values import opset_of

_OPSET = 17
"""Since 18 the axes of reductions are an input, which pnnx misreads."""

_OTHER_MEANING = frozenset({"GridSample", "DFT", "QuantizeLinear", "DequantizeLinear"})
"""Those whose attributes or inputs have the same names before and after, but other values."""


def lower_opset(graph: ir.Graph) -> bool:
    """Lower the opset, if every operator takes all its inputs and attributes there too.

    Args:
        graph: it is changed.

    Returns:
        Whether it was lowered.
    """
    if opset_of(graph) <= _OPSET or not all(_exists_there(node) for node in graph.all_nodes()):
        return False
    for domain in ONNX_DOMAINS:
        if domain in graph.opset_imports:
            graph.opset_imports[domain] = _OPSET
    for node in graph.all_nodes():
        node.version = None
    return True


def _exists_there(node: ir.Node) -> bool:
    if node.domain not in ONNX_DOMAINS:
        return True
    if node.op_type in _OTHER_MEANING or node.attributes.get_string("mode", "") == "wrap":
        return False
    try:
        schema = onnx.defs.get_schema(node.op_type, _OPSET)
    except onnx.defs.SchemaError:
        return False
    return len(node.inputs) <= schema.max_input and set(node.attributes) <= set(schema.attributes)
