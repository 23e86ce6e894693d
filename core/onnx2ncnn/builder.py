"""Builds an ncnn model layer by layer; blobs may be looked at in any shape of the same order of values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.ncnn.model import NcnnModel
from core.ncnn.param import MAGIC, Layer, parse_param
from core.ncnn.slots import slots
from core.ncnn.weights import Array, stored
from core.onnx2ncnn.draft import Draft, Number, Params
from core.onnx2ncnn.fuse import fuse
from core.onnx2ncnn.passes import needed, with_splits, without_noops
from core.runtimes.predictor import Tensor

MAX_AXES = 4
"""Axes of an ncnn blob, which has no batch axis."""

_SIZE_KEYS = {1: (0,), 2: (1, 0), 3: (2, 1, 0), 4: (2, 11, 1, 0)}
"""Ids of the sizes in Reshape, MemoryData and Input, from the outermost axis to the innermost one."""

_ARRAY_BASE = -23300

_LOAD_TYPE, _LEAST_TAGGED = 21, 256
"""A MemoryData's parameter, 0 if a tag says how it is stored; and the values from which it may become 16 bit."""


class TooManyAxes(Exception):
    """A layer would have to read a blob of more axes than ncnn has."""


@dataclass(frozen=True)
class Blob:
    """A blob, or the same values in another shape."""

    name: str
    shape: tuple[int, ...]
    """From the outermost axis to the innermost one, as in numpy; without a batch axis."""

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def view(self, *shape: int) -> Blob:
        """The same values in another shape; a Reshape is added where a layer reads it so."""
        assert math.prod(shape) == self.size, (self, shape)
        return replace(self, shape=shape)


class Builder:
    """Collects layers; :meth:`finish` makes the model of those that the outputs need."""

    def __init__(self) -> None:
        self._drafts: list[Draft] = []
        self._shapes: dict[str, tuple[int, ...]] = {}
        """Blob -> the shape that its layer gives it."""

        self._views: dict[tuple[str, tuple[int, ...]], str] = {}
        self._constants: dict[int, tuple[Tensor, str]] = {}
        self._inputs: dict[str, str] = {}

    def input(self, name: str, shape: tuple[int, ...]) -> Blob:
        """An input of the model, whose sizes stand in the file."""
        shape, blob = fit_axes(shape), f"in{len(self._inputs)}"
        self._inputs[name] = blob
        return self._add("Input", blob, [], [blob], [shape], _sizes(shape))[0]

    def layer(
        self,
        kind: str,
        bottoms: Sequence[Blob],
        shape: tuple[int, ...],
        params: Params | None = None,
        weights: Sequence[Tensor] = (),
    ) -> Blob:
        """Add a layer with one output.

        Args:
            kind: ncnn's name of the layer.
            bottoms: inputs, in the shapes that the layer expects.
            shape: of its output.
            params: parameters other than ncnn's defaults.
            weights: arrays in the order of the ``.bin`` file.

        Raises:
            TooManyAxes: a bottom has more than ncnn can hold.
        """
        return self.layers(kind, bottoms, [shape], params, weights)[0]

    def layers(
        self,
        kind: str,
        bottoms: Sequence[Blob],
        shapes: Sequence[tuple[int, ...]],
        params: Params | None = None,
        weights: Sequence[Tensor] = (),
    ) -> list[Blob]:
        """The same with any number of outputs."""
        reads = [self._stored(bottom) for bottom in bottoms]
        number = len(self._drafts)
        tops = [f"{number}" if not index else f"{number}_{index}" for index in range(len(shapes))]
        return self._add(kind, f"{kind.lower()}_{number}", reads, tops, shapes, params or {}, weights)

    def constant(self, values: Tensor) -> Blob:
        """A constant as a blob; the same array is stored once, however often it is asked for."""
        if id(values) not in self._constants:
            shape, name = fit_axes(values.shape, batch=False), f"c{len(self._constants)}"
            tagged = {_LOAD_TYPE: 0} if values.size >= _LEAST_TAGGED else {}
            self._add("MemoryData", name, [], [name], [shape], {**_sizes(shape), **tagged}, [values])
            self._constants[id(values)] = values, name  # the array is kept, so that no other one gets its id
        name = self._constants[id(values)][1]
        return Blob(name, values.shape)

    def finish(self, outputs: Mapping[str, Blob]) -> NcnnModel:
        """The model.

        Args:
            outputs: name in the source -> blob, in the source's order.
        """
        stored_outputs = [self._stored(blob) for blob in outputs.values()]
        wanted = {*stored_outputs, *self._inputs.values()}
        drafts = needed(fuse(needed(self._drafts, wanted), wanted), wanted)
        named = {name: f"out{index}" for index, name in enumerate(outputs)}
        for name, blob in zip(named.values(), stored_outputs, strict=True):
            drafts.append(Draft("Noop", name, [blob], [name], {}, []))
        drafts = with_splits(without_noops(drafts))
        text = "\n".join([MAGIC, f"{len(drafts)} {sum(len(draft.tops) for draft in drafts)}", *map(_line, drafts), ""])
        param = parse_param(text)
        weights = [_arrays(layer, draft.weights) for layer, draft in zip(param.layers, drafts, strict=True)]
        return NcnnModel(param, tuple(weights), dict(self._inputs), named)

    def _add(
        self,
        kind: str,
        name: str,
        bottoms: list[str],
        tops: list[str],
        shapes: Sequence[tuple[int, ...]],
        params: Params,
        weights: Sequence[Tensor] = (),
    ) -> list[Blob]:
        self._drafts.append(Draft(kind, name, bottoms, tops, params, weights))
        self._shapes.update(zip(tops, shapes, strict=True))
        return [Blob(top, shape) for top, shape in zip(tops, shapes, strict=True)]

    def _stored(self, blob: Blob) -> str:
        """The name of a blob that holds these values in this shape."""
        shape = blob.shape or (1,)
        if self._shapes[blob.name] == shape:
            return blob.name
        if len(shape) > MAX_AXES:
            raise TooManyAxes(shape)
        if (blob.name, shape) not in self._views:
            top = f"{blob.name}_{'x'.join(map(str, shape))}"
            self._add("Reshape", f"reshape_{len(self._drafts)}", [blob.name], [top], [shape], _sizes(shape))
            self._views[blob.name, shape] = top
        return self._views[blob.name, shape]


