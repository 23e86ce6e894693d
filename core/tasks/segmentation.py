"""Segmentation: the class of every pixel, from class scores, class indices or a map of probabilities."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.common.text import Text, plural, say
from core.job.comparison import Agreement, TruthFigure
from core.job.task_name import TaskName
from core.metrics.image_quality import channel_correlation
from core.metrics.intervals import bootstrap, wilson
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, Evidence, TaskOptions, TruthMetric
from core.tasks.predictions import ClassMap, MaskTruth, Truth

_DEFAULTS = TaskOptions()
_DEFAULT_SCORE = 0.5
_LEAST_CELLS, _MOST_CLASSES = 8, 256
_SMALLEST_SHARE = 1 / 8
"""Least height of a map, as a share of the input's."""

_ASPECT_TOLERANCE = 0.05
_MOST_UNLIKE = 100.0
"""Ratio of the spreads of two channels up to which both may be scores of classes."""

_DRAWN_SIDE = 256


class Segmentation:
    """Decodes class scores (1, classes, height, width), a class map of integers, or one map of probabilities.

    Args:
        output: name of the output.
        channels_last: whether the classes are its last axis.
        is_one_map: whether it is one map of probabilities, whose pixels above the score are class 1.
        is_logit: whether these are logits.
        class_names: by index.
        options: a score of None is 0.5; it counts for one map only, and is None for others.
        reason: why the model is taken for one of segmentation.
    """

    name: ClassVar[TaskName] = "segmentation"
    noise: ClassVar[None] = None  # that of the maps says it
    budget: ClassVar[Budget] = Budget(keeps=0.95, floor=0.6)

    def __init__(
        self,
        output: str,
        *,
        channels_last: bool = False,
        is_one_map: bool = False,
        is_logit: bool = False,
        class_names: Sequence[str] = (),
        options: TaskOptions = _DEFAULTS,
        reason: Text,
    ) -> None:
        self._output = output
        self._channels_last = channels_last
        score = _DEFAULT_SCORE if options.score is None else options.score
        self._threshold = float(np.log(score / (1 - score))) if is_logit else score
        self.options = replace(options, score=score if is_one_map else None)
        self.class_names = tuple(class_names)
        self.reason = reason

    @property
    def decoder(self) -> Mapping[str, Any]:
        """The output, its layout, and from which value on a pixel of a single map counts."""
        return {"output": self._output, "channels_last": self._channels_last, "threshold": self._threshold}

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> ClassMap:
        """The class of every cell of the output's grid."""
        scores = _channels_first(outputs[self._output], self._channels_last)
        if np.issubdtype(scores.dtype, np.integer):
            classes = scores[0].astype(np.int32)
        elif len(scores) == 1:
            classes = (scores[0] > self._threshold).astype(np.int32)
        else:
            classes = scores.argmax(axis=0).astype(np.int32)
        return ClassMap(classes, _region(placement), placement.image_size)

    def agreement(self) -> MaskIoU:
        """Mean IoU of the classes."""
        return MaskIoU()

    def truth(self) -> MeanIoU:
        """MIoU."""
        return MeanIoU()

    def confidence(self, predictions: Sequence[ClassMap]) -> float:
        """How much of a map differs tells nothing about the input."""
        return 0.0

    def to_json(self, prediction: ClassMap) -> dict[str, Any]:
        """The map as a small PNG of class indices."""
        picture = Image.fromarray(np.clip(prediction.classes, 0, 255).astype(np.uint8))
        scale = _DRAWN_SIDE / max(picture.size)
        if scale < 1:
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            picture = picture.resize(size, Image.Resampling.NEAREST)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return {"kind": "map", "png": base64.b64encode(buffer.getvalue()).decode(), "region": list(prediction.region)}


