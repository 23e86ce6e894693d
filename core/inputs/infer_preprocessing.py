"""Propose the preprocessing that a model was trained with: from what it says of itself, or by trying."""

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
from core.tasks.recognize import recognize_task

COMMON_NORMALIZATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "ImageNet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "-1 to 1": ((127.5,) * 3, (127.5,) * 3),
    "(x - 127) / 128": ((127.0,) * 3, (128.0,) * 3),
    "0 to 1": ((0.0,) * 3, (255.0,) * 3),
    "0 to 255": ((0.0,) * 3, (1.0,) * 3),
    "Caffe": ((123.68, 116.779, 103.939), (1.0,) * 3),
}
"""Mean and std in RGB order and units of 0 to 255, under the names that people know them by."""

_PICTURES = 16
_LEAST_SURENESS = 0.1
"""Share of the sureness that would be possible, below which the answers are no evidence."""

_SIZES = ((224, 224), (320, 320), (640, 640), (48, 192), (48, 320), (112, 112))
"""Tried in this order where the model takes any size."""

_LINE = (48, 320)
"""What PaddleOCR's readers of text lines are trained on."""


@dataclass(frozen=True)
class Proposal:
    """A preprocessing, and why this one."""

    preprocessing: Preprocessing
    reason: Text


def infer_preprocessing(source: Source, images: Path | None = None, *, size: tuple[int, int] | None = None) -> Proposal:
    """Propose a preprocessing; runs the model, so call it in a worker process.

    Args:
        source: the model.
        images: example pictures; without them only the model's own words and shapes are used.
        size: height and width, where the person knows them and the model takes any.

    Raises:
        SourceError: the model cannot be run at any usual size.
        ImagesError: the folder cannot be read.
    """
    if source.own_preprocessing is not None:
        return Proposal(source.own_preprocessing, say("The model's file says how it wants its pictures."))
    if not source.takes_image:
        return Proposal(
            _plain((224, 224), source), say("This model takes no picture, so these settings do not matter.")
        )
    predictor = OnnxPredictor(source.path, threads=1)
    start = _by_rule(source, predictor, size)
    folder = read_folder(images) if images is not None else None
    if folder is None or not folder.holds_pictures or start.preprocessing.color == "gray":
        return start
    return _by_trying(source, predictor, folder, start)


def _by_rule(source: Source, predictor: OnnxPredictor, given: tuple[int, int] | None) -> Proposal:
    """What the shape, the layout and the exporter's notes suggest."""
    reader = "character" in source.metadata
    size = given or _working_size(source, predictor, (_LINE, *_SIZES) if reader else _SIZES)
    plain = _plain(size, source)
    if reader and plain.color != "gray":
        mean, std = COMMON_NORMALIZATIONS["-1 to 1"]
        return Proposal(
            replace(plain.with_color("bgr"), fit="pad", mean=mean, std=std),
            say(
                "Models exported by PaddleOCR, which carry their letters in the file, want pictures of lines like this."
            ),
        )
    if "stride" in source.metadata and "imgsz" in source.metadata:
        return Proposal(
            replace(plain, fit="pad"), say("Models exported by ultralytics (YOLO) want pictures like this.")
        )
    if source.layout == "nhwc":
        mean, std = COMMON_NORMALIZATIONS["-1 to 1"]
        reason = say("Models with the colours last, mostly from TensorFlow, usually want pictures like this.")
    else:
        mean, std = COMMON_NORMALIZATIONS["ImageNet"]
        reason = say(
            "Most models with this input want pictures like this. Please check with whoever trained the model."
        )
    if plain.color == "gray":
        return Proposal(plain, say("Grey pictures from 0 to 1 are usual for models with one colour channel."))
    return Proposal(replace(plain, mean=mean, std=std), reason)


