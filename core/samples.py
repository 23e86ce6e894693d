"""What is fed to the models: the person's pictures, or stand-ins where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import SourceError
from core.images import PictureReader
from core.preprocessing import Preprocessing
from core.runtimes.predictor import Feeds, Tensor
from core.source import Dimension, Source, TensorInfo
from core.text import say

STAND_INS = 8
"""How many random inputs stand in for missing pictures."""


@dataclass(frozen=True)
class Sample:
    """One input of the model, and the picture it was made from."""

    feeds: Feeds
    file: Path | None = None
    picture: Image.Image | None = None


def from_pictures(
    source: Source, preprocessing: Preprocessing, *, files: Iterable[Path], reader: PictureReader
) -> Iterator[Sample]:
    """One sample for each readable picture, made when it is asked for."""
    for path, picture in reader.read(files):
        yield Sample(_feeds(source, preprocessing.tensor(picture)), path, picture)


def stand_ins(source: Source, preprocessing: Preprocessing) -> Iterator[Sample]:
    """Random inputs, the same ones each time: smooth pictures for image models, plain noise for others."""
    random = np.random.default_rng(0)
    for _ in range(STAND_INS):
        if source.takes_image:
            picture = _smooth_picture(random)
            yield Sample(_feeds(source, preprocessing.tensor(picture)))
        else:
            yield Sample({tensor.name: _noise(tensor, random) for tensor in source.inputs})


def _feeds(source: Source, tensor: Tensor) -> Feeds:
    """A model exported for several pictures at once gets the same one several times."""
    batch = source.inputs[0].shape[0]
    return {source.inputs[0].name: np.repeat(tensor, batch, axis=0) if isinstance(batch, int) else tensor}


def _smooth_picture(random: np.random.Generator) -> Image.Image:
    """Coarse noise scaled up: like a photograph, neighbouring pixels resemble each other."""
    coarse = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((384, 384), Image.Resampling.BICUBIC)


def _noise(tensor: TensorInfo, random: np.random.Generator) -> Tensor:
    if tensor.dtype == "unknown":
        raise SourceError(
            say('The model does not say what its input "{name}" is.', name=tensor.name),
            next_step=say("Export the model again, with the types of its inputs."),
        )
    shape = tuple(_size(size) for size in tensor.shape)
    dtype = np.dtype(tensor.dtype)
    if np.issubdtype(dtype, np.floating):
        return random.standard_normal(shape).astype(dtype)
    return random.integers(0, 2, shape).astype(dtype)


def _size(size: Dimension) -> int:
    return size if isinstance(size, int) else 1