def fit_axes(shape: Sequence[int], *, batch: bool = True) -> tuple[int, ...]:
    """A shape that ncnn can hold: without the batch axis of 1, and with outer axes merged where there are too many.

    Args:
        shape: in the source.
        batch: whether the first axis is a batch axis if its size is 1.
    """
    fitted = tuple(shape)
    if batch and len(fitted) > 1 and fitted[0] == 1:
        fitted = fitted[1:]
    while len(fitted) > MAX_AXES and 1 in fitted[:-1]:
        index = fitted.index(1)
        fitted = (*fitted[:index], *fitted[index + 1 :])
    if len(fitted) > MAX_AXES:
        fitted = (math.prod(fitted[: -MAX_AXES + 1]), *fitted[-MAX_AXES + 1 :])
    return fitted or (1,)


def _sizes(shape: tuple[int, ...]) -> Params:
    return dict(zip(_SIZE_KEYS[len(shape)], shape, strict=True))


def _line(draft: Draft) -> str:
    names = " ".join((*draft.bottoms, *draft.tops))
    params = " ".join(_param(key, value) for key, value in draft.params.items())
    return f"{draft.type} {draft.name} {len(draft.bottoms)} {len(draft.tops)} {names} {params}".rstrip()


def _param(key: int, value: Number | Sequence[int] | Sequence[float]) -> str:
    if isinstance(value, Sequence):
        return ",".join([f"{_ARRAY_BASE - key}={len(value)}", *map(_number, value)])
    return f"{key}={_number(value)}"


def _number(value: Number) -> str:
    return str(int(value)) if isinstance(value, (int, np.integer)) else f"{float(value):e}"


def _arrays(layer: Layer, weights: Sequence[Tensor]) -> tuple[Array, ...]:
    pairs = zip(slots(layer), weights, strict=True)
    arrays = tuple(stored(slot, np.asarray(values, np.float32)) for slot, values in pairs)
    assert all(array.slot.count == slot.count for array, slot in zip(arrays, slots(layer), strict=True)), layer
    return arrays
