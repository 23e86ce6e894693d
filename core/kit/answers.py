"""Predictions as the kit's program prints them: the same data, so that the two can be compared."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.kit.names import one_line
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import AnyTask
from core.tasks.image_to_image import ImageToImage
from core.tasks.predictions import (
    ClassMap,
    ClassScores,
    Detections,
    EmbeddingVector,
    Keypoints,
    Mask,
    OutputImage,
    RecognizedText,
    ScoresOverTime,
)
from core.tasks.segmentation import in_image

_FIRST_NUMBERS = 16
_LARGEST_IN_8_BIT = 255


@dataclass(frozen=True)
class CropPlace:
    """Where the crop of an object lies in its picture."""

    origin: tuple[float, float] = (0.0, 0.0)
    """Its left and upper edge, in pixels of the picture."""

    scale: float = 1.0
    """Of the crop."""


WHOLE_PICTURE = CropPlace()


def answer_of(
    task: AnyTask,
    outputs: Mapping[str, Tensor],
    placement: Placement,
    *,
    labels: Sequence[str],
    crop: CropPlace = WHOLE_PICTURE,
) -> dict[str, Any]:
    """The answer as plain data; its keys are described in docs/kit.md.

    Args:
        task: decodes the outputs.
        outputs: of a file for one sample.
        placement: of the picture in the input.
        labels: names of the classes, or characters, by index.
        crop: where the picture was cut out, if it was.
    """
    prediction = task.whole(outputs) if isinstance(task, ImageToImage) else task.decode(outputs, placement)
    if isinstance(prediction, Detections):
        return _objects(prediction.above(task.options.score or 0.0), labels)
    if isinstance(prediction, Keypoints):
        return _points(prediction, crop)
    if isinstance(prediction, ScoresOverTime):
        scores = _rounded(prediction.scores, 6)
        return {"kind": "scores", "threshold": task.options.score, "scores": scores}
    told = _TOLD.get(type(prediction))
    return _tensors(outputs) if told is None else told(prediction, labels)


def _label(labels: Sequence[str], index: int) -> str:
    return labels[index] if 0 <= index < len(labels) else str(index)


def _named(index: int, labels: Sequence[str]) -> dict[str, Any]:
    return {"class": index, "label": _label(labels, index)}


def _classes(prediction: ClassScores, labels: Sequence[str]) -> dict[str, Any]:
    best, *others = (_named(index, labels) for index in prediction.ranking)
    data: dict[str, Any] = {
        "kind": "classes",
        "best": {**best, "score": round(prediction.probability, 6)},
        "next": others,
    }
    if prediction.present is not None:
        data["present"] = [_named(index, labels) for index in sorted(prediction.present)]
    return data


def _objects(prediction: Detections, labels: Sequence[str]) -> dict[str, Any]:
    return {"kind": "objects", "objects": [_object(prediction, index, labels) for index in range(len(prediction))]}


def _object(prediction: Detections, index: int, labels: Sequence[str]) -> dict[str, Any]:
    data = {
        **_named(int(prediction.classes[index]), labels),
        "score": round(float(prediction.scores[index]), 6),
        "box": _rounded(prediction.boxes[index], 2),
    }
    if prediction.angles is not None:
        data["angle"] = round(float(prediction.angles[index]), 5)
    if prediction.keypoints is not None:
        data["points"] = _rounded(prediction.keypoints[index], 4)
    if prediction.masks is not None:
        data["mask"] = _run_lengths(prediction.masks[index])
    return data


def _run_lengths(mask: Mask) -> dict[str, Any]:
    """COCO's run lengths as numbers, which other languages read without its library."""
    from pycocotools import mask as rle

    flat = np.asarray(rle.decode(mask)).astype(bool).T.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(changes, prepend=0, append=flat.size).tolist()
    return {"size": [int(side) for side in mask["size"]], "counts": [0, *counts] if flat.size and flat[0] else counts}


def _points(prediction: Keypoints, crop: CropPlace) -> dict[str, Any]:
    places = prediction.points.astype(np.float64) / crop.scale + crop.origin
    rows = np.concatenate([np.round(places, 2), np.round(prediction.scores.astype(np.float64), 6)[:, None]], axis=1)
    return {"kind": "points", "points": rows.tolist()}


def _map(prediction: ClassMap, labels: Sequence[str]) -> dict[str, Any]:
    seen = in_image(prediction, prediction.image_size)
    numbers, counts = np.unique(seen[seen >= 0], return_counts=True)
    order = sorted(zip(counts.tolist(), numbers.tolist(), strict=True), key=lambda pair: (-pair[0], pair[1]))
    whole = max(1, int(counts.sum()))
    return {
        "kind": "map",
        "areas": [{**_named(number, labels), "share": round(count / whole, 6)} for count, number in order],
        "region": [round(edge, 6) for edge in prediction.region],
        "picture_size": list(prediction.image_size),
        "png": _png(np.maximum(prediction.classes, 0), _map_type(prediction.classes)),
    }


def _map_type(classes: NDArray[np.int32]) -> type[np.uint8 | np.uint16]:
    return np.uint8 if classes.max(initial=0) <= _LARGEST_IN_8_BIT else np.uint16


def _text(prediction: RecognizedText, _labels: Sequence[str]) -> dict[str, Any]:
    return {"kind": "text", "text": one_line(prediction.text), "score": round(prediction.score, 6)}


def _vector(prediction: EmbeddingVector, _labels: Sequence[str]) -> dict[str, Any]:
    return {"kind": "vector", "vector": _rounded(prediction.vector, 7)}


def _image(prediction: OutputImage, _labels: Sequence[str]) -> dict[str, Any]:
    pixels = prediction.pixels
    low, high = float(pixels.min()), float(pixels.max())
    grey = np.rint((pixels - low) / max(high - low, 1e-12) * 255)
    return {
        "kind": "image",
        "size": list(pixels.shape[:2]),
        "low": low,
        "high": high,
        "mean": float(pixels.mean(dtype=np.float64)),
        "png": _png(grey[..., 0] if grey.shape[2] == 1 else grey[..., :3], np.uint8),
    }


def _tensors(outputs: Mapping[str, Tensor]) -> dict[str, Any]:
    return {"kind": "tensors", "outputs": [_tensor(name, tensor) for name, tensor in outputs.items()]}


def _tensor(name: str, tensor: Tensor) -> dict[str, Any]:
    values = np.nan_to_num(tensor.astype(np.float64).ravel(), posinf=0.0, neginf=0.0)
    figures = (float(values.min()), float(values.max()), float(values.mean())) if values.size else (0.0, 0.0, 0.0)
    return {
        "name": name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.name,
        **dict(zip(("low", "high", "mean"), figures, strict=True)),
        "first": [float(f"{value:.7g}") for value in values[:_FIRST_NUMBERS]],
    }


def _rounded(values: NDArray[Any], digits: int) -> Any:
    return np.round(values.astype(np.float64), digits).tolist()


def _png(pixels: NDArray[Any], dtype: type[np.uint8 | np.uint16]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(dtype)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


_TOLD: Mapping[type, Callable[[Any, Sequence[str]], dict[str, Any]]] = {
    ClassScores: _classes,
    ClassMap: _map,
    RecognizedText: _text,
    EmbeddingVector: _vector,
    OutputImage: _image,
}
