"""Infer the preprocessing that a model was trained with: from the file, or by running it on example images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain, islice, product
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from core.common.errors import ConversionError, ImagesError, InputError, RunLimitError, SourceError
from core.common.memory import installed_memory, memory_text
from core.common.text import Text, say
from core.inputs.images import ImageFolder, ImageReader, read_folder
from core.inputs.labels_for_task import labels_for, takes_crops
from core.inputs.object_crops import CropRule, object_crops
from core.inputs.recognition import RECOGNITION_SAMPLES, TaskRequest, for_crops, recognize_from_samples
from core.inputs.samples import image_feeds, image_sample
from core.inputs.synthetic import synthetic_images
from core.labels.base import Labels
from core.onnx_model.cost import cost_of
from core.onnx_model.shapes import SIDE
from core.onnx_model.source import Dimension, Source
from core.preprocessing import Color, Fit, Preprocessing
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.source import open_source
from core.tasks.base import AnyTask, TaskName
from core.tasks.keypoints import KeypointDetection
from core.tasks.predictions import Truth

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
_MAX_CROPS = 2
"""Objects that are cut out of an image, where a model takes one at a time."""

_MIN_CONFIDENCE = 0.1
"""Confidence below which the predictions are no evidence."""

_CLOSE = 0.97
"""Share of the best confidence from which a second candidate is named."""

_FITS: Mapping[TaskName, Sequence[Fit]] = {
    "classification": ("crop", "stretch"),
    "detection": ("pad", "pad-corner", "stretch"),
    "instance-segmentation": ("pad", "pad-corner", "stretch"),
    "pose": ("pad", "pad-corner", "stretch"),
    "keypoints": ("stretch", "pad"),
    "text": ("pad-corner", "pad", "stretch"),
}
"""Fits that are tried, by task; for others the settings of the file stay."""

_CONFIDENT: Mapping[TaskName, Text] = {
    "detection": say("Of the usual ways, this one gave the surest and most objects on your pictures."),
    "instance-segmentation": say("Of the usual ways, this one gave the surest and most objects on your pictures."),
    "pose": say("Of the usual ways, this one gave the surest and most objects on your pictures."),
    "keypoints": say("Of the usual ways, this one gave the sharpest points on your pictures."),
    "text": say("Of the usual ways, this one gave the most probable texts on your pictures."),
}
_MOST_CONFIDENT = say("Of the usual ways, this one gave the most confident predictions on your pictures.")

_Scored: TypeAlias = tuple[tuple[float, float], Preprocessing]

_INTEGERS = say("This model takes pictures as whole numbers and scales them itself, so they are given as they are.")

_SIZES = ((224, 224), (320, 320), (640, 640), (48, 192), (48, 320), (112, 112))
"""Tried in this order where height and width are free."""

_TEXT_LINE_SIZE = (48, 320)
"""Training size of PaddleOCR's text recognition models."""


_BYTES_PER_VALUE = 4
_MOST_MEMORY_SHARE = 0.5
"""Of the computer's memory, that all activations of one run may take up; about two thirds are alive at once."""


@dataclass(frozen=True)
class Proposal:
    """A preprocessing, and the reason for it."""

    preprocessing: Preprocessing
    reason: Text
    task: TaskName = "tensors"
    task_reason: Text = field(default_factory=lambda: Text(""))
    """Why it is taken for a model of this task."""


def infer_preprocessing(
    source: Source,
    images: Path | None = None,
    *,
    test_images: Path | None = None,
    size: tuple[int, int] | None = None,
    request: TaskRequest | None = None,
) -> Proposal:
    """Propose a preprocessing and a task; runs the model, so call it in a worker process.

    Args:
        source: the model.
        images: folder of example images; without them only the file itself is used.
        test_images: a folder of others, if there is one; used where it alone has labels, or there are no others.
        size: height and width, where they are known and the model leaves them free.
        request: what is known about the task.

    Raises:
        SourceError: the model runs at none of the usual sizes.
        RunLimitError: one run took too much time or memory.
        ImagesError: the folder cannot be read.
        InputError: one run takes more memory than this computer can spare.
        OptionError: the outputs do not fit the task that was asked for.
    """
    request = request or TaskRequest()
    if not source.takes_image:
        return Proposal(
            _default((224, 224), source), say("This model takes no picture, so these settings do not matter.")
        )
    _check_memory(source, size)
    predictor = open_source(source.path, threads=1)
    start = _from_file(source, predictor, size)
    folder = _labelled_first(images, test_images)
    is_given = source.own_preprocessing is not None or _is_ultralytics(source) or start.preprocessing.color == "gray"
    most = RECOGNITION_SAMPLES if is_given else _MAX_IMAGES
    try:
        trial = _Trial.of(source, predictor, folder, start.preprocessing, request, most=most)
    except ConversionError as exc:
        if folder is not None or isinstance(exc, RunLimitError):
            raise
        return start  # it may run on pictures
    start = replace(start, preprocessing=trial.start, task=trial.task.name, task_reason=trial.task.reason)
    if is_given or not trial.images:
        return start
    return _from_images(trial, start)


