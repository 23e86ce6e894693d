"""Inline model-local functions, which PyTorch's dynamo exporter writes for modules."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import onnx
from onnx import inliner

from core.onnx_model.graph import subgraphs

_Key: TypeAlias = tuple[str, str, str]


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model without functions, since quantisers and pnnx do not look into them.

    Returns:
        The model itself where it has none, or where onnx cannot inline them.
    """
    if not model.functions:
        return model
    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError):  # onnxruntime reports what is wrong with them
        return model


def count_inlined(model: onnx.ModelProto) -> float:
    """How many nodes the model has once its functions are inlined, counted without doing it.

    Functions that call each other thirty levels deep, twice each, are 2 kB of file and a billion nodes.

    Returns:
        Infinity where functions call each other in a circle.
    """
    calls = {_key_of(function): Counter(map(_key, _nodes(function.node))) for function in model.functions}
    sizes = _sizes(calls)
    return sum(sizes.get(_key(node), 1) for node in _nodes(model.graph.node))


def _sizes(calls: Mapping[_Key, Counter[_Key]]) -> Mapping[_Key, float]:
    """Nodes of each function, those of the functions that it calls included; those below others come first."""
    callers: dict[_Key, list[_Key]] = defaultdict(list)
    waiting = {}
    for name, called in calls.items():
        own = [one for one in called if one in calls]
        waiting[name] = len(own)
        for one in own:
            callers[one].append(name)
    sizes: dict[_Key, float] = dict.fromkeys(calls, math.inf)
    ready = [name for name, count in waiting.items() if not count]
    for name in ready:
        sizes[name] = sum(count * sizes.get(one, 1.0) for one, count in calls[name].items())
        for caller in callers[name]:
            waiting[caller] -= 1
            if not waiting[caller]:
                ready.append(caller)
    return sizes


def _nodes(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [inner for graph in subgraphs(node) for inner in graph.node]


def _key(node: onnx.NodeProto) -> _Key:
    return node.domain, node.op_type, node.overload


def _key_of(function: onnx.FunctionProto) -> _Key:
    return function.domain, function.name, function.overload
