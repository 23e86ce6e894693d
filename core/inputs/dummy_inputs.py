"""Find dummy inputs on which a model runs, from the names, shapes and types of its inputs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping

import numpy as np

from core.common.errors import ConversionError, RunLimitError, SourceError
from core.common.text import say
from core.onnx_model.source import Source, TensorInfo
from core.runtimes.onnx import source_errors
from core.runtimes.predictor import Feeds, Tensor
from core.runtimes.source import open_source

_TIMEOUT_S = 30.0
_MAX_COMBINATIONS = 20_000  # sorted before the first one is tried
_MAX_CANDIDATES = 120

_SAMPLE_RATES = (16000, 8000, 44100)
_SCALARS = (1, 0)
_LENGTHS = (128, 512, 256, 16, 64, 576, 1, 80, 1024, 3000, 16000)
"""Sequence lengths: tokens of a text, and samples or frames of audio."""

_SIDES = (224, 320, 640, 64, 32, 1)
"""Sizes of the free dimensions of inputs with four axes or more: height and width of images."""

_STATE_NAMES = ("state", "hidden", "cache", "past", "mems", "h0", "c0")
_CACHE_NAMES = ("cache", "past", "mems")
"""States that grow with every step, and that some models take empty at the first one."""

_ONES_NAMES = ("mask", "length", "scale")


def find_dummy_inputs(source: Source, given: Feeds) -> dict[str, Tensor]:
    """A tensor for every input, on which the model runs.

    Free dimensions and the values of scalars are chosen by name and shape, and tried in turn.

    Args:
        source: the model.
        given: known inputs; free dimensions of the same name take their sizes.

    Raises:
        SourceError: an input's type is unknown, or the model ran on no candidate.
        RunLimitError: one run took too much time or memory.
    """
    unknown = [tensor for tensor in source.inputs if tensor.name not in given]
    for tensor in unknown:
        _check_type(tensor)
    sizes = _known_sizes(source, given)
    with source_errors(source.path):
        predictor = open_source(source.path, threads=1)
    error: ConversionError | None = None
    deadline = time.monotonic() + _TIMEOUT_S
    try:
        for candidate in itertools.islice(_candidates(unknown, sizes), _MAX_CANDIDATES):
            try:
                outputs = predictor.run({**given, **candidate})
            except RunLimitError:
                raise
            except ConversionError as exc:
                error = error or exc
                if time.monotonic() > deadline:
                    break
                continue
            if all(tensor.size for tensor in outputs.values()):
                return {**candidate, **given}
    finally:
        predictor.close()
    raise _does_not_run(error)


def randomize(example: Feeds, given: Feeds, random: np.random.Generator) -> dict[str, Tensor]:
    """The same shapes with new random numbers; states, scalars, masks and the given inputs stay."""
    return {name: tensor if name in given else _random_like(name, tensor, random) for name, tensor in example.items()}


def _check_type(tensor: TensorInfo) -> None:
    if tensor.dtype == "unknown":
        raise SourceError(
            say('The model does not say what its input "{name}" is.', name=tensor.name),
            next_step=say("Export the model again, with the types of its inputs."),
        )


def _does_not_run(error: ConversionError | None) -> SourceError:
    return SourceError(
        say("This model does not run on any of the inputs that were tried."),
        next_step=say(
            "Give an example of its inputs: a folder with .npy or .npz files (--images), "
            "and inputs that never change with --input name=value."
        ),
        detail="" if error is None else error.detail,
    )


def _known_sizes(source: Source, given: Feeds) -> dict[str, int]:
    """Name of a free dimension -> its size in the given inputs."""
    return {
        size: actual
        for tensor in source.inputs
        if tensor.name in given
        for size, actual in zip(tensor.shape, given[tensor.name].shape, strict=True)
        if isinstance(size, str) and size != "?"
    }


def _candidates(tensors: list[TensorInfo], sizes: Mapping[str, int]) -> Iterator[dict[str, Tensor]]:
    """Sets of inputs, the likely ones first; free dimensions of the same name always have the same size."""
    names = sorted({size for tensor in tensors for size in _free_dimensions(tensor)} - set(sizes))
    choices: list[tuple[int, ...]] = [_sizes_to_try(name, tensors) for name in names]
    choices += [_scalars_to_try(tensor) for tensor in tensors]
    combinations = itertools.product(*(range(len(choice)) for choice in choices))
    for indices in sorted(itertools.islice(combinations, _MAX_COMBINATIONS), key=sum):
        picked = [values[index] for values, index in zip(choices, indices, strict=True)]
        known = {**sizes, **dict(zip(names, picked, strict=False))}
        values = picked[len(names) :]
        yield {tensor.name: _example(tensor, known, value) for tensor, value in zip(tensors, values, strict=True)}


def _free_dimensions(tensor: TensorInfo) -> list[str]:
    return [_dimension_name(tensor, axis) for axis, size in enumerate(tensor.shape) if isinstance(size, str)]


def _dimension_name(tensor: TensorInfo, axis: int) -> str:
    """The dimension's own name; without one, ``batch`` for a first axis, and input and axis for others."""
    size = tensor.shape[axis]
    if size != "?":
        return str(size)
    return "batch" if axis == 0 and len(tensor.shape) > 1 else f"{tensor.name}[{axis}]"


