"""Which node makes a tensor and which nodes read it, in the main graph of a model."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import onnx

from core.onnx_model.graph import names_read


class Links:
    """Producers and readers of the tensors of a graph; nodes are given by their index.

    A node with subgraphs reads what its subgraphs read.

    Args:
        graph: the main graph; it must not change afterwards.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.producers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
        """Tensor -> the node that makes it; inputs of the model and initializers have none."""

        self.reads = [tuple(dict.fromkeys(names_read(node))) for node in graph.node]
        """For each node, the tensors that it reads, and in subgraphs also those that the subgraph itself makes."""

        self.readers: dict[str, list[int]] = {}
        """Tensor -> the nodes that read it."""

        for index, names in enumerate(self.reads):
            for name in names:
                self.readers.setdefault(name, []).append(index)
        self._outputs = [tuple(node.output) for node in graph.node]

    def ancestors(self, names: Iterable[str], stop: Collection[str] = ()) -> set[int]:
        """The nodes from which these tensors are computed.

        Args:
            names: of tensors.
            stop: tensors that are taken as given.
        """
        found: set[int] = set()
        waiting = [name for name in names if name not in stop]
        while waiting:
            node = self.producers.get(waiting.pop())
            if node is not None and node not in found:
                found.add(node)
                waiting.extend(name for name in self.reads[node] if name not in stop)
        return found

    def descendants(self, nodes: Iterable[int]) -> set[int]:
        """These nodes and all that depend on them."""
        found: set[int] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting.extend(self.readers_of(node))
        return found

    def readers_of(self, node: int) -> Iterable[int]:
        """The nodes that read any output of this one."""
        return (reader for name in self._outputs[node] for reader in self.readers.get(name, ()))
