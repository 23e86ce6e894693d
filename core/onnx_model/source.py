"""Read an ONNX file and say what is in it, without running it and without ever writing to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from core.common.errors import OptionError, SourceError
from core.common.serialization import from_data
from core.common.text import say
from core.onnx_model.graph import ONNX_DOMAINS, all_nodes
from core.onnx_model.inline_functions import inline_functions
from core.onnx_model.tensor_types import check_types
from core.preprocessing import Layout, Preprocessing

Dimension: TypeAlias = int | str
"""A fixed size, or the name of one that may vary ("?" where it has none)."""

_QUANTIZED = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger"}
)
_MOST_BYTES = 2**31 - 1
"""Of a protobuf message."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or an output of the model."""

    name: str
    shape: tuple[Dimension, ...]
    dtype: str
    """Element type by its numpy name, such as ``float32``; ``unknown`` where the file does not say."""

    @property
    def is_static(self) -> bool:
        """Whether every dimension is fixed."""
        return all(isinstance(size, int) for size in self.shape)


@dataclass(frozen=True)
class Source:
    """The ONNX file that the person picked."""

    path: Path
    inputs: tuple[TensorInfo, ...]
    """What must be fed; initializers that older exporters also list as inputs are left out."""

    outputs: tuple[TensorInfo, ...]
    opset: int
    operators: Mapping[str, int]
    """How often each operator occurs, subgraphs included; foreign ones as ``domain::name``."""

    size_bytes: int
    """Of the file together with its external data."""

    parameters: int
    """How many numbers the weights hold."""

    half_parameters: int
    """How many of them are 16 bit floats."""

    weight_dtypes: frozenset[str]
    """Element types of the weights, by their numpy names."""

    metadata: Mapping[str, str]
    """The free text that exporters leave in the file."""

    modified_ns: int
    """When the file was last changed, in nanoseconds since 1970."""

    @property
    def is_current(self) -> bool:
        """Whether the file still is the one that was inspected."""
        try:
            return self.path.stat().st_mtime_ns == self.modified_ns
        except OSError:
            return False

    def without(self, names: Collection[str]) -> Source:
        """The same model with fewer inputs to feed, since those of these names are given once and for all."""
        return replace(self, inputs=tuple(tensor for tensor in self.inputs if tensor.name not in names))

    @property
    def is_quantized(self) -> bool:
        """Whether it already computes in 8 bit."""
        return any(operator.rpartition("::")[2] in _QUANTIZED for operator in self.operators)

    @property
    def is_half(self) -> bool:
        """Whether most of its weights already are 16 bit floats; scales of Resize always are 32 bit."""
        return self.half_parameters > self.parameters / 2

    @property
    def foreign_operators(self) -> tuple[str, ...]:
        """Operators that are not part of ONNX."""
        return tuple(sorted(name for name in self.operators if "::" in name))

    @property
    def layout(self) -> Layout | None:
        """Where the image input has its colours; None if the model takes no image."""
        return _image_layout(self.inputs[0]) if len(self.inputs) == 1 else None

    @property
    def takes_image(self) -> bool:
        """Whether its one input can be a picture."""
        return self.layout is not None

    @property
    def image_size(self) -> tuple[Dimension, Dimension]:
        """Height and width of the image input, as the file states them."""
        shape = self.inputs[0].shape
        return (shape[1], shape[2]) if self.layout == "nhwc" else (shape[2], shape[3])

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, where the exporter left them in the file."""
        return _class_names(self.metadata)

    @property
    def own_preprocessing(self) -> Preprocessing | None:
        """The preprocessing that EdgePress's own exporter left in the file."""
        text = self.metadata.get("edgepress.preprocessing")
        if text is None:
            return None
        try:
            return from_data(Preprocessing, json.loads(text))
        except (OptionError, ValueError):
            return None  # a guess serves better than a damaged note


def inspect(path: Path) -> Source:
    """Read the file and check that it is a model that can be worked with.

    Raises:
        SourceError: it is missing, no ONNX file, damaged, or lacks its external data.
    """
    model = inline_functions(_parse(path))
    graph = model.graph
    size = path.stat().st_size + sum(file.stat().st_size for file in _external_files(model, path))
    _check_size(path, size)
    if not graph.node or not graph.output:
        raise SourceError(
            say('"{name}" is not an ONNX model, or it is empty.', name=path.name),
            next_step=say("Pick a file that was exported as ONNX."),
        )
    check_types((*graph.input, *graph.output))
    weights = {tensor.name: tensor for tensor in graph.initializer}
    inputs = tuple(_tensor(value) for value in graph.input if value.name not in weights)
    if not inputs:
        raise SourceError(
            say('The model "{name}" takes no input, so there is nothing to run.', name=path.name),
            next_step=say("Export the model again with its input."),
        )
    return Source(
        path=path,
        inputs=inputs,
        outputs=tuple(_tensor(value) for value in graph.output),
        opset=_opset(model, path),
        operators=dict(Counter(_operator(node) for node in all_nodes(graph)).most_common()),
        size_bytes=size,
        parameters=sum(_count(tensor) for tensor in _weights(graph)),
        half_parameters=sum(
            _count(tensor)
            for tensor in _weights(graph)
            if tensor.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16)
        ),
        weight_dtypes=frozenset(_dtype(tensor.data_type) for tensor in _weights(graph)),
        metadata={entry.key: entry.value for entry in model.metadata_props},
        modified_ns=path.stat().st_mtime_ns,
    )