def _check_memory(source: Source, given: tuple[int, int] | None) -> None:
    """A size may be anything, that in a model's metadata too, and a run at 8192 x 8192 would take all memory."""
    own = source.own_preprocessing
    size = given or (source.training_size if own is None else own.size) or (SIDE, SIDE)
    needed = _BYTES_PER_VALUE * cost_of(source.path, size).activations
    if needed > _MOST_MEMORY_SHARE * installed_memory():
        raise InputError(
            say(
                "For pictures of {height} x {width} pixels, one run of this model takes {needed} of memory; this "
                "computer has {installed}.",
                height=_given(source.image_size[0], size[0]),
                width=_given(source.image_size[1], size[1]),
                needed=memory_text(needed),
                installed=memory_text(installed_memory()),
            ),
            next_step=say("Give a smaller picture size; if the model knows only this one, use a smaller model."),
        )


def _given(fixed: Dimension, free: int) -> int:
    return fixed if isinstance(fixed, int) else free


def _labelled_first(images: Path | None, test_images: Path | None) -> ImageFolder | None:
    """The first folder, or the second one where it alone has labels, or keypoints."""
    folders = [read_folder(path) for path in (images, test_images) if path is not None]
    return max(folders, key=_label_rank, default=None)  # the first of equal ones


def _label_rank(folder: ImageFolder) -> int:
    """Keypoints come with boxes, so they serve detectors too."""
    return 0 if folder.labels is None else 1 + folder.labels.has_keypoints


@dataclass(frozen=True)
class _Trial:
    """A model with example images, on which candidates are tried."""

    source: Source
    predictor: OnnxPredictor
    start: Preprocessing
    """From the file."""

    images: Sequence[tuple[Path, Image.Image]]
    folder: ImageFolder | None
    task: AnyTask

    @cached_property
    def labels(self) -> Labels | None:
        """Those that the task can use."""
        return labels_for(self.task.name, self.folder)

    @property
    def cuts_out(self) -> bool:
        """Whether labelled objects are samples of their own."""
        return takes_crops(self.task.name, self.labels)

    @cached_property
    def labelled(self) -> Sequence[tuple[Image.Image, Truth | None]]:
        """The images, or the objects cut out of them where the task takes one at a time, with their labels."""
        labels = self.labels
        known = [(image, None if labels is None else labels.truth(path)) for path, image in self.images]
        if not self.cuts_out:
            return known
        rule = CropRule(self.task.point_count if isinstance(self.task, KeypointDetection) else None, _MAX_CROPS)
        size = self.start.size
        crops = [crop for image, truth in known for crop in object_crops(image, truth, size=size, rule=rule)]
        return crops or known

    @classmethod
    def of(
        cls,
        source: Source,
        predictor: OnnxPredictor,
        folder: ImageFolder | None,
        start: Preprocessing,
        request: TaskRequest,
        *,
        most: int,
    ) -> _Trial:
        """With up to ``most`` images, and the task that is recognised by the outputs for the first preprocessing."""
        found = iter(()) if folder is None or not folder.holds_images else _readable_images(folder)
        images = list(islice(found, most))
        samples = (image_sample(source, start, image, path) for path, image in chain(images, found))
        task = recognize_from_samples(
            source,
            predictor,
            samples if images else islice(synthetic_images(source, start), 1),
            preprocessings=[start, *_normalized(source, start, [start.fit], colors=("rgb",))],
            folder=folder,
            request=request,
        )
        trial = cls(source, predictor, start, images, folder, task)
        return replace(trial, start=for_crops(start)) if trial.cuts_out else trial

    def score(self, candidate: Preprocessing) -> tuple[float, float]:
        """How good the answers are: against the labels (0 without any), then how sure the model is of them."""
        truth, predictions = self.task.truth(), []
        for image, label in self.labelled:
            sample = image_sample(self.source, candidate, image)
            prediction = self.task.decode(self.predictor.run(sample.feeds), sample.placement)
            predictions.append(prediction)
            if truth is not None and label is not None:
                truth.update(prediction, label)
        figures = () if truth is None else truth.compute()
        # All figures: of a few words none may be right, and still more of their letters be.
        return sum(figure.value for figure in figures), self.task.confidence(predictions)


