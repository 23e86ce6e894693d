"""Read an ONNX file and describe it, without running it and without ever writing to it."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from core.common.errors import SourceError
from core.common.paths import is_text
from core.common.text import Text, as_text, say
from core.onnx_model.external_data import SHOWN_LETTERS, all_tensors, external_part, external_tensors
from core.onnx_model.graph import ONNX_DOMAINS, all_graphs, all_nodes
from core.onnx_model.inline_functions import count_inlined, inline_functions
from core.onnx_model.shapes import longest_value
from core.onnx_model.source import Dimension, Source, TensorInfo
from core.onnx_model.tensor_types import check_types

_MAX_PROTOBUF_BYTES = 2**31 - 1
_FP16 = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})
_BYTES_MORE_IN_32_BIT = 2

_MOST_NODES = 2_000_000
"""Once functions are inlined; the largest real models have some 20,000."""

_MOST_ENDS, _MOST_TENSORS, _LONGEST_NAME = 1_000, 50_000, 5_000
"""Inputs or outputs, tensors of weights, letters in a name; onnxruntime takes minutes to load 200,000 tensors."""

_MOST_INPUT_VALUES = 1_000_000_000
"""Of one input, its free dimensions counted as one; 4 GB in 32 bit."""

_MOST_VALUES = 100_000_000
"""Of one list that a graph computes from constants alone."""


def inspect(path: Path) -> Source:
    """Read the file and check that it can be converted at all.

    Args:
        path: the ONNX file.

    Raises:
        SourceError: it is missing, no ONNX file, damaged, or lacks its external data.
    """
    model = inline_functions(_check_functions(_parse(path), path))
    graph, weights = model.graph, tuple(all_tensors(model.graph))
    outside = [external_part(tensor, path) for tensor in external_tensors(graph)]
    half = sum(math.prod(tensor.dims) for tensor in weights if tensor.data_type in _FP16)
    # Everything is made from one self-contained model: weights stored once for several tensors take more there.
    embedded = path.stat().st_size + sum(part.length for part in outside)
    _check_size(path, embedded)
    _check_size_in_32_bit(path, embedded + _BYTES_MORE_IN_32_BIT * half)
    if not graph.node or not graph.output:
        raise SourceError(
            say('"{name}" is not an ONNX model, or it is empty.', name=path.name),
            next_step=say("Pick a file that was exported as ONNX."),
        )
    _check_names(graph, path)
    _check_counts(graph, path)
    _check_weights(graph, path)
    _check_ends(model, path)
    check_types((*graph.input, *graph.output))
    _check_values(graph, path)
    inputs = _inputs(graph, path)
    for tensor in inputs:
        _check_input(tensor, path)
    return Source(
        path=path,
        inputs=inputs,
        outputs=tuple(_tensor(value) for value in graph.output),
        opset=_opset(model, path),
        operators=dict(Counter(_operator(node) for node in all_nodes(graph)).most_common()),
        size_bytes=path.stat().st_size + sum(part.length for part in set(outside)),
        parameters=sum(math.prod(tensor.dims) for tensor in weights),
        half_parameters=half,
        weight_dtypes=frozenset(_dtype(tensor.data_type) for tensor in weights),
        metadata={as_text(entry.key): as_text(entry.value) for entry in model.metadata_props},
        modified_ns=path.stat().st_mtime_ns,
    )


def _check_functions(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Before they are inlined: a few of them can stand for any number of nodes."""
    count = count_inlined(model) if model.functions else 0
    if count > _MOST_NODES:
        raise SourceError(
            say(
                '"{name}" consists of functions that call each other so often that it would have {count} steps.',
                name=path.name,
                count=f"{count:.2g}",
            )
            if math.isfinite(count)
            else say('"{name}" consists of functions that call each other in a circle.', name=path.name),
            next_step=say("Use a model from a source that you trust, or export it again."),
        )
    return model


def _check_counts(graph: onnx.GraphProto, path: Path) -> None:
    """What a file of some MB can hold so many of that runtimes never finish loading it."""
    counts = (
        (say("inputs"), len(graph.input), _MOST_ENDS),
        (say("outputs"), len(graph.output), _MOST_ENDS),
        (say("tensors of weights"), len(graph.initializer), _MOST_TENSORS),
        (say("letters in one name"), max(map(len, _names(graph)), default=0), _LONGEST_NAME),
    )
    for what, count, most in counts:
        if count > most:
            raise SourceError(
                say(
                    '"{name}" has {count} {what}; more than {most} are not taken.',
                    name=path.name,
                    count=count,
                    what=what,
                    most=most,
                ),
                next_step=say("Use a model from a source that you trust, or export it again."),
            )