def _sizes_to_try(name: str, tensors: list[TensorInfo]) -> tuple[int, ...]:
    users = [tensor for tensor in tensors if name in _free_dimensions(tensor)]
    is_first = all(len(tensor.shape) > 1 and _dimension_name(tensor, 0) == name for tensor in users)
    if is_first or "batch" in name.lower() or name in ("N", "B"):
        return (1,)
    if all(_is_state(tensor) for tensor in users):
        may_be_empty = all(any(part in tensor.name.lower() for part in _CACHE_NAMES) for tensor in users)
        return (1, *((0,) if may_be_empty else ()), *_LENGTHS)
    return _SIDES if max(len(tensor.shape) for tensor in users) >= 4 else _LENGTHS


def _is_state(tensor: TensorInfo) -> bool:
    return len(tensor.shape) > 1 and any(part in tensor.name.lower() for part in _STATE_NAMES)


def _scalars_to_try(tensor: TensorInfo) -> tuple[int, ...]:
    """Values to try for a scalar; other tensors have one filling, by their name."""
    if tensor.shape not in ((), (1,)):
        return (0,)
    name = tensor.name.lower()
    return _SAMPLE_RATES if name in ("sr", "fs") or "rate" in name else _SCALARS


def _example(tensor: TensorInfo, sizes: Mapping[str, int], value: int) -> Tensor:
    shape = tuple(
        size if isinstance(size, int) else sizes[_dimension_name(tensor, axis)]
        for axis, size in enumerate(tensor.shape)
    )
    dtype = np.dtype(tensor.dtype)
    if shape in ((), (1,)):
        return np.full(shape, value, dtype)
    if any(part in tensor.name.lower() for part in _ONES_NAMES):
        return np.ones(shape, dtype)
    if _is_state(tensor):
        return np.zeros(shape, dtype)
    return _random_numbers(shape, dtype, np.random.default_rng(0))


def _random_like(name: str, tensor: Tensor, random: np.random.Generator) -> Tensor:
    if tensor.size == 1 or any(part in name.lower() for part in (*_ONES_NAMES, *_STATE_NAMES)):
        return tensor
    return _random_numbers(tensor.shape, tensor.dtype, random)


def _random_numbers(shape: tuple[int, ...], dtype: np.dtype[np.generic], random: np.random.Generator) -> Tensor:
    if np.issubdtype(dtype, np.floating):
        return random.standard_normal(shape).astype(dtype)
    return random.integers(0, 2, shape).astype(dtype)
