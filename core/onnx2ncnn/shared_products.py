"""Products of several tensors by one constant matrix become a single product of all their rows; so do convolutions.

In an unrolled recurrent layer, each step multiplies its input by the same matrix. Those products do not depend on each
other, so one layer computes them all, and the matrix is stored in it once. The branches of a siamese network have the
same convolutions, of pictures of one size.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

import numpy as np
import onnx
from onnx import helper

from core.onnx2ncnn.static_graph import StaticGraph
from core.onnx_model.graph import attributes

_Key = tuple[object, ...]

_MOST_AXES = 4
"""Of the weights of convolutions that take a batch."""


def merge_shared_products(graph: StaticGraph) -> StaticGraph:
    """Merge MatMul, Gemm and Conv nodes that use the same constants, as far as none depends on another one.

    Args:
        graph: it is not changed.

    Returns:
        A graph with the same inputs and outputs, in topological order.
    """
    found: defaultdict[_Key, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.nodes:
        key = _product(node, graph)
        if key is not None:
            found[key].append(node)
    uses = Counter(name for node in graph.nodes for name in node.input)
    for nodes in found.values():
        for independent in _levels(nodes, graph.nodes):
            # ncnn's convolutions with weights from another layer take no batch, so all of them or none.
            if nodes[0].op_type != "Conv" or len(independent) == uses[nodes[0].input[1]]:
                graph = _merged(graph, independent)
    return graph


def _product(node: onnx.NodeProto, graph: StaticGraph) -> _Key | None:
    """What a product by constant weights has in common with those that can be merged with it."""
    if node.op_type not in ("MatMul", "Gemm", "Conv") or node.input[0] in graph.constants:
        return None
    weights, *bias = (graph.constants.get(name) for name in node.input[1:] if name)
    if weights is None or any(one is None for one in bias):
        return None
    key = (node.op_type, *node.input[1:], repr(sorted(attributes(node).items())))
    if node.op_type == "Conv":
        return (*key, graph.shapes[node.input[0]][1:]) if weights.ndim <= _MOST_AXES else None
    is_row = all(one is not None and math.prod(one.shape[:-1]) == 1 for one in bias)
    is_plain = weights.ndim == 2 and not attributes(node).get("transA", 0)
    return key if is_plain and is_row and len(graph.shapes[node.input[0]]) > 1 else None


def _levels(nodes: Sequence[onnx.NodeProto], every: Sequence[onnx.NodeProto]) -> list[list[onnx.NodeProto]]:
    """Groups of two or more in which no node depends on another: those after equally many of these nodes."""
    chosen = {id(node) for node in nodes}
    depths: defaultdict[str, int] = defaultdict(int)
    levels: defaultdict[int, list[onnx.NodeProto]] = defaultdict(list)
    for node in every:
        depth = max((depths[name] for name in node.input), default=0)
        if id(node) in chosen:
            levels[depth].append(node)
            depth += 1
        for name in node.output:
            depths[name] = depth
    return [level for level in levels.values() if len(level) > 1]


def _merged(graph: StaticGraph, nodes: Sequence[onnx.NodeProto]) -> StaticGraph:
    """The graph with one product instead of these; unchanged where other nodes make them depend on each other."""
    constants, shapes, dtypes = dict(graph.constants), dict(graph.shapes), dict(graph.dtypes)
    first, made = nodes[0], list[onnx.NodeProto]()
    stem = f"{first.output[0]}_merged"

    def add(kind: str, inputs: Sequence[str], outputs: Mapping[str, tuple[int, ...]], **values: int) -> None:
        made.append(
            helper.make_node(
                kind, list(inputs), list(outputs), f"{stem}_{kind}_{len(made)}", None, None, None, **values
            )
        )
        shapes.update(outputs)
        dtypes.update(dict.fromkeys(outputs, dtypes[first.output[0]]))

    def reshape(source: str, target: str, shape: tuple[int, ...]) -> None:
        constants[f"{target}_shape"] = np.array(shape, np.int64)
        add("Reshape", [source, f"{target}_shape"], {target: shape})

    # A row of a matrix, or a picture of a batch.
    start = 1 if first.op_type == "Conv" else -1
    row, result = graph.shapes[first.input[0]][start:], graph.shapes[first.output[0]][start:]
    rows = [math.prod(graph.shapes[node.input[0]]) // math.prod(row) for node in nodes]
    taken, given = ([f"{stem}_{way}{index}" for index in range(len(nodes))] for way in ("in", "out"))
    for node, name, count in zip(nodes, taken, rows, strict=True):
        reshape(node.input[0], name, (count, *row))
    add("Concat", taken, {f"{stem}_rows": (sum(rows), *row)}, axis=0)
    shapes[stem], dtypes[stem] = (sum(rows), *result), dtypes[first.output[0]]
    product = onnx.NodeProto()
    product.CopyFrom(first)
    product.input[0], product.output[0] = f"{stem}_rows", stem
    made.append(product)
    constants[f"{stem}_counts"] = np.array(rows, np.int64)
    parts = {name: (count, *result) for name, count in zip(given, rows, strict=True)}
    add("Split", [stem, f"{stem}_counts"], parts, axis=0)
    for node, name in zip(nodes, given, strict=True):
        reshape(name, node.output[0], graph.shapes[node.output[0]])
    removed = {id(node) for node in nodes}
    ordered = _sorted([*(node for node in graph.nodes if id(node) not in removed), *made])
    if ordered is None:
        return graph
    return replace(graph, nodes=ordered, constants=constants, shapes=shapes, dtypes=dtypes)


def _sorted(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto] | None:
    """In topological order; None where there is none."""
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs = [{makers[name] for name in node.input if name in makers} for node in nodes]
    try:
        order = list(TopologicalSorter(dict(enumerate(needs))).static_order())
    except CycleError:
        return None
    return [nodes[index] for index in order]
