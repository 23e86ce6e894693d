"""Names of nodes mean nothing, but onnxruntime loads no model in which two nodes have the same one."""

from __future__ import annotations

import onnx

from core.onnx_model.graph import all_nodes


def has_equal_names(model: onnx.ModelProto) -> bool:
    """Whether two nodes have the same name."""
    names = [node.name for node in all_nodes(model.graph) if node.name]
    return len(set(names)) < len(names)


def make_node_names_unique(model: onnx.ModelProto) -> bool:
    """Rename all but the first node of each name; names of tensors stay."""
    if not has_equal_names(model):
        return False
    names = {node.name for node in all_nodes(model.graph)}
    seen: set[str] = set()
    for node in all_nodes(model.graph):
        number = 0
        while node.name in seen:
            number += 1
            candidate = f"{node.name}_{number}"
            if candidate not in names:
                node.name = candidate
                names.add(candidate)
        seen.update({node.name} - {""})
    return True