def _readable_images(folder: ImageFolder) -> Iterator[tuple[Path, Image.Image]]:
    """Read up to 16 images that are spread evenly over the folder, one by one."""
    files = folder.files[:: max(1, len(folder.files) // _MAX_IMAGES)][:_MAX_IMAGES]
    images = ImageReader().read(files)
    first = next(images, None)
    if first is None:
        raise ImagesError(
            say("None of the pictures can be read."),
            next_step=say("Choose a folder with pictures that open in a picture viewer."),
        )
    yield from chain([first], images)


def _from_file(source: Source, predictor: OnnxPredictor, given: tuple[int, int] | None) -> Proposal:
    """By the exporter's metadata, and the input's shape and layout."""
    dtype = source.inputs[0].dtype
    if source.own_preprocessing is not None:
        return Proposal(
            source.own_preprocessing.for_dtype(dtype), say("The model's file says how it wants its pictures.")
        )
    is_text_recognition = "character" in source.metadata
    size = given or _working_size(source, predictor, (_TEXT_LINE_SIZE, *_SIZES) if is_text_recognition else _SIZES)
    default = _default(size, source)
    if is_text_recognition and default.color != "gray":
        mean, std = COMMON_NORMALIZATIONS["-1 to 1"]
        return Proposal(
            replace(default.with_color("bgr"), fit="pad", mean=mean, std=std).for_dtype(dtype),
            say(
                "Models exported by PaddleOCR, which carry their letters in the file, want pictures of lines like this."
            ),
        )
    if _is_ultralytics(source):
        fit: Fit = "crop" if source.metadata.get("task") == "classify" else "pad"
        return Proposal(
            replace(default, fit=fit), say("Models exported by ultralytics (YOLO) want pictures like this.")
        )
    if source.layout == "nhwc":
        mean, std = COMMON_NORMALIZATIONS["-1 to 1"]
        reason = say("Models with the colours last, mostly from TensorFlow, usually want pictures like this.")
    else:
        mean, std = COMMON_NORMALIZATIONS["ImageNet"]
        reason = say(
            "Most models with this input want pictures like this. Please check with whoever trained the model."
        )
    if source.takes_integer_image:
        return Proposal(default, _INTEGERS)
    if default.color == "gray":
        return Proposal(default, say("Grey pictures from 0 to 1 are usual for models with one colour channel."))
    return Proposal(replace(default, mean=mean, std=std), reason)


def _is_ultralytics(source: Source) -> bool:
    """Their preprocessing is always the same, so nothing has to be tried."""
    return "stride" in source.metadata and "imgsz" in source.metadata


def _default(size: tuple[int, int], source: Source) -> Preprocessing:
    """Pixel values from 0 to 1, or as an integer input takes them, in the model's size and layout."""
    layout = source.layout or "nchw"
    shape = source.inputs[0].shape
    channels = shape[3 if layout == "nhwc" else 1] if source.takes_image else 3
    grey = channels == 1
    # An input at least twice as wide as high takes lines of text, where cropping would cut letters off and stretching
    # would widen short words.
    fit: Fit = "pad" if size[1] >= 2 * size[0] else "crop"
    count = 1 if grey else 3
    usual = Preprocessing(size, fit, "gray" if grey else "rgb", layout, (0.0,) * count, (255.0,) * count)
    return usual.for_dtype(source.inputs[0].dtype) if source.takes_image else usual


def _working_size(source: Source, predictor: OnnxPredictor, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Height and width from the file; free ones are the first of ``sizes`` with which the model runs."""
    height, width = source.image_size
    if isinstance(height, int) and isinstance(width, int):
        return height, width
    own = source.training_size
    for usual in sizes if own is None else (own, *sizes):
        size = (height if isinstance(height, int) else usual[0], width if isinstance(width, int) else usual[1])
        preprocessing = _default(size, source)
        try:
            predictor.run(image_feeds(source, np.zeros(preprocessing.shape, np.float32)))
        except RunLimitError:
            raise
        except ConversionError:
            continue
        return size
    raise SourceError(
        say("The model takes pictures of any size, but ran with none of the usual ones."),
        next_step=say("Set height and width by hand."),
    )


def _from_images(trial: _Trial, start: Proposal) -> Proposal:
    """Choose the candidate with the best answers on labelled images, then the one of whose answers the model is surest.

    Where no candidate finds anything in the images, the proposal ``start`` stays.
    """
    if trial.task.name not in _FITS or len(trial.images) < 2:
        return start
    ranking = _search(trial, start.preprocessing)
    (truth, confidence), best = ranking[0]
    if truth == 0.0 and confidence < _MIN_CONFIDENCE:
        return start  # it recognises nothing in these images, so its answers are no evidence
    reason = (
        say("Of the usual ways, this one gave the most right answers on your labelled pictures.")
        if truth > 0.0
        else _CONFIDENT.get(trial.task.name, _MOST_CONFIDENT)
    )
    close = [found for score, found in ranking[1:] if _is_close(score, ranking[0][0])]
    if close:
        reason = say("{reason} Close to it: {second}.", reason=reason, second=_difference(close[0], best))
    return replace(start, preprocessing=best, reason=reason)


def _search(trial: _Trial, start: Preprocessing) -> list[_Scored]:
    """The candidates with their scores, best first."""
    fits = (start.fit,) if start.fit == "pad" and trial.task.name == "classification" else _FITS[trial.task.name]
    if trial.task.name == "classification":
        return _ranked(trial, [*_normalized(trial.source, start, fits)])
    if trial.task.name == "text" and "character" in trial.source.metadata:
        return _ranked(trial, [replace(start, fit=fit) for fit in fits])  # PaddleOCR's colours are known
    # Detectors are slow, so one thing at a time is varied instead of trying every combination.
    scored = _ranked(trial, [*_normalized(trial.source, replace(start, fit=fits[0]), fits[:1], colors=("rgb",))])
    for vary in (_other_colors, partial(_other_fits, fits=fits)):
        scored = sorted([*scored, *_ranked(trial, [*vary(scored[0][1])])], key=_by_score, reverse=True)
    return scored


def _ranked(trial: _Trial, candidates: Sequence[Preprocessing]) -> list[_Scored]:
    scored = [(trial.score(candidate), candidate) for candidate in candidates]
    return sorted(scored, key=_by_score, reverse=True)


def _by_score(scored: _Scored) -> tuple[float, float]:
    return scored[0]


def _normalized(
    source: Source, start: Preprocessing, fits: Sequence[Fit], *, colors: Sequence[Color] = ("rgb", "bgr")
) -> Iterator[Preprocessing]:
    """The usual candidates; of an integer input only those that differ in colours and fit."""
    if source.takes_integer_image:
        yield from (replace(start, fit=fit).with_color(color) for color, fit in product(colors, fits))
        return
    for (mean, std), color, fit in product(COMMON_NORMALIZATIONS.values(), colors, fits):
        yield replace(start, fit=fit, color="rgb", mean=mean, std=std).with_color(color)


def _other_colors(best: Preprocessing) -> Iterator[Preprocessing]:
    yield best.with_color("bgr" if best.color == "rgb" else "rgb")


def _other_fits(best: Preprocessing, fits: Sequence[Fit]) -> Iterator[Preprocessing]:
    yield from (replace(best, fit=fit) for fit in fits if fit != best.fit)


def _is_close(score: tuple[float, float], best: tuple[float, float]) -> bool:
    return score[0] == best[0] and score[1] >= _CLOSE * best[1]


def _difference(other: Preprocessing, best: Preprocessing) -> str:
    """What another candidate has that the best has not, in the words of the command line."""
    names = {scale: name for name, scale in COMMON_NORMALIZATIONS.items()}
    rgb = other.with_color("rgb")
    parts = [names[rgb.mean, rgb.std]] if rgb.mean != best.with_color("rgb").mean or rgb.std != best.std else []
    parts += [other.color] if other.color != best.color else []
    parts += [other.fit] if other.fit != best.fit else []
    return ", ".join(parts)