class _Counts:
    """Pixels of each class in both maps and in either, for each sample."""

    def __init__(self) -> None:
        self._samples: list[dict[int, tuple[int, int]]] = []

    def add(self, expected: NDArray[np.int32], found: NDArray[np.int32]) -> float:
        """Add a pair of maps of one size, negative values of ``expected`` left out; their own mean IoU."""
        counted = expected >= 0
        expected, found = expected[counted], np.maximum(found[counted], 0)
        if not expected.size:
            return 1.0
        size = int(max(expected.max(), found.max())) + 1
        both = np.bincount(expected[expected == found], minlength=size)
        either = np.bincount(expected, minlength=size) + np.bincount(found, minlength=size) - both
        sample = {int(index): (int(both[index]), int(either[index])) for index in np.flatnonzero(either)}
        self._samples.append(sample)
        return float(np.mean([part / whole for part, whole in sample.values()]))

    def table(self) -> NDArray[np.float64]:
        """Shape (samples, 2 x classes): pixels in both maps of each class, then in either."""
        classes = sorted({index for sample in self._samples for index in sample})
        columns = [
            [sample.get(index, (0, 0))[part] for part in (0, 1) for index in classes] for sample in self._samples
        ]
        return np.array(columns, dtype=np.float64).reshape(len(self._samples), -1)

    def __len__(self) -> int:
        return len(self._samples)


