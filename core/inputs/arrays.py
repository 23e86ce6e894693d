"""Inputs that are not images: .npy and .npz files, and inputs that are the same for every sample."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common.errors import ImagesError, OptionError
from core.common.text import Text, say
from core.onnx_model.source import Source, TensorInfo

_MAX_BYTES = 1 << 30  # a small compressed file can expand to an array that fills the memory
_FILLS = {"zeros": np.zeros, "ones": np.ones}


def read_arrays(path: Path, source: Source) -> dict[str, NDArray[Any]]:
    """Read one sample: a .npy is the model's first input, a .npz has arrays by input name.

    An array without a batch axis gets one.

    Args:
        path: the file.
        source: the model.

    Raises:
        ImagesError: the file cannot be read, or does not fit the model's inputs.
    """
    try:
        found = _load(path, source.inputs[0].name)
    # numpy's readers raise anything on a damaged file: EOFError, BadZipFile, SyntaxError, ...
    except Exception as exc:
        raise ImagesError(
            say('The arrays in "{name}" cannot be read.', name=path.name),
            next_step=say("Save them again with numpy.save or numpy.savez, as plain numbers."),
            detail=repr(exc),
        ) from exc
    inputs = {tensor.name: tensor for tensor in source.inputs}
    arrays = {name: _with_input_shape(array, inputs[name], path) for name, array in found.items() if name in inputs}
    if not arrays:
        raise ImagesError(
            say('"{name}" has no array for any of the inputs {inputs}.', name=path.name, inputs=", ".join(inputs)),
            next_step=say("Name the arrays like the model's inputs: numpy.savez(file, input=...)."),
        )
    return arrays


def _load(path: Path, first: str) -> dict[str, NDArray[Any]]:
    # Unpickling runs code from the file.
    if path.suffix.lower() == ".npy":
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)  # raises if the header claims more than there is
        if mapped.nbytes > _MAX_BYTES:
            raise ValueError(f"{mapped.nbytes} bytes")
        return {first: _checked(np.array(mapped))}
    with zipfile.ZipFile(path) as archive:
        claimed = sum(entry.file_size for entry in archive.infolist())
    if claimed > _MAX_BYTES:
        raise ValueError(f"{claimed} bytes")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: _checked(arrays[name]) for name in arrays.files}


def _checked(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "fiub" or not array.size:
        raise ValueError(f"{array.dtype} of the shape {array.shape}")
    return array


def _with_input_shape(array: NDArray[Any], tensor: TensorInfo, path: Path) -> NDArray[Any]:
    for candidate in (array, array[np.newaxis]):
        if _fits(candidate, tensor):
            return candidate.astype(tensor.dtype) if tensor.dtype != "unknown" else candidate
    raise ImagesError(
        say(
            'The array in "{name}" has the shape {shape}, but the input "{input}" takes {expected}.',
            name=path.name,
            shape=_shape_text(array.shape),
            input=tensor.name,
            expected=_shape_text(tensor.shape),
        ),
        next_step=say("Save the arrays with exactly the shape that the model takes."),
    )


def _fits(array: NDArray[Any], tensor: TensorInfo) -> bool:
    if array.ndim != len(tensor.shape):
        return False
    return all(isinstance(size, str) or size == actual for size, actual in zip(tensor.shape, array.shape, strict=True))


def _shape_text(shape: tuple[int | str, ...]) -> str:
    return "x".join(map(str, shape)) or "()"


def fixed_inputs(source: Source, values: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Parse inputs that are the same for every sample.

    ``16000`` is a number that fills the input's shape, ``1,2,3`` a list, ``zeros:2,1,128`` and ``ones:2,1,128``
    a tensor of that shape, ``zeros`` one of the input's own shape. Free dimensions have the size 1 there.

    Args:
        source: the model.
        values: input name -> value as written.

    Raises:
        OptionError: there is no such input, or the value does not fit it.
    """
    inputs = {tensor.name: tensor for tensor in source.inputs}
    unknown = [name for name in values if name not in inputs]
    if unknown:
        raise OptionError(
            say('The model has no input "{name}".', name=unknown[0]),
            next_step=say("Its inputs are: {names}.", names=", ".join(inputs)),
        )
    return {name: _value(inputs[name], text) for name, text in values.items()}


def _value(tensor: TensorInfo, text: str) -> NDArray[Any]:
    try:
        value = _parse(tensor, text.strip())
    except (ValueError, TypeError, OverflowError, MemoryError) as exc:
        raise _does_not_fit(tensor, text, repr(exc)) from exc
    if not _fits(value, tensor) or value.nbytes > _MAX_BYTES:
        raise _does_not_fit(tensor, text, _shape_text(value.shape))
    return value


def _does_not_fit(tensor: TensorInfo, text: str, detail: str) -> OptionError:
    reason: Text = say(
        'The value "{value}" does not fit the input "{name}", which takes {shape} of the type {dtype}.',
        value=text,
        name=tensor.name,
        shape=_shape_text(tensor.shape),
        dtype=tensor.dtype,
    )
    return OptionError(
        reason,
        next_step=say("Give a number, numbers with commas between them, or a filled shape such as zeros:2,1,128."),
        detail=detail,
    )


def _parse(tensor: TensorInfo, text: str) -> NDArray[Any]:
    shape = tuple(size if isinstance(size, int) else 1 for size in tensor.shape)
    dtype = np.dtype(tensor.dtype)
    fill, _, sizes = text.partition(":")
    if fill in _FILLS:
        shape = tuple(int(size) for size in sizes.split(",")) if sizes else shape
        if any(size < 1 for size in shape) or np.prod(shape, dtype=np.float64) > _MAX_BYTES:
            raise ValueError(shape)
        return _FILLS[fill](shape, dtype)
    numbers = np.array([float(number) for number in text.split(",")])
    typed = numbers.astype(dtype)
    if numbers.size == 1:
        return np.full(shape, typed[0], dtype)
    free = [index for index, size in enumerate(tensor.shape) if isinstance(size, str)]
    if len(free) == 1:
        shape = tuple(-1 if index == free[0] else size for index, size in enumerate(shape))
    return typed.reshape(shape)
