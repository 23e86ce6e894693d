"""Weights that lie in other files: where they are, checked before anything is read, and reading them.

onnx's own reader takes a weight without a length to reach to the end of its file, which onnxruntime does not.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from core.common.errors import SourceError
from core.common.foreign_files import open_regular
from core.common.path_rules import stays_inside
from core.common.text import Text, as_text, say
from core.onnx_model.graph import all_graphs
from core.onnx_model.inline_functions import inline_functions

_PARTS_OF_BYTES = {
    kind: bits
    for bits, names in ((4, ("UINT4", "INT4", "FLOAT4E2M1")), (2, ("UINT2", "INT2")))
    for name in names
    if (kind := getattr(TensorProto, name, None)) is not None
}
"""Element types of which several share a byte -> bits; older versions of onnx lack some."""


_LEAST_BESIDE = 1024
"""Bytes of a tensor that is worth writing into a second file."""

SHOWN_LETTERS = 100
"""Of a name in a message."""


@dataclass(frozen=True)
class ExternalPart:
    """Where the values of one tensor are."""

    file: Path
    offset: int
    length: int


def all_tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Initializers, and constants that nodes hold as attributes; those of subgraphs too."""
    for each in all_graphs(graph):
        yield from each.initializer
        for node in each.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def external_tensors(graph: onnx.GraphProto) -> tuple[TensorProto, ...]:
    """Those whose values lie in other files."""
    return tuple(tensor for tensor in all_tensors(graph) if tensor.data_location == TensorProto.EXTERNAL)


def external_locations(path: Path) -> frozenset[str]:
    """The files in which a model's weights lie, as it names them; empty where it cannot be read."""
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError, ValueError):
        return frozenset()
    tensors = external_tensors(model.graph)  # functions have none: their constants are written out
    entries = (entry for tensor in tensors for entry in tensor.external_data)
    return frozenset(as_text(entry.value) for entry in entries if entry.key == "location")


def external_part(tensor: TensorProto, path: Path) -> ExternalPart:
    """Find the values of an external tensor, which must lie within the model's folder.

    Args:
        tensor: one of :func:`external_tensors`.
        path: the model's file.

    Raises:
        SourceError: the file is missing or elsewhere, or does not hold these values.
    """
    entries = {entry.key: as_text(entry.value) for entry in tensor.external_data}
    location = entries.get("location", "")
    file = _checked_file(location, path)
    try:
        offset = int(entries.get("offset") or 0)
        needed = _byte_count(tensor)
        length = int(entries.get("length") or needed)
        available = file.stat().st_size - offset
    except ValueError as exc:
        raise _damaged(path, location, f"{tensor.name}: {exc}") from exc
    if offset < 0 or length != needed or length > available:
        detail = f"{tensor.name}: {length} bytes at {offset}, of {available}; its shape and type take {needed}"
        raise _damaged(path, location, detail)
    return ExternalPart(file, offset, length)


def load_embedded(path: Path) -> onnx.ModelProto:
    """Read a model without functions, with the values of all its tensors.

    Raises:
        SourceError: weights that are in another file cannot be read.
        DecodeError, OSError, ValueError: it is no ONNX file, or cannot be opened.
    """
    model = inline_functions(onnx.load(str(path), load_external_data=False))
    for tensor in external_tensors(model.graph):
        _embed(tensor, path)
    return model


def save_with_values_beside(model: onnx.ModelProto, path: Path) -> None:
    """Write a model and, in a second file, the values of its larger tensors.

    onnxruntime maps such a file, where it makes two to three copies of values that lie in the model's own file.

    Args:
        model: is changed: it refers to the second file, and holds these values no longer.
        path: of the model; the other file has ``.data`` at the end of its name.

    Raises:
        OSError: the disk is full.
    """
    onnx.save(model, str(path), save_as_external_data=True, location=f"{path.name}.data", size_threshold=_LEAST_BESIDE)


