"""What was asked: the model, the examples, and how pictures are prepared for the model."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.common.errors import ImagesError
from core.common.number_format import size, weights
from core.common.percent import percent
from core.common.text import Text, plural, say
from core.decoding import read_picture
from core.html_report.finished_job import FinishedJob
from core.html_report.parts import Fact, Tell, listed
from core.onnx_model.source import TensorInfo, shape_text
from core.preprocessing import Preprocessing
from core.report.drawing.svg import shortened
from core.report.wording import COLORS, FITS
from core.targets import target_by_id
from core.tasks.base import TASK_TITLES

_MOST_TENSORS, _MOST_OPERATORS = 8, 12
"""That are named."""

_MOST_DIMENSION = 24
"""Letters of the name of a free dimension."""

_SIDE = 360
"""Longer side of the two pictures, in pixels."""

_QUALITY = 80


@dataclass(frozen=True)
class InputPictures:
    """A test picture as it is, and as the model gets it."""

    before: str
    """A ``data:`` address."""

    after: str
    before_words: str
    after_words: str


@dataclass(frozen=True)
class Asked:
    """The section."""

    job: tuple[Fact, ...]
    model: tuple[Fact, ...]
    preprocessing: tuple[Fact, ...]
    """Empty for models that take no pictures."""

    pictures: InputPictures | None


def asked(finished: FinishedJob, tell: Tell) -> Asked:
    """What a job was asked for."""
    takes_image = finished.job.takes_image
    return Asked(
        job=tuple(_job(finished, tell)),
        model=tuple(_model(finished, tell)),
        preprocessing=tuple(_preprocessing(finished.report.preprocessing, tell)) if takes_image else (),
        pictures=_pictures(finished, tell) if takes_image else None,
    )


def _job(finished: FinishedJob, tell: Tell) -> Iterator[Fact]:
    job, report = finished.job, finished.report
    titles = [target_by_id(outcome.target).title for outcome in report.outcomes]
    yield Fact(tell(say("Files to make")), listed(titles, tell, most=len(titles), separator=say("; ")))
    if report.task.budget is not None:
        yield Fact(
            tell(say("Aim")),
            tell(say("{aim} of the original's answers stay", aim=percent(report.task.budget.keeps))),
        )
    for name, folder in ((say("Examples"), job.images), (say("Test examples"), job.test_images)):
        if folder is not None:
            yield Fact(tell(name), tell(folder.name or str(folder)))
    yield Fact(tell(say("Used for calibration")), tell(_samples(report.images.calibration)))
    yield Fact(tell(say("Used for the comparison")), tell(_samples(report.images.test)))
    if report.task.labels_words is not None:
        yield Fact(tell(say("Labels")), tell(report.task.labels_words))


def _samples(count: int) -> Text:
    return plural("{count} example", "{count} examples", count=count)


def _model(finished: FinishedJob, tell: Tell) -> Iterator[Fact]:
    source, task = finished.report.source, finished.report.task
    yield Fact(tell(say("File")), tell(source.path.name))
    title = TASK_TITLES[task.name]
    reason = say("{task}. {reason}", task=title, reason=task.words) if task.words.template else title
    yield Fact(tell(say("Taken for")), tell(reason))
    if task.class_names:
        yield Fact(
            tell(say("Classes")),
            tell(say("{count}: {names}", count=len(task.class_names), names=listed(task.class_names, tell, most=8))),
        )
    yield Fact(tell(say("Size")), f"{size(source.size_bytes)}, {tell(weights(source.parameters))}")
    yield Fact(tell(say("Inputs")), _tensors(source.inputs, tell))
    yield Fact(tell(say("Outputs")), _tensors(source.outputs, tell))
    most_first = sorted(source.operators.items(), key=lambda item: (-item[1], item[0]))
    operators = [f"{name} × {count}" for name, count in most_first]
    if operators:
        yield Fact(tell(say("Operators")), listed(operators, tell, most=_MOST_OPERATORS))
    yield Fact("ONNX", tell(say("operator set {number}", number=source.opset)))


def _tensors(tensors: tuple[TensorInfo, ...], tell: Tell) -> str:
    return listed([_tensor(one) for one in tensors], tell, most=_MOST_TENSORS)


def _tensor(tensor: TensorInfo) -> str:
    """Free dimensions may have whole formulas for names."""
    shape = tuple(shortened(size, _MOST_DIMENSION) if isinstance(size, str) else size for size in tensor.shape)
    return f"{tensor.name} ({shape_text(shape)}, {tensor.dtype})"


def _preprocessing(how: Preprocessing, tell: Tell) -> Iterator[Fact]:
    height, width = how.size
    yield Fact(tell(say("Size")), tell(say("{width} × {height} pixels", width=width, height=height)))
    yield Fact(tell(say("Pictures of another shape")), tell(FITS[how.fit]))
    yield Fact(tell(say("Order of the colours")), tell(COLORS[how.color]))
    numbers = tuple(", ".join(f"{number:g}" for number in numbers) for numbers in (how.mean, how.std))
    yield Fact(
        tell(say("Scale of the colours")),
        tell(say("each colour value, 0 to 255, minus {mean}, then divided by {std}", mean=numbers[0], std=numbers[1])),
    )
    yield Fact(tell(say("Order of the axes")), how.layout.upper())


def _pictures(finished: FinishedJob, tell: Tell) -> InputPictures | None:
    """Of the first test picture that can be read; None without any."""
    for entry in finished.entries:
        try:
            image = read_picture(entry.picture_in(finished.pictures))
        except (ImagesError, OSError):
            continue
        tensor = finished.report.preprocessing.tensor(image)
        seen = _displayable(tensor, finished.report.preprocessing)
        return InputPictures(
            before=picture_address(image, _SIDE, _QUALITY),
            after=picture_address(seen, _SIDE, _QUALITY),
            before_words=tell(say("A test picture: {name}", name=file_name(entry.file))),
            after_words=tell(
                say(
                    "What the model sees of it: {width} × {height} pixels, as numbers from {low} to {high}",
                    width=seen.width,
                    height=seen.height,
                    low=f"{tensor.min():.3g}",
                    high=f"{tensor.max():.3g}",
                )
            ),
        )
    return None


def _displayable(tensor: np.ndarray, how: Preprocessing) -> Image.Image:
    """The input of the model as a picture: its scale and the order of its colours undone."""
    values = tensor[0].transpose(1, 2, 0) if how.layout == "nchw" else tensor[0]
    values = values * np.array(how.std, np.float32) + np.array(how.mean, np.float32)
    if how.color == "bgr":
        values = values[:, :, ::-1]
    pixels = np.rint(values).clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if how.channels == 1 else pixels))


def picture_address(image: Image.Image, side: int, quality: int) -> str:
    """A picture as a ``data:`` address, made smaller where its longer side is longer than that."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(image, side, quality)).decode('ascii')}"


def jpeg(image: Image.Image, side: int, quality: int) -> bytes:
    """A picture as a JPEG file, likewise."""
    small = image.convert("RGB")
    small.thumbnail((side, side))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()


def file_name(path: str) -> str:
    """The name of a file, whichever system wrote its path."""
    return path.replace("\\", "/").rpartition("/")[2] or path