def _plain(size: tuple[int, int], source: Source) -> Preprocessing:
    """Pictures from 0 to 1, in the model's size and layout."""
    layout = source.layout or "nchw"
    shape = source.inputs[0].shape
    channels = shape[3 if layout == "nhwc" else 1] if source.takes_image else 3
    grey = channels == 1
    # Models that are much wider than high read lines of text, where cropping would cut letters off and stretching
    # would make short words wide.
    fit: Fit = "pad" if size[1] >= 2 * size[0] else "crop"
    count = 1 if grey else 3
    return Preprocessing(size, fit, "gray" if grey else "rgb", layout, (0.0,) * count, (255.0,) * count)


def _working_size(source: Source, predictor: OnnxPredictor, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The size in the file, with what is free there filled in by trying."""
    height, width = source.image_size
    if isinstance(height, int) and isinstance(width, int):
        return height, width
    for usual in sizes:
        size = (height if isinstance(height, int) else usual[0], width if isinstance(width, int) else usual[1])
        preprocessing = _plain(size, source)
        try:
            predictor.run(image_feeds(source, np.zeros(preprocessing.shape, np.float32)))
        except ConversionError:
            continue
        return size
    raise SourceError(
        say("The model takes pictures of any size, but ran with none of the usual ones."),
        next_step=say("Set height and width by hand."),
    )


def _by_trying(source: Source, predictor: OnnxPredictor, folder: ImageFolder, start: Proposal) -> Proposal:
    """Let the model judge: with the right preprocessing its answers are right, or at least sure and various."""
    files = folder.files[:: max(1, len(folder.files) // _PICTURES)][:_PICTURES]
    pictures = list(ImageReader().read(files))
    if not pictures:
        raise ImagesError(
            say("None of the pictures can be read."),
            next_step=say("Choose a folder with pictures that open in a picture viewer."),
        )
    example = predictor.run(image_feeds(source, start.preprocessing.tensor(pictures[0][1])))
    task = recognize_task(source, example, labels=tuple(folder.labels.values()))
    if not isinstance(task, Classification) or len(pictures) < 2:
        return start
    truths = [task.class_index(folder.labels.get(file, "")) for file, _ in pictures]

    def worth(candidate: Preprocessing) -> tuple[float, float]:
        outputs = [predictor.run(image_feeds(source, candidate.tensor(picture))) for _, picture in pictures]
        return _right(task, outputs, truths), _sureness(
            [to_probabilities(next(iter(answer.values()))) for answer in outputs]
        )

    (right, sureness), best = max(
        ((worth(one), one) for one in _candidates(start.preprocessing)), key=lambda pair: pair[0]
    )
    if right == 0.0 and sureness < _LEAST_SURENESS * np.log(min(len(pictures), next(iter(example.values())).size)):
        return start  # it knows none of these pictures, so its answers say nothing
    return Proposal(best, say("Of the usual ways, this one gave the model's surest answers on your pictures."))


def _candidates(start: Preprocessing) -> Iterator[Preprocessing]:
    fits: Sequence[Fit] = ("crop", "stretch") if start.fit == "crop" else (start.fit,)
    colors: Sequence[Color] = ("rgb", "bgr")
    for (mean, std), color, fit in product(COMMON_NORMALIZATIONS.values(), colors, fits):
        yield replace(start, fit=fit, color="rgb", mean=mean, std=std).with_color(color)


def _right(task: Task, outputs: Sequence[Mapping[str, NDArray[Any]]], truths: Sequence[int | None]) -> float:
    """Share of right answers among the labelled pictures."""
    known = [(task.decode(answer), truth) for answer, truth in zip(outputs, truths, strict=True) if truth is not None]
    return sum(truth in answer.ranking[:1] for answer, truth in known) / len(known) if known else 0.0


def _sureness(answers: Sequence[NDArray[np.float64]]) -> float:
    """Entropy of the mean answer less the mean entropy, in nats.

    This is the logarithm of the Inception Score (Salimans et al., 2016): high where each single
    answer is sure and different pictures get different ones. Sureness alone would favour inputs far
    out of range, on which many models give the same answer to everything with full conviction.
    """
    table = np.stack(answers)
    return _entropy(table.mean(axis=0)) - float(np.mean([_entropy(row) for row in table]))


def _entropy(row: NDArray[np.float64]) -> float:
    positive = row[row > 0]
    return float(-(positive * np.log(positive)).sum())
