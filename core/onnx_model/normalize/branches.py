"""If on a condition that is known -> the branch that is taken; short loops -> their rounds one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray

from core.onnx_model.graph import all_graphs, all_nodes, attributes, copy_model
from core.onnx_model.normalize.edit import Editor, is_plain, rewrite_nodes
from core.onnx_model.normalize.inline_graph import inline_graph
from core.onnx_model.shapes import Shapes, drop_data, fix_sizes, infer_shapes, partial_shapes

Values: TypeAlias = Mapping[str, NDArray[Any]]
"""Tensor name -> its value."""

BRANCHING = ("If", "Loop", "Scan")

_MAX_DEPTH = 10
"""Times that what was inside a branch is looked at again."""

_MAX_ROUNDS, _MAX_NODES = 64, 2000
"""Of a loop that is written out: its rounds, and the nodes that they have together."""


def has_branches(model: onnx.ModelProto) -> bool:
    """Whether the main graph has a branch or a loop."""
    return any(is_plain(node, *BRANCHING) for node in model.graph.node)


def fold_branches(model: onnx.ModelProto, *, sizes: Shapes | None = None, given: Values | None = None) -> bool:
    """Replace branches and loops as far as their conditions and numbers of rounds are known.

    Args:
        model: is changed.
        sizes: those that inputs always have, besides the sizes that the file fixes.
        given: inputs that always have this value.
    """
    changed = False
    for _ in range(_MAX_DEPTH):
        if not has_branches(model):
            break
        folder = _Folder(model, sizes or {}, given or {})
        if not rewrite_nodes(model.graph, folder.fold):
            break
        changed = True
    return changed


class _Folder:
    """Replaces the branches of one model whose conditions are known by now."""

    def __init__(self, model: onnx.ModelProto, sizes: Shapes, given: Values) -> None:
        self._edit = Editor(model)
        graph = _analysed(model, sizes, given)
        self._values = {**_constants(model.graph), **_constants(graph), **given}
        self._shapes = dict(partial_shapes(graph))

    def fold(self, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
        """The nodes that take the place of a branch or a loop; None where it stays."""
        if not is_plain(node, *BRANCHING) or not node.input:
            return None
        own = attributes(node)
        bodies = [own[name] for name in ("then_branch", "else_branch", "body") if name in own]
        if any(graph.sparse_initializer for body in bodies for graph in all_graphs(body)):
            return None
        if node.op_type == "If":
            return self._taken_branch(node, own)
        return self._loop(node, own) if node.op_type == "Loop" else self._scan(node, own)

    def _taken_branch(self, node: onnx.NodeProto, own: Mapping[str, Any]) -> list[onnx.NodeProto] | None:
        condition = self._values.get(node.input[0])
        if condition is None or condition.size != 1:
            return None
        branch = own["then_branch" if condition.item() else "else_branch"]
        return inline_graph(self._edit, branch, {}, node.output)

    def _loop(self, node: onnx.NodeProto, own: Mapping[str, Any]) -> list[onnx.NodeProto] | None:
        body: onnx.GraphProto = own["body"]
        rounds = self._rounds(node, body)
        if rounds is None or not self._is_short(body, rounds):
            return None
        state = list(node.input[2:])
        scanned: list[list[str]] = [[] for _ in node.output[len(state) :]]
        if len(body.input) != len(state) + 2 or len(body.output) != len(node.output) + 1 or (scanned and not rounds):
            return None
        nodes, true = list[onnx.NodeProto](), self._edit.constant(np.array(True), "true")
        for number in range(rounds):
            counter = self._edit.constant(np.array(number, np.int64), "round")
            nodes += self._round(body, [counter, true, *state], state, scanned, skipped=1)
        return [*nodes, *self._results(node, state, scanned)]

    def _rounds(self, node: onnx.NodeProto, body: onnx.GraphProto) -> int | None:
        """None where the loop may end early, or nothing says when it ends."""
        count = self._values.get(node.input[0])
        start = self._values.get(node.input[1]) if len(node.input) > 1 and node.input[1] else np.array(True)
        if count is None or start is None or count.size != 1 or start.size != 1 or not body.output:
            return None
        return max(0, int(count.item())) if start.item() and self._goes_on(body) else (None if start.item() else 0)

    def _goes_on(self, body: onnx.GraphProto) -> bool:
        """Whether the condition that the body hands on is the one that it gets, or always true."""
        made = {name: node for node in body.node for name in node.output}
        name = body.output[0].name
        while name in made and is_plain(made[name], "Identity", "Cast"):
            name = made[name].input[0]
        constant = _constants(body).get(name, self._values.get(name))
        return name == body.input[1].name or (constant is not None and constant.size == 1 and bool(constant.item()))

    def _scan(self, node: onnx.NodeProto, own: Mapping[str, Any]) -> list[onnx.NodeProto] | None:
        body: onnx.GraphProto = own["body"]
        count = int(own.get("num_scan_inputs", 0))
        orders = [value for name, values in own.items() if name.startswith("scan_") for value in values]
        scans, state = list(node.input[len(node.input) - count :]), list(node.input[: len(node.input) - count])
        shape = self._shapes.get(scans[0], ()) if scans else ()
        rounds = shape[0] if shape else None
        if self._edit.opset < 9 or any(orders) or not rounds or not self._is_short(body, rounds):
            return None
        if len(body.input) != len(node.input) or len(body.output) != len(node.output):
            return None
        scanned: list[list[str]] = [[] for _ in node.output[len(state) :]]
        nodes: list[onnx.NodeProto] = []
        for number in range(rounds):
            index = self._edit.constant(np.array(number, np.int64), "round")
            slices = [self._edit.node("Gather", [name, index], axis=0) for name in scans]
            nodes += slices
            nodes += self._round(body, [*state, *(each.output[0] for each in slices)], state, scanned, skipped=0)
        return [*nodes, *self._results(node, state, scanned)]

    @staticmethod
    def _is_short(body: onnx.GraphProto, rounds: int) -> bool:
        return rounds <= _MAX_ROUNDS and rounds * sum(1 for _ in all_nodes(body)) <= _MAX_NODES

    def _round(
        self, body: onnx.GraphProto, inputs: list[str], state: list[str], scanned: list[list[str]], *, skipped: int
    ) -> list[onnx.NodeProto]:
        """The nodes of one round; ``state`` and ``scanned`` get the names of what it makes."""
        made = [self._edit.name(value.name) for value in body.output[skipped:]]
        given = {value.name: name for value, name in zip(body.input, inputs, strict=True)}
        nodes = inline_graph(self._edit, body, given, [""] * skipped + made)
        carried = len(state)
        state[:] = made[:carried]
        for collected, name in zip(scanned, made[carried:], strict=True):
            collected.append(name)
        return nodes

    def _results(self, node: onnx.NodeProto, state: list[str], scanned: list[list[str]]) -> list[onnx.NodeProto]:
        """The outputs of a loop: the last state, and what each round made, stacked."""
        edit = self._edit
        nodes = [
            edit.node("Identity", [name], output)
            for name, output in zip(state, node.output[: len(state)], strict=True)
            if output
        ]
        for names, output in zip(scanned, node.output[len(state) :], strict=True):
            if output:
                rows = [self._with_new_axis(name) for name in names]
                nodes += [*rows, edit.node("Concat", [row.output[0] for row in rows], output, axis=0)]
        return nodes

    def _with_new_axis(self, name: str) -> onnx.NodeProto:
        if self._edit.opset < 13:
            return self._edit.node("Unsqueeze", [name], axes=[0])
        return self._edit.node("Unsqueeze", [name, self._edit.constant(np.array([0]), "first_axis")])


def _analysed(model: onnx.ModelProto, sizes: Shapes, given: Values) -> onnx.GraphProto:
    """The graph with what follows from its sizes and the given inputs as constants."""
    copy = copy_model(model)
    drop_data(copy.graph)
    fix_sizes(copy.graph, {**sizes, **{name: value.shape for name, value in given.items()}})
    kept = [value for value in copy.graph.input if value.name not in given]
    for value in kept:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_value <= 0:  # some exporters write 0 or -1 for "any size"
                dim.ClearField("dim_value")
    inputs = onnx.GraphProto(input=kept)
    del copy.graph.input[:]
    copy.graph.input.extend(inputs.input)
    names = {value.name for value in model.graph.input}
    copy.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in given.items() if name in names
    )
    return infer_shapes(copy).graph


def _constants(graph: onnx.GraphProto) -> dict[str, NDArray[Any]]:
    """Small constants of the graph and its subgraphs; none where two have one name."""
    found: dict[str, NDArray[Any] | None] = {}
    tensors = [(tensor.name, tensor) for each in all_graphs(graph) for tensor in each.initializer]
    for node in all_nodes(graph):
        if is_plain(node, "Constant") and len(node.output) == 1:
            tensors += [(node.output[0], one.t) for one in node.attribute if one.name == "value"]
    for name, tensor in tensors:
        if len(tensor.dims) <= 1 and all(dim <= 1 for dim in tensor.dims):
            try:
                found[name] = None if name in found else onnx.numpy_helper.to_array(tensor)
            except (ValueError, TypeError, KeyError):
                found[name] = None
    return {name: value for name, value in found.items() if value is not None}