def _mean_iou(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the classes that occur; shape (resamples,)."""
    both, either = np.split(sums, 2, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nanmean(np.where(either > 0, both / either, np.nan), axis=1))


class MaskIoU:
    """Mean IoU of the classes that occur in the source's or the file's maps, pixels counted over all samples."""

    def __init__(self) -> None:
        self._counts = _Counts()
        self._found = 0

    def update(self, source: ClassMap, other: ClassMap) -> float:
        """Add one sample; its own mean IoU."""
        self._found += bool(source.classes.any() or other.classes.any())
        return self._counts.add(source.classes, other.classes)

    def compute(self) -> Agreement | None:
        """None where there is nothing but background in all maps."""
        if not self._found:
            return None
        table = self._counts.table()
        total = table.sum(axis=0, keepdims=True)
        value = float(_mean_iou(total)[0])
        low, high = bootstrap(table, _mean_iou)
        if value == 1.0:
            low, _ = wilson(len(table), len(table))  # without any difference all resamples are the same
        both, either = np.split(total[0], 2)
        pixels = 2 * float(both.sum()) / float((both + either).sum())
        return Agreement("mask-iou", value, low, high, len(table), self._found, {"same_pixels": pixels})


class MeanIoU:
    """Mean IoU against labelled masks, in those pixels of the image that the model has seen."""

    def __init__(self) -> None:
        self._counts = _Counts()

    def update(self, prediction: ClassMap, truth: Truth) -> None:
        """Add one labelled image; labels that are no masks are ignored."""
        if isinstance(truth, MaskTruth):
            found = in_image(prediction, truth.classes.shape)
            self._counts.add(np.where(found >= 0, truth.classes, -1), found)

    def compute(self, source: TruthMetric[Any] | None = None) -> tuple[TruthFigure, ...]:
        """The mIoU, with the interval of the paired difference."""
        if not len(self._counts):
            return ()
        table = self._counts.table()
        value = float(_mean_iou(table.sum(axis=0, keepdims=True))[0])
        if not isinstance(source, MeanIoU) or len(source._counts) != len(table):
            return (TruthFigure("miou", value, len(table)),)
        before = source._counts.table()
        difference = value - float(_mean_iou(before.sum(axis=0, keepdims=True))[0])
        width = table.shape[1]

        def statistic(sums: NDArray[np.float64]) -> NDArray[np.float64]:
            return _mean_iou(sums[:, :width]) - _mean_iou(sums[:, width:])

        low, high = bootstrap(np.hstack([table, before]), statistic)
        return (TruthFigure("miou", value, len(table), difference, low, high),)


def in_image(prediction: ClassMap, size: Sequence[int]) -> NDArray[np.int32]:
    """The map in the pixels of the image, by the nearest cell; -1 where the image was cropped.

    Args:
        prediction: the map.
        size: height and width of the image.
    """
    height, width = prediction.classes.shape
    left, top, right, bottom = prediction.region
    rows = np.floor((top + (np.arange(size[0]) + 0.5) / size[0] * (bottom - top)) * height).astype(np.int64)
    columns = np.floor((left + (np.arange(size[1]) + 0.5) / size[1] * (right - left)) * width).astype(np.int64)
    found = prediction.classes[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
    is_seen = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
    return np.where(is_seen, found, -1).astype(np.int32)


def recognize(evidence: Evidence, options: TaskOptions, *, is_chosen: bool = False) -> Segmentation | None:
    """A model that takes images, and of which every output is a map over the image; the first one is decoded.

    Args:
        evidence: what is known of the model.
        options: what the person chose.
        is_chosen: whether the person says that it segments: then the first map will do, whatever its numbers are.
    """
    size = evidence.input_size
    if size is None:
        return None
    outputs = evidence.outputs[0]
    maps = {name: found for name, tensor in outputs.items() if (found := _layout(tensor, size)) is not None}
    if not maps or (len(maps) < len(outputs) and not is_chosen):
        return None
    name, (channels, is_last) = next(iter(maps.items()))
    values = [_channels_first(sample[name], is_last) for sample in evidence.outputs]
    if channels == 1 and not np.issubdtype(values[0].dtype, np.integer):
        return _one_map(name, is_last, values, options, is_named=is_chosen or _says_mask(name, evidence))
    if not is_chosen and (len({outputs[one].shape for one in maps}) > 1 or _is_picture(values, size)):
        return None  # pyramids of features look alike, and so do pictures
    if not is_chosen and channels > 1 and not _are_alike(values):
        return None
    count = max(int(value.max()) for value in values) + 1 if channels == 1 else channels
    reason = plural("It gives a map of {count} class.", "It gives a map of {count} classes.", count=count)
    names = evidence.class_names if len(evidence.class_names) >= count else ()
    return Segmentation(name, channels_last=is_last, class_names=names, options=options, reason=reason)


def _one_map(
    name: str, is_last: bool, values: Sequence[Tensor], options: TaskOptions, *, is_named: bool
) -> Segmentation | None:
    """One map of probabilities, or of logits where a name says that it is a mask."""
    is_logit = min(float(value.min()) for value in values) < 0.0 or max(float(value.max()) for value in values) > 1.0
    if is_logit and not is_named:
        return None
    return Segmentation(
        name,
        channels_last=is_last,
        is_one_map=True,
        is_logit=is_logit,
        options=options,
        reason=say("It gives one map of probabilities over the picture."),
    )


def _is_picture(values: Sequence[Tensor], size: tuple[int, int]) -> bool:
    """Three channels, as large as the input, that rise and fall together."""
    if values[0].shape != (3, *size):
        return False
    return float(np.mean([channel_correlation(value) for value in values])) >= 0.0


def _layout(tensor: Tensor, size: tuple[int, int]) -> tuple[int, bool] | None:
    """Number of channels, and whether they are last; None if it is no map over the image."""
    is_integer = np.issubdtype(tensor.dtype, np.integer)
    if tensor.ndim == 3 and (is_integer or tensor.shape[0] == 1):
        return (1, False) if _covers(tensor.shape[1:], size) else None
    if tensor.ndim != 4:
        return None
    if tensor.shape[1] <= _MOST_CLASSES and _covers(tensor.shape[2:], size):
        return tensor.shape[1], False
    return (tensor.shape[3], True) if tensor.shape[3] <= _MOST_CLASSES and _covers(tensor.shape[1:3], size) else None


def _covers(cells: Sequence[int], size: tuple[int, int]) -> bool:
    height, width = cells
    if min(height, width) < _LEAST_CELLS or not _SMALLEST_SHARE * size[0] <= height <= size[0]:
        return False
    return abs(height * size[1] / (width * size[0]) - 1) < _ASPECT_TOLERANCE


def _channels_first(tensor: Tensor, is_last: bool) -> Tensor:
    """Of the first sample, shape (channels, height, width)."""
    if tensor.ndim == 3:
        return tensor[:1]
    return np.moveaxis(tensor[0], -1, 0) if is_last else tensor[0]


def _says_mask(name: str, evidence: Evidence) -> bool:
    words = f"{name} {evidence.source.path.stem}".casefold()
    return any(word in words for word in ("mask", "seg", "u2net", "matte", "salien"))


def _are_alike(values: Sequence[Tensor]) -> bool:
    """Whether all channels spread over about the same range, as scores of classes do, unlike scores beside angles.

    Shares of rare classes may be small everywhere.
    """
    if all(value.min() >= 0.0 and value.max() <= 1.0 for value in values):
        return True
    spreads = np.stack([value.reshape(len(value), -1).std(axis=1) for value in values]).max(axis=0)
    return bool(spreads.max() <= _MOST_UNLIKE * np.maximum(spreads.min(), 1e-12))


def _region(placement: Placement) -> tuple[float, float, float, float]:
    """The image in shares of the model's input."""
    (height, width), (input_height, input_width) = placement.image_size, placement.input_size
    left, top = placement.offset[0] / input_width, placement.offset[1] / input_height
    return left, top, left + width * placement.scale[0] / input_width, top + height * placement.scale[1] / input_height
