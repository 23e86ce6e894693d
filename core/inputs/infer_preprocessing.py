"""Infer the preprocessing that a model was trained with: from the file, or by running it on example images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common.errors import ConversionError, ImagesError, SourceError
from core.common.text import Text, say
from core.inputs.images import ImageFolder, ImageReader, read_folder
from core.inputs.samples import image_feeds
from core.onnx_model.source import Source
from core.preprocessing import Color, Fit, Preprocessing
from core.runtimes.onnx import OnnxPredictor
from core.tasks.base import Task
from core.tasks.classification import Classification, to_probabilities
from core.tasks.predictions import ClassTruth
from core.tasks.recognize import recognize_task

COMMON_NORMALIZATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "ImageNet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "-1 to 1": ((127.5,) * 3, (127.5,) * 3),
    "(x - 127) / 128": ((127.0,) * 3, (128.0,) * 3),
    "0 to 1": ((0.0,) * 3, (255.0,) * 3),
    "0 to 255": ((0.0,) * 3, (1.0,) * 3),
    "Caffe": ((123.68, 116.779, 103.939), (1.0,) * 3),
}
"""Name -> mean and std, in RGB order and units of 0 to 255."""

_MAX_IMAGES = 16
_MIN_INCEPTION_SCORE = 0.1
"""Share of the highest possible log Inception Score below which the predictions are no evidence."""

_SIZES = ((224, 224), (320, 320), (640, 640), (48, 192), (48, 320), (112, 112))
"""Tried in this order where height and width are free."""

_TEXT_LINE_SIZE = (48, 320)
"""Training size of PaddleOCR's text recognition models."""


@dataclass(frozen=True)
class Proposal:
    """A preprocessing, and the reason for it."""

    preprocessing: Preprocessing
    reason: Text


def infer_preprocessing(source: Source, images: Path | None = None, *, size: tuple[int, int] | None = None) -> Proposal:
    """Propose a preprocessing; runs the model, so call it in a worker process.

    Args:
        source: the model.
        images: folder of example images; without them only the file itself is used.
        size: height and width, where they are known and the model leaves them free.

    Raises:
        SourceError: the model runs at none of the usual sizes.
        ImagesError: the folder cannot be read.
    """
    if source.own_preprocessing is not None:
        return Proposal(source.own_preprocessing, say("The model's file says how it wants its pictures."))
    if not source.takes_image:
        return Proposal(
            _default((224, 224), source), say("This model takes no picture, so these settings do not matter.")
        )
    predictor = OnnxPredictor(source.path, threads=1)
    start = _from_file(source, predictor, size)
    folder = read_folder(images) if images is not None else None
    if folder is None or not folder.holds_images or start.preprocessing.color == "gray":
        return start
    return _from_images(source, predictor, folder, start)


def _from_file(source: Source, predictor: OnnxPredictor, given: tuple[int, int] | None) -> Proposal:
    """By the input's shape and layout, and the exporter's metadata."""
    is_text_recognition = "character" in source.metadata
    size = given or _working_size(source, predictor, (_TEXT_LINE_SIZE, *_SIZES) if is_text_recognition else _SIZES)
    default = _default(size, source)
    if is_text_recognition and default.color != "gray":
        mean, std = COMMON_NORMALIZATIONS["-1 to 1"]
        return Proposal(
            replace(default.with_color("bgr"), fit="pad", mean=mean, std=std),
            say(
                "Models exported by PaddleOCR, which carry their letters in the file, want pictures of lines like this."
            ),
        )
    if "stride" in source.metadata and "imgsz" in source.metadata:
        return Proposal(
            replace(default, fit="pad"), say("Models exported by ultralytics (YOLO) want pictures like this.")
        )
    if source.layout == "nhwc":
        mean, std = COMMON_NORMALIZATIONS["-1 to 1"]
        reason = say("Models with the colours last, mostly from TensorFlow, usually want pictures like this.")
    else:
        mean, std = COMMON_NORMALIZATIONS["ImageNet"]
        reason = say(
            "Most models with this input want pictures like this. Please check with whoever trained the model."
        )
    if default.color == "gray":
        return Proposal(default, say("Grey pictures from 0 to 1 are usual for models with one colour channel."))
    return Proposal(replace(default, mean=mean, std=std), reason)


def _default(size: tuple[int, int], source: Source) -> Preprocessing:
    """Pixel values from 0 to 1, in the model's size and layout."""
    layout = source.layout or "nchw"
    shape = source.inputs[0].shape
    channels = shape[3 if layout == "nhwc" else 1] if source.takes_image else 3
    grey = channels == 1
    # An input at least twice as wide as high takes lines of text, where cropping would cut letters off and stretching
    # would widen short words.
    fit: Fit = "pad" if size[1] >= 2 * size[0] else "crop"
    count = 1 if grey else 3
    return Preprocessing(size, fit, "gray" if grey else "rgb", layout, (0.0,) * count, (255.0,) * count)