def _check_ends(model: onnx.ModelProto, path: Path) -> None:
    """Each node has the inputs and outputs that its operator needs; libraries count on that without a look."""
    opset = max((entry.version for entry in model.opset_import if entry.domain in ONNX_DOMAINS), default=1)
    for node in all_nodes(model.graph):
        inputs, outputs = _fewest_ends(node.op_type, opset) if node.domain in ONNX_DOMAINS else (0, 1)
        if len(node.input) < inputs or len(node.output) < outputs:
            raise SourceError(
                say(
                    '"{name}" is damaged: its step "{node}" ({operator}) lacks inputs or outputs.',
                    name=path.name,
                    node=node.name,
                    operator=node.op_type,
                ),
                next_step=say("Pick another file, or export or download the model again."),
                detail=f"{len(node.input)} of {inputs} inputs, {len(node.output)} of {outputs} outputs",
            )


def _check_weights(graph: onnx.GraphProto, path: Path) -> None:
    """Sizes of which no tensor has any, and two tensors of one name: which of them is meant, nobody knows."""
    for part in all_graphs(graph):
        again = [name for name, count in Counter(tensor.name for tensor in part.initializer).items() if count > 1]
        negative = [tensor.name for tensor in part.initializer if any(size < 0 for size in tensor.dims)]
        for name, detail in ((again, "two tensors of one name"), (negative, "a size below zero")):
            if name:
                raise SourceError(
                    say('"{name}" is damaged: its weights "{part}" fit no tensor.', name=path.name, part=name[0]),
                    next_step=say("Pick another file, or export or download the model again."),
                    detail=detail,
                )


def _check_input(tensor: TensorInfo, path: Path) -> None:
    """Before anybody makes an example of it."""
    count = math.prod(size for size in tensor.shape if isinstance(size, int))
    if count > _MOST_INPUT_VALUES:
        raise SourceError(
            say(
                'The input "{input}" of "{name}" takes {count} numbers, for which there is no memory.',
                input=tensor.name,
                name=path.name,
                count=f"{count:.2g}",
            ),
            next_step=say("Export the model again with a smaller input."),
        )


@cache
def _fewest_ends(operator: str, opset: int) -> tuple[int, int]:
    try:
        schema = onnx.defs.get_schema(operator, opset)
    except (onnx.defs.SchemaError, TypeError, OverflowError):  # an operator or an opset that nobody knows
        return 0, 1
    return schema.min_input, schema.min_output


def _check_names(graph: onnx.GraphProto, path: Path) -> None:
    """Names that are no text are bytes here, and nothing finds them."""
    for name in _names(graph):
        if not isinstance(name, str):
            raise SourceError(
                say(
                    '"{name}" is damaged: the name "{part}" in it is no text.',
                    name=path.name,
                    part=as_text(name)[:SHOWN_LETTERS],
                ),
                next_step=say("Pick another file, or export or download the model again."),
            )


def _names(graph: onnx.GraphProto) -> Iterator[str | bytes]:
    for part in all_graphs(graph):
        yield from (value.name for value in (*part.input, *part.output))
        yield from (tensor.name for tensor in part.initializer)
        for node in part.node:
            yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
            yield from (attribute.name for attribute in node.attribute)


def _check_values(graph: onnx.GraphProto, path: Path) -> None:
    """Before anything writes them out."""
    count = longest_value(graph)
    if count > _MOST_VALUES:
        raise SourceError(
            say(
                '"{name}" makes a list of {count} numbers out of a few, for which there is no memory.',
                name=path.name,
                count=f"{count:.2g}",
            ),
            next_step=say("Use a model from a source that you trust, or export it again."),
        )


def _cannot_be_opened(path: Path, exc: OSError) -> SourceError:
    return SourceError(
        say('The file "{path}" cannot be opened.', path=path),
        next_step=say("Check that you may read it and that no other program holds it."),
        detail=str(exc),
    )


