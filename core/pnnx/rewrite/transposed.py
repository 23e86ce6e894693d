"""Transposed convolutions with ``auto_pad``, a given output shape or asymmetric pads, none of which pnnx reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from core.pnnx.rewrite.values import Replacement, rewrite_nodes, set_ints, static_shape


def make_transposed_pads_explicit(graph: ir.Graph) -> bool:
    """Give transposed convolutions symmetric pads; what an asymmetric one would cut off more, is cut by a Slice.

    Args:
        graph: with the shapes of its tensors; it is changed.

    Returns:
        Whether there was any.

    Raises:
        ValueError: the name of a new constant is taken.
    """
    return rewrite_nodes(graph, {"ConvTranspose": _rewrite})


def _rewrite(graph: ir.Graph, node: ir.Node) -> bool:
    attributes, shape, kernel = node.attributes, static_shape(node.inputs[0]), static_shape(node.inputs[1])[2:]
    rule, size = attributes.get_string("auto_pad", "NOTSET"), attributes.get_ints("output_shape")
    pads = attributes.get_ints("pads", [0] * 2 * len(kernel))
    axes = len(kernel)
    if not shape or not kernel or (rule == "NOTSET" and not size and pads[:axes] == pads[axes:]):
        return False
    begin, end, extra = list(pads[:axes]), list(pads[axes:]), list(attributes.get_ints("output_padding", [0] * axes))
    if rule == "VALID" and not size:
        begin, end = [0] * axes, [0] * axes
    elif rule != "NOTSET" or size:
        totals = _totals(node, shape[2:], kernel, extra, list(size or [])[-axes:])
        small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
        begin, end = (small, large) if rule == "SAME_UPPER" else (large, small)
        if size:  # a rule alone makes no output larger than what is computed
            extra = [more + max(0, -total) for more, total in zip(extra, totals, strict=True)]
        begin, end = [max(0, pad) for pad in begin], [max(0, pad) for pad in end]
    for name in ("auto_pad", "output_shape"):
        attributes.pop(name, None)
    least = [min(pair) for pair in zip(begin, end, strict=True)]
    set_ints(node, pads=least * 2, output_padding=extra)
    _crop(
        graph,
        node,
        [a - b for a, b in zip(begin, least, strict=True)],
        [a - b for a, b in zip(end, least, strict=True)],
    )
    return True


def _totals(
    node: ir.Node, sizes: Sequence[int], kernel: Sequence[int], extra: Sequence[int], wanted: Sequence[int]
) -> list[int]:
    """Pads of each axis at both ends together; negative where the output is larger than all that is computed."""
    ones = [1] * len(kernel)
    strides, dilations = node.attributes.get_ints("strides", ones), node.attributes.get_ints("dilations", ones)
    wanted = wanted or [size * stride for size, stride in zip(sizes, strides, strict=True)]
    return [
        stride * (size - 1) + more + (length - 1) * dilation + 1 - result
        for size, stride, more, length, dilation, result in zip(
            sizes, strides, extra, kernel, dilations, wanted, strict=True
        )
    ]


def _crop(graph: ir.Graph, node: ir.Node, begin: Sequence[int], end: Sequence[int]) -> None:
    if not any(begin) and not any(end):
        return
    new, axes = Replacement(graph, node), range(2, 2 + len(begin))
    full = new.add(
        "ConvTranspose", *node.inputs, **{attribute.name: attribute.value for attribute in node.attributes.values()}
    )
    last = [-cut if cut else np.iinfo(np.int64).max for cut in end]
    numbers = [new.constant(values, np.int64) for values in (begin, last, axes)]
    new.finish(new.add("Slice", full, *numbers))
