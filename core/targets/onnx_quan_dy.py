"""Dynamic 8-bit ONNX: needs no pictures, because ranges are found while the model runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from core.errors import ConversionError
from core.outcome import Artifact
from core.progress import Progress
from core.source import Source
from core.target import TargetId
from core.targets.onnx_rules import refuse_if_reduced, save
from core.text import Text, say
from core.workshop import Workshop

_DYNAMIC = ("MatMul", "Gemm", "LSTM", "Attention", "Gather", "EmbedLayerNormalization")
"""What onnxruntime runs well with ranges found at run time. Convolutions are not among them: they
become ConvInteger, which runs many times slower than float and costs several percent of the answers."""

_STORED = ("Conv", "ConvTranspose")
"""What is stored in 8 bit and computed in float."""

_FLOAT_SHARE = 0.02
"""Share of all weights that may stay in float. The smallest tensors (first and depthwise convolutions)
come first: they hold 2% of the bytes and cause more than half of the error."""


class OnnxQuanDy:
    """Matrix products quantised dynamically by onnxruntime; convolutions stored in 8 bit."""

    id: TargetId = "onnx_quan_dy"
    title: Text = say("ONNX, 8 bit dynamic")
    sentence: Text = say("About a quarter of the size without example pictures. Saves space more than time.")
    needs_images = False
    least_cosine = 0.9

    def file_names(self, stem: str) -> tuple[str, ...]:
        """One ONNX file."""
        return (f"{stem}_quan_dynamic.onnx",)

    def check(self, source: Source) -> None:
        """Refuse what already is 8 or 16 bit."""
        refuse_if_reduced(source)

    def make(self, workshop: Workshop, folder: Path, progress: Progress) -> Artifact:
        """Quantise the matrix products, then store the convolutions."""
        (name,) = self.file_names(workshop.stem)
        progress(0.0, say("Quantising the matrix products"))
        model = _quantise_matrix_products(workshop.prepared.fresh(), folder / name)
        progress(0.7, say("Storing the convolutions in 8 bit"))
        stored = store_weights_in_8_bit(model)
        return Artifact(self.id, (save(model, folder / name),), notes=_notes(stored))


def _notes(stored: int) -> tuple[Text, ...]:
    if not stored:
        return ()
    return (
        say(
            "{count} convolutions are stored in 8 bit and computed in 32 bit, because dynamically quantised "
            "convolutions run many times slower. For more speed use the static 8 bit file.",
            count=stored,
        ),
    )


def _quantise_matrix_products(model: onnx.ModelProto, scratch: Path) -> onnx.ModelProto:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)  # it advises on every run to prepare the model, which was done
    try:
        quantize_dynamic(model, str(scratch), op_types_to_quantize=list(_DYNAMIC), weight_type=QuantType.QInt8)
    except Exception as exc:
        raise ConversionError(
            say("The model could not be quantised dynamically."),
            next_step=say("Use the static 8 bit target with example pictures instead."),
            detail=repr(exc),
        ) from exc
    return onnx.load(str(scratch))


def store_weights_in_8_bit(model: onnx.ModelProto) -> int:
    """Replace the weights of convolutions by int8 numbers times one scale for each output channel.

    Cast and Mul of constants are folded by onnxruntime when it loads the file, so that the model
    runs as fast as in float; a DequantizeLinear would be computed anew for each picture.

    Returns:
        How many weight tensors were replaced.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    axes = {
        node.input[1]: 0 if node.op_type == "Conv" else 1
        for node in model.graph.node
        if node.op_type in _STORED and _is_float(weights.get(node.input[1]))
    }
    chosen = _largest((weights[name] for name in axes), sum(_count(tensor) for tensor in weights.values()))
    for tensor in chosen:
        _store(model.graph, tensor, axes[tensor.name])
    return len(chosen)


def _largest(tensors: Iterable[TensorProto], total: int) -> list[TensorProto]:
    """All but the smallest, which together hold at most the share that may stay in float."""
    spare = _FLOAT_SHARE * total
    chosen = []
    for tensor in sorted(tensors, key=_count):
        spare -= _count(tensor)
        if spare < 0:
            chosen.append(tensor)
    return chosen


def _store(graph: onnx.GraphProto, tensor: TensorProto, axis: int) -> None:
    name = tensor.name
    numbers, scales = quantise_per_channel(numpy_helper.to_array(tensor), axis=axis)
    graph.initializer.remove(tensor)
    graph.initializer.append(numpy_helper.from_array(numbers, f"{name}_int8"))
    graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scale"))
    graph.node.insert(0, helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [name], name=f"{name}_mul"))
    graph.node.insert(
        0, helper.make_node("Cast", [f"{name}_int8"], [f"{name}_float"], to=TensorProto.FLOAT, name=f"{name}_cast")
    )


def quantise_per_channel(weights: NDArray[np.float32], *, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric 8-bit numbers in -127 to 127, with a scale for each channel of ``axis``.

    Returns:
        The numbers, of the shape of ``weights``, and the scales, which broadcast to it.
    """
    others = tuple(other for other in range(weights.ndim) if other != axis)
    largest = np.abs(weights).max(axis=others, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.clip(np.rint(weights / scales), -127, 127).astype(np.int8), scales


def _is_float(tensor: TensorProto | None) -> bool:
    return tensor is not None and tensor.data_type == TensorProto.FLOAT


def _count(tensor: TensorProto) -> int:
    return int(np.prod(tensor.dims))