def _parse(path: Path) -> onnx.ModelProto:
    if not path.is_file():
        raise SourceError(
            say('There is no file "{path}".', path=path), next_step=say("Check the path, or pick the model again.")
        )
    _check_size(path, path.stat().st_size)
    try:
        model = onnx.load(str(path), load_external_data=False)
        onnx.checker.check_model(model) if model.ByteSize() < 2**31 - 1 and not _is_external(model) else None
    except OSError as exc:
        raise SourceError(
            say('The file "{path}" cannot be opened.', path=path),
            next_step=say("Check that you may read it and that no other program holds it."),
            detail=str(exc),
        ) from exc
    except (DecodeError, ValueError) as exc:  # ValueError: names that are no text
        raise SourceError(
            say('"{name}" is not an ONNX model, or it is damaged or cut off.', name=path.name),
            next_step=say("Pick another file, or export or download the model again."),
            detail=str(exc),
        ) from exc
    except onnx.checker.ValidationError:
        pass  # many models that run well break a rule of the checker; the runtime judges them later
    return model


def _check_size(path: Path, size: int) -> None:
    if size > _MOST_BYTES:
        raise SourceError(
            say(
                'The model "{name}" holds {size} GB; EdgePress takes models up to 2 GB, the most that one file holds.',
                name=path.name,
                size=f"{size / 1e9:.1f}",
            ),
            next_step=say("Use a smaller variant of the model; edge devices need one anyway."),
        )


def _is_external(model: onnx.ModelProto) -> bool:
    return any(tensor.data_location == TensorProto.EXTERNAL for tensor in _weights(model.graph))


def _external_files(model: onnx.ModelProto, path: Path) -> set[Path]:
    """The files beside the model that hold its weights."""
    folder = path.parent.resolve()
    files = set()
    for tensor in _weights(model.graph):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        location = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
        file = (folder / location).resolve()
        if not file.is_relative_to(folder) or not location:
            raise SourceError(
                say('The model "{name}" wants to read a file outside its own folder.', name=path.name),
                next_step=say("Do not use this file unless you trust whoever made it; export the model again."),
                detail=location,
            )
        if not file.is_file():
            raise SourceError(
                say(
                    'The weights of "{name}" are in another file, "{file}", which is missing.',
                    name=path.name,
                    file=location,
                ),
                next_step=say("Put that file into the same folder as the model."),
            )
        files.add(file)
    return files


def _weights(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in all_nodes(graph):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _opset(model: onnx.ModelProto, path: Path) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ONNX_DOMAINS]
    domains = sorted({entry.domain for entry in model.opset_import} - ONNX_DOMAINS)
    if not versions and domains:
        raise SourceError(
            say(
                'The model "{name}" has no steps of plain ONNX, only of {domains}.', name=path.name, domains=domains[0]
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
    return str(dim.dim_param) or "?"


def _dtype(elem_type: int) -> str:
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(elem_type))
    except (KeyError, ValueError):
        return "unknown"


def _count(tensor: TensorProto) -> int:
    count = 1
    for size in tensor.dims:
        count *= size
    return count


def _image_layout(tensor: TensorInfo) -> Layout | None:
    """Colours are the axis of size 1 or 3, first or last; where both fit, ONNX's usual order wins."""
    if len(tensor.shape) != 4 or tensor.dtype not in ("float32", "float16", "float64", "uint8"):
        return None
    if tensor.shape[1] in (1, 3):
        return "nchw"
    if tensor.shape[3] in (1, 3):
        return "nhwc"
    return "nchw" if isinstance(tensor.shape[1], str) else None


def _class_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    if "edgepress.classes" in metadata:
        return _names_from_json(metadata["edgepress.classes"])
    if "names" in metadata:  # ultralytics writes a Python dict: {0: 'person', 1: 'bicycle'}
        return _names_from_json(metadata["names"])
    return ()


def _names_from_json(text: str) -> tuple[str, ...]:
    import ast

    try:
        names = ast.literal_eval(text) if not text.lstrip().startswith("[") else json.loads(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names)]
    return tuple(str(name) for name in names) if isinstance(names, list) else ()
