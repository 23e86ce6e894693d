"""Samples from .npy and .npz files, for inputs that are not images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common.archives import ArchiveLimits, UnsafeArchive, open_archive
from core.common.errors import ImagesError
from core.common.foreign_files import check_regular
from core.common.text import say
from core.onnx_model.source import Source, TensorInfo, shape_text
from core.runtimes.casting import cast

MAX_BYTES = 1 << 30
"""Largest array: a small compressed file can expand to one that fills the memory."""

_MOST_ARRAYS = 10_000


def read_arrays(path: Path, source: Source) -> dict[str, NDArray[Any]]:
    """Read one sample: a .npy is the model's first input, a .npz has arrays by input name.

    An array without a batch axis gets one. One with an axis of length 0, such as a cache that starts empty, is taken
    where the model leaves that axis free.

    Args:
        path: the file.
        source: the model.

    Raises:
        ImagesError: the file cannot be read, or does not fit the model's inputs.
    """
    try:
        found = _load(path, source.inputs[0].name)
    except UnsafeArchive as exc:
        raise ImagesError(
            say('The arrays in "{name}" are not read. {why}', name=path.name, why=exc.reason),
            next_step=say("Save fewer or smaller arrays in one file, with numpy.save or numpy.savez."),
        ) from exc
    # numpy's readers raise anything on a damaged file: EOFError, BadZipFile, SyntaxError, ...
    except Exception as exc:
        raise ImagesError(
            say('The arrays in "{name}" cannot be read.', name=path.name),
            next_step=say("Save them again with numpy.save or numpy.savez, as plain numbers."),
            detail=repr(exc),
        ) from exc
    inputs = {tensor.name: tensor for tensor in source.inputs}
    arrays = {name: _with_input_shape(array, inputs[name], path) for name, array in found.items() if name in inputs}
    if arrays and not any(array.size for array in arrays.values()):
        raise ImagesError(
            say('The arrays in "{name}" are all empty.', name=path.name),
            next_step=say("Save at least one array that holds numbers; a cache may be empty."),
        )
    if not arrays:
        raise ImagesError(
            say('"{name}" has no array for any of the inputs {inputs}.', name=path.name, inputs=", ".join(inputs)),
            next_step=say("Name the arrays like the model's inputs: numpy.savez(file, input=...)."),
        )
    return arrays


def _load(path: Path, first: str) -> dict[str, NDArray[Any]]:
    check_regular(path, MAX_BYTES)
    # Unpickling runs code from the file.
    if path.suffix.lower() == ".npy":
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)  # raises if the header claims more than there is
        if mapped.nbytes > MAX_BYTES:
            raise ValueError(f"{mapped.nbytes} bytes")
        return {first: _checked(np.array(mapped))}
    with open_archive(path, ArchiveLimits(MAX_BYTES, most_entries=_MOST_ARRAYS)):
        pass
    with np.load(path, allow_pickle=False) as arrays:
        return {name: _checked(arrays[name]) for name in arrays.files}


def _checked(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{array.dtype} of the shape {array.shape}")
    return array


def _with_input_shape(array: NDArray[Any], tensor: TensorInfo, path: Path) -> NDArray[Any]:
    for candidate in (array, array[np.newaxis]):
        if tensor.accepts(candidate.shape):
            if tensor.dtype == "unknown":
                return candidate
            return cast(candidate, tensor.dtype, tensor.name, error=ImagesError)
    raise ImagesError(
        say(
            'The array in "{name}" has the shape {shape}, but the input "{input}" takes {expected}.',
            name=path.name,
            shape=shape_text(array.shape),
            input=tensor.name,
            expected=shape_text(tensor.shape),
        ),
        next_step=say("Save the arrays with exactly the shape that the model takes."),
    )