def load_structure(path: Path, *, most_elements: int) -> onnx.ModelProto:
    """Read a model without functions; of the tensors in other files only the small ones, such as shapes, are read.

    Args:
        path: the model's file.
        most_elements: of a small tensor.

    Raises:
        DecodeError, OSError, ValueError: it is no ONNX file, or cannot be opened.
    """
    model = inline_functions(onnx.load(str(path), load_external_data=False))
    for tensor in external_tensors(model.graph):
        if math.prod(tensor.dims) <= most_elements:
            with suppress(SourceError):  # the values stay unknown
                _embed(tensor, path)
    return model


def _embed(tensor: TensorProto, path: Path) -> None:
    part = external_part(tensor, path)
    try:
        with open_regular(part.file) as file:
            file.seek(part.offset)
            values = file.read(part.length)
    except (OSError, ValueError) as exc:
        raise SourceError(
            say('The file "{path}" cannot be opened.', path=part.file),
            next_step=say("Check that you may read it and that no other program holds it."),
            detail=str(exc),
        ) from exc
    tensor.raw_data = values
    tensor.ClearField("data_location")
    tensor.ClearField("external_data")


def _checked_file(location: str, path: Path) -> Path:
    """The file that a model names: judged by the name alone first, then by what is there."""
    folder = path.parent.resolve()
    if not stays_inside(location):
        raise _outside(location, path, folder)
    named = folder / location
    if _is_too_long(named):
        raise _damaged(path, location[:SHOWN_LETTERS], f"a name of {len(location)} letters")
    if named.exists() and not named.resolve().is_relative_to(folder):
        raise _link(location, path, str(named.resolve()))
    if not named.is_file():
        raise SourceError(
            say(
                'The weights of "{name}" are in another file, "{file}", which is missing.',
                name=path.name,
                file=location,
            ),
            next_step=_where_to_put_it(location),
        )
    file = named.resolve()
    if _has_names_elsewhere(file):
        raise _link(location, path, f"{file.stat().st_nlink} names (hard links)")
    return file


def _is_too_long(file: Path) -> bool:
    try:
        file.lstat()
    except OSError as exc:
        return exc.errno == errno.ENAMETOOLONG
    return False


def _has_names_elsewhere(file: Path) -> bool:
    """Whether it is a hard link to a file of another folder, one that holds secrets for instance; nobody sees that."""
    found = file.stat()
    if found.st_nlink == 1:
        return False
    with os.scandir(file.parent) as entries:
        here = sum(entry.inode() == found.st_ino for entry in entries)
    return here < found.st_nlink


def _outside(location: str, path: Path, folder: Path) -> SourceError:
    if Path(location).is_absolute() and Path(location).is_relative_to(folder):
        return SourceError(
            say('The model "{name}" names its weights by a whole path, "{file}".', name=path.name, file=location),
            next_step=say("Export the model again, so that it names them by their place in its own folder."),
        )
    return SourceError(
        say('The model "{name}" wants to read a file outside its own folder.', name=path.name),
        next_step=say("Do not use this file unless you trust whoever made it; export the model again."),
        detail=location,
    )


def _link(location: str, path: Path, detail: str) -> SourceError:
    return SourceError(
        say(
            'The weights of "{name}" are in another file, "{file}", which is only a link.',
            name=path.name,
            file=location,
        ),
        next_step=say("Copy the model and its weights into one folder, as plain files; links are not followed."),
        detail=detail,
    )


def _where_to_put_it(location: str) -> Text:
    if len(Path(location).parts) == 1:
        return say("Put that file into the same folder as the model.")
    return say("Put that file where the model looks for it: the path starts in the model's folder.")


def _byte_count(tensor: TensorProto) -> int:
    """Of the values in a file.

    Raises:
        ValueError: the element type is unknown.
    """
    bits = _PARTS_OF_BYTES.get(tensor.data_type)
    if bits is None:
        try:
            bits = 8 * int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
        except KeyError as exc:
            raise ValueError(f"element type {tensor.data_type}") from exc
    return -(-math.prod(map(int, tensor.dims)) * bits // 8)


def _damaged(path: Path, location: str, detail: str) -> SourceError:
    return SourceError(
        say(
            'The file "{file}" does not hold the weights that "{name}" looks for in it.', file=location, name=path.name
        ),
        next_step=say("Take both files from the same export, or download both again: one may be cut off."),
        detail=detail,
    )
