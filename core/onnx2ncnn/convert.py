"""Convert a model to ncnn, node by node."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx

from core.common.errors import ConversionError
from core.common.text import say
from core.ncnn.model import NcnnModel
from core.onnx2ncnn.builder import Blob, TooManyAxes, fit_axes
from core.onnx2ncnn.node import Conversion, Node, NotExpressible
from core.onnx2ncnn.operators import operators
from core.onnx2ncnn.shared_products import merge_shared_products
from core.onnx2ncnn.static_graph import StaticGraph, static_graph
from core.onnx_model.graph import ONNX_DOMAINS
from core.runtimes.predictor import Feeds

_MOVING = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast"})
"""Operators through which token ids go unchanged."""

_MAX_ONE_HOT = 1 << 18
"""Values of the one-hot rows of ids that are floats."""


def convert_onnx(model: onnx.ModelProto, feeds: Feeds) -> NcnnModel:
    """Convert a model; nothing is compared.

    Args:
        model: a clean model; it is not changed.
        feeds: one sample; the inner sizes are fixed to its sizes.

    Returns:
        A model in 32 bit, whose inputs and outputs are called in0, in1, ... and out0, out1, ... as pnnx calls them.

    Raises:
        ConversionError: it does not run, or ncnn has no layers for one of its nodes.
    """
    graph = merge_shared_products(static_graph(model, feeds))
    conversion = Conversion(graph)
    ids = _token_ids(graph)
    for name in graph.inputs:
        conversion.blobs[name] = conversion.builder.input(name, graph.shapes[name])
        if name in ids:
            conversion.integers[name] = ids[name]
    for proto in graph.nodes:
        _convert_node(conversion, proto)
    return conversion.builder.finish({name: _output(conversion, name) for name in graph.outputs})


def _convert_node(conversion: Conversion, proto: onnx.NodeProto) -> None:
    convert = operators().get(proto.op_type) if proto.domain in ONNX_DOMAINS else None
    if convert is None:
        raise _not_expressible(proto, "")
    try:
        convert(Node(conversion, proto))
    except (NotExpressible, TooManyAxes) as exc:
        raise _not_expressible(proto, repr(exc)) from exc
    except Exception as exc:
        raise _not_expressible(proto, f"unexpected: {exc!r}") from exc


def _not_expressible(proto: onnx.NodeProto, detail: str) -> ConversionError:
    return ConversionError(
        say(
            'ncnn has no layers for the operator {operator} at "{node}".',
            operator=proto.op_type,
            node=proto.name or proto.output[0],
        ),
        next_step=say("Use the ONNX targets, or export the model without this operator."),
        detail=detail,
    )


def _output(conversion: Conversion, name: str) -> Blob:
    """The blob of an output, with the source's axes as far as ncnn has as many."""
    if name in conversion.graph.constants:
        return conversion.builder.constant(conversion.graph.constants[name])
    blob = conversion.blobs[name]
    return blob.view(*fit_axes(conversion.graph.shapes[name]))


def _token_ids(graph: StaticGraph) -> Mapping[str, int]:
    """The inputs by which rows of a constant table are looked up -> rows of the largest one.

    Those that the source takes as floats stay floats, unless that would take too much work.
    """
    origins = {name: name for name in graph.inputs}
    found: dict[str, int] = {}
    for node in graph.nodes:
        if node.op_type in _MOVING and node.input[0] in origins:
            origins[node.output[0]] = origins[node.input[0]]
        if node.op_type == "Gather" and node.input[0] in graph.constants and node.input[1] in origins:
            origin, axis = origins[node.input[1]], next((one.i for one in node.attribute if one.name == "axis"), 0)
            words = graph.constants[node.input[0]].shape[axis]
            is_float = np.issubdtype(graph.dtypes[origin], np.floating)
            if not is_float or words * math.prod(graph.shapes[origin]) > _MAX_ONE_HOT:
                found[origin] = max(found.get(origin, 0), words)
    return found