def _parse(path: Path) -> onnx.ModelProto:
    try:
        is_file = path.is_file()
    except OSError as exc:  # a folder above it may not be entered; the whole path is too long
        raise _cannot_be_opened(path, exc) from exc
    if not is_file:
        reason = (
            say('"{path}" is not a file, but a folder or something else.', path=path)
            if os.path.lexists(path)
            else say('There is no file "{path}".', path=path)
        )
        raise SourceError(reason, next_step=say("Check the path, or pick the model again."))
    if not is_text(str(path)):
        raise SourceError(
            say('The name of "{path}" is not valid text, so the libraries cannot open it.', path=path),
            next_step=say("Rename the file, or the folder in which it lies."),
        )
    _check_size(path, path.stat().st_size)
    try:
        model = onnx.load(str(path), load_external_data=False)
        if model.ByteSize() < _MAX_PROTOBUF_BYTES and not external_tensors(model.graph):
            onnx.checker.check_model(model)
    except OSError as exc:
        raise _cannot_be_opened(path, exc) from exc
    except (DecodeError, ValueError) as exc:  # ValueError: a name that is not UTF-8
        raise SourceError(
            say('"{name}" is not an ONNX model, or it is damaged or cut off.', name=path.name),
            next_step=say("Pick another file, or export or download the model again."),
            detail=str(exc),
        ) from exc
    except onnx.checker.ValidationError:
        pass  # many models that run well break a rule of the checker; onnxruntime decides later
    return model


def _inputs(graph: onnx.GraphProto, path: Path) -> tuple[TensorInfo, ...]:
    initializers = {tensor.name for tensor in graph.initializer}
    inputs = tuple(_tensor(value) for value in graph.input if value.name not in initializers)
    if not inputs:
        raise SourceError(
            say('The model "{name}" takes no input, so there is nothing to run.', name=path.name),
            next_step=say("Export the model again with its input."),
        )
    return inputs


def _check_size(path: Path, size: int) -> None:
    if size > _MAX_PROTOBUF_BYTES:
        raise SourceError(
            say(
                'The model "{name}" holds {size} GB; EdgePress takes models up to 2 GB, the most that one file holds.',
                name=path.name,
                size=f"{size / 1e9:.1f}",
            ),
            next_step=_use_a_smaller_one(),
        )


def _check_size_in_32_bit(path: Path, size: int) -> None:
    if size > _MAX_PROTOBUF_BYTES:
        raise SourceError(
            say(
                'The model "{name}" would hold {size} GB in 32 bit, from which every file is made; EdgePress takes '
                "models up to 2 GB, the most that one file holds.",
                name=path.name,
                size=f"{size / 1e9:.1f}",
            ),
            next_step=_use_a_smaller_one(),
        )


def _use_a_smaller_one() -> Text:
    return say("Use a smaller variant of the model; edge devices need one anyway.")


def _opset(model: onnx.ModelProto, path: Path) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ONNX_DOMAINS]
    domains = sorted({entry.domain for entry in model.opset_import} - ONNX_DOMAINS)
    if not versions and domains:
        raise SourceError(
            say(
                'The model "{name}" has no operators of plain ONNX, only of {domains}.',
                name=path.name,
                domains=domains[0],
            ),
            next_step=say("Models of decision trees and tables stay as they are: they hold nothing that gets smaller."),
        )
    if not versions:
        raise SourceError(
            say('The model "{name}" does not say which version of ONNX it uses.', name=path.name),
            next_step=say("Export the model again."),
        )
    return int(max(versions))


def _operator(node: onnx.NodeProto) -> str:
    return node.op_type if node.domain in ONNX_DOMAINS else f"{node.domain}::{node.op_type}"


def _tensor(value: onnx.ValueInfoProto) -> TensorInfo:
    tensor = value.type.tensor_type
    shape = tuple(_dimension(dim) for dim in tensor.shape.dim)
    return TensorInfo(value.name, shape, _dtype(tensor.elem_type))


def _dimension(dim: onnx.TensorShapeProto.Dimension) -> Dimension:
    # Some exporters write 0 or -1 for "any size".
    if dim.HasField("dim_value") and dim.dim_value > 0:
        return int(dim.dim_value)
    return as_text(dim.dim_param) or "?"


def _dtype(elem_type: int) -> str:
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(elem_type))
    except (KeyError, ValueError):
        return "unknown"