def _working_size(source: Source, predictor: OnnxPredictor, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Height and width from the file; free ones are the first of ``sizes`` with which the model runs."""
    height, width = source.image_size
    if isinstance(height, int) and isinstance(width, int):
        return height, width
    for usual in sizes:
        size = (height if isinstance(height, int) else usual[0], width if isinstance(width, int) else usual[1])
        preprocessing = _default(size, source)
        try:
            predictor.run(image_feeds(source, np.zeros(preprocessing.shape, np.float32)))
        except ConversionError:
            continue
        return size
    raise SourceError(
        say("The model takes pictures of any size, but ran with none of the usual ones."),
        next_step=say("Set height and width by hand."),
    )


def _from_images(source: Source, predictor: OnnxPredictor, folder: ImageFolder, start: Proposal) -> Proposal:
    """Choose the candidate with the best accuracy on labelled images, then with the highest Inception Score.

    For classifiers only; others, and those that recognise none of the images, keep the proposal ``start``.
    """
    files = folder.files[:: max(1, len(folder.files) // _MAX_IMAGES)][:_MAX_IMAGES]
    images = list(ImageReader().read(files))
    if not images:
        raise ImagesError(
            say("None of the pictures can be read."),
            next_step=say("Choose a folder with pictures that open in a picture viewer."),
        )
    example = predictor.run(image_feeds(source, start.preprocessing.tensor(images[0][1])))
    task = recognize_task(source, example, labels=tuple(folder.labels.labels if folder.labels else ()))
    if not isinstance(task, Classification) or len(images) < 2:
        return start
    truths = [task.class_index(_class_label(folder, file)) for file, _ in images]

    def evaluate(candidate: Preprocessing) -> tuple[float, float]:
        outputs = [predictor.run(image_feeds(source, candidate.tensor(image))) for _, image in images]
        probabilities = [to_probabilities(next(iter(output.values()))) for output in outputs]
        return _accuracy(task, outputs, truths), _log_inception_score(probabilities)

    (accuracy, score), best = max(
        ((evaluate(candidate), candidate) for candidate in _candidates(start.preprocessing)), key=lambda pair: pair[0]
    )
    highest_score = np.log(min(len(images), next(iter(example.values())).size))
    if accuracy == 0.0 and score < _MIN_INCEPTION_SCORE * highest_score:
        return start  # it recognises none of these images, so its predictions are no evidence
    return Proposal(best, say("Of the usual ways, this one gave the most confident predictions on your pictures."))


def _class_label(folder: ImageFolder, file: Path) -> str:
    """Label of the whole image; empty where it has none."""
    truth = folder.labels.truth(file) if folder.labels else None
    return truth.label if isinstance(truth, ClassTruth) else ""


def _candidates(start: Preprocessing) -> Iterator[Preprocessing]:
    fits: Sequence[Fit] = ("crop", "stretch") if start.fit == "crop" else (start.fit,)
    colors: Sequence[Color] = ("rgb", "bgr")
    for (mean, std), color, fit in product(COMMON_NORMALIZATIONS.values(), colors, fits):
        yield replace(start, fit=fit, color="rgb", mean=mean, std=std).with_color(color)


def _accuracy(task: Task, outputs: Sequence[Mapping[str, NDArray[Any]]], truths: Sequence[int | None]) -> float:
    """Top-1 accuracy on the labelled images; 0 where there is none."""
    labelled = [
        (task.decode(output), truth) for output, truth in zip(outputs, truths, strict=True) if truth is not None
    ]
    return sum(truth in prediction.ranking[:1] for prediction, truth in labelled) / len(labelled) if labelled else 0.0


def _log_inception_score(probabilities: Sequence[NDArray[np.float64]]) -> float:
    """Entropy of the mean prediction minus the mean entropy of the predictions, in nats.

    The logarithm of the Inception Score (Salimans et al., 2016), the mutual information of image and class: high
    where each prediction is confident and they differ. Confidence alone would favour inputs far out of range, for
    which many models predict the same class with full confidence.
    """
    table = np.stack(probabilities)
    return _entropy(table.mean(axis=0)) - float(np.mean([_entropy(row) for row in table]))


def _entropy(row: NDArray[np.float64]) -> float:
    positive = row[row > 0]
    return float(-(positive * np.log(positive)).sum())
