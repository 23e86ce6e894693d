"""One ONNX node during conversion: its constants, shapes and blobs; and the registry of operators."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx

from core.onnx2ncnn.builder import Blob, Builder
from core.onnx2ncnn.static_graph import StaticGraph
from core.onnx_model.graph import attributes
from core.runtimes.predictor import Tensor

_LEAST_SHARED = 256
"""Values from which weights that several nodes use are stored once, as a blob."""


class NotExpressible(Exception):
    """ncnn has no layers for what a node computes; the argument says what of it."""


class Conversion:
    """State of one conversion.

    Args:
        graph: the model.
    """

    def __init__(self, graph: StaticGraph) -> None:
        self.graph = graph
        self.builder = Builder()
        self.blobs: dict[str, Blob] = {}
        """Tensor -> the blob that holds its values, in any shape."""

        self.integers: dict[str, int] = {}
        """Token ids, which are fed as 32-bit integers since an Embed reads them -> how many there are, at most.

        All other numbers are floats.
        """

        self._uses = Counter(name for node in graph.nodes for name in node.input if name in graph.constants)
        self._casts: dict[str, Tensor] = {}
        self._counting: dict[int, Tensor] = {}

    def as_numbers(self, name: str) -> Blob:
        """Token ids as floats: looked up in a table that holds each number at its own place."""
        ids, count = self.blobs[name], self.integers[name]
        if count not in self._counting:
            self._counting[count] = np.arange(count, dtype=np.float32)
        params = {0: 1, 1: count, 2: 0, 3: count}
        return self.builder.layer("Embed", [ids.view(ids.size)], (ids.size, 1), params, [self._counting[count]])

    def is_shared(self, name: str) -> bool:
        """Whether several nodes use these weights, which then must not be stored with each of them."""
        return self._uses[name] > 1 and self.graph.constants[name].size >= _LEAST_SHARED

    def float_constant(self, name: str) -> Tensor:
        """A constant as float32: always the same array, with axes along which nothing changes shrunk to 1."""
        if name not in self._casts:
            self._casts[name] = shrink(np.asarray(self.graph.constants[name], np.float32))
        return self._casts[name]


def shrink(values: Tensor) -> Tensor:
    """The same values under broadcasting, with each axis of equal slices as one of size 1."""
    for axis in range(values.ndim):
        first = values.take([0], axis)
        if values.shape[axis] > 1 and np.array_equal(np.broadcast_to(first, values.shape), values):
            values = first
    return values


class Node:
    """A node whose inputs are known.

    Args:
        conversion: the state, which the node's operator extends.
        proto: the node.
    """

    def __init__(self, conversion: Conversion, proto: onnx.NodeProto) -> None:
        self._conversion = conversion
        self._graph = conversion.graph
        self.proto = proto
        self.builder = conversion.builder
        self.opset = conversion.graph.opset
        self._attributes = attributes(proto)

    def attr(self, name: str, default: Any = None) -> Any:
        """An attribute; text as str."""
        value = self._attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def has(self, index: int) -> bool:
        """Whether an input is given."""
        return index < len(self.proto.input) and bool(self.proto.input[index])

    @property
    def count(self) -> int:
        """Number of inputs."""
        return len(self.proto.input)

    def gives(self, index: int) -> bool:
        """Whether an output is named."""
        return index < len(self.proto.output) and bool(self.proto.output[index])

    def constant(self, index: int) -> Tensor | None:
        """The value of an input; None where it is not given or computed."""
        return self._graph.constants.get(self.proto.input[index]) if self.has(index) else None

    def required(self, index: int) -> Tensor:
        """The value of an input that has to be constant."""
        value = self.constant(index)
        if value is None:
            raise NotExpressible(f"input {index} is computed")
        return value

    def numbers(self, index: int, name: str, default: Sequence[int] | None = None) -> list[int] | None:
        """Integers that are an input in newer versions of an operator, and an attribute in older ones."""
        if self.has(index):
            return [int(number) for number in self.required(index).ravel()]
        value = self.attr(name, default)
        return None if value is None else [int(number) for number in np.atleast_1d(value)]

    def shape(self, index: int = 0) -> tuple[int, ...]:
        """The shape of an input."""
        name = self.proto.input[index]
        return self._graph.shapes[name] if name in self._graph.shapes else self._graph.constants[name].shape

    def out_shape(self, index: int = 0) -> tuple[int, ...]:
        """The shape of an output."""
        return self._graph.shapes[self.proto.output[index]]

    def dtype(self, index: int = 0) -> np.dtype[np.generic]:
        """The element type of an input."""
        name = self.proto.input[index]
        return self._graph.dtypes[name] if name in self._graph.dtypes else self._graph.constants[name].dtype

    def out_dtype(self, index: int = 0) -> np.dtype[np.generic]:
        """The element type of an output."""
        return self._graph.dtypes[self.proto.output[index]]

    def is_shared(self, index: int) -> bool:
        """Whether an input is a constant that other nodes use too."""
        return self.constant(index) is not None and self._conversion.is_shared(self.proto.input[index])

    def blob(self, index: int = 0) -> Blob:
        """An input as a blob of floats, of as many values as the source's tensor has."""
        name = self.proto.input[index]
        if name in self._graph.constants:
            values = self._graph.constants[name]
            blob = self.builder.constant(self._conversion.float_constant(name))
            return blob if blob.size == values.size else self.builder.constant(np.asarray(values, np.float32))
        if name in self._conversion.integers:
            return self._conversion.as_numbers(name)
        return self._conversion.blobs[name]

    def small_blob(self, index: int) -> tuple[Blob, tuple[int, ...]]:
        """An input and its shape for broadcasting: constants may be smaller than in the source."""
        name = self.proto.input[index]
        if name in self._graph.constants:
            values = self._conversion.float_constant(name)
            return self.builder.constant(values), values.shape
        return self.blob(index), self.shape(index)

    def integer_blob(self, index: int) -> Blob | None:
        """An input as a blob of 32-bit integers, where it is one."""
        name = self.proto.input[index]
        return self._conversion.blobs[name] if name in self._conversion.integers else None

    def set(self, blob: Blob, index: int = 0) -> None:
        """Give the node's output."""
        assert blob.size == math.prod(self.out_shape(index)), (self.proto, blob, self.out_shape(index))
        self._conversion.blobs[self.proto.output[index]] = blob

    def set_integers(self, blob: Blob) -> None:
        """Give an output that still holds 32-bit integers."""
        self.set(blob)
        self._conversion.integers[self.proto.output[0]] = self._conversion.integers[self.proto.input[0]]


Operator = Callable[[Node], None]
"""Adds the layers of a node and sets its outputs; raises NotExpressible, or TooManyAxes."""

OPERATORS: dict[str, Operator] = {}
"""ONNX operator -> its conversion."""


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Register a function as the conversion of these operators."""

    def register(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register
