"""What is fed to the models: the person's pictures or arrays, or stand-ins where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from core.arrays import read_arrays
from core.errors import ImagesError
from core.images import ARRAY_SUFFIXES, PictureReader
from core.preprocessing import Fit, Preprocessing
from core.probes import vary
from core.runtimes.predictor import Feeds, Tensor
from core.source import Source

STAND_INS = 8
"""How many random inputs stand in for missing pictures."""

_ENOUGH = 20
"""Pictures from which on each is looked at in one way only."""

_OTHER_FITS: Mapping[Fit, tuple[Fit, ...]] = {"crop": ("stretch", "pad"), "stretch": ("crop", "pad"), "pad": ()}
"""Further ways to the size that still show what the model knows: letters that shall keep their shape do not."""


@dataclass(frozen=True)
class Sample:
    """One input of the model, and the picture it was made from."""

    feeds: Feeds
    file: Path | None = None
    picture: Image.Image | None = None


def from_files(
    source: Source, preprocessing: Preprocessing, *, files: Iterable[Path], reader: PictureReader
) -> Iterator[Sample]:
    """One sample for each readable picture or array, made when it is asked for.

    Arrays are fed as they are; pictures that the model cannot take are skipped.
    """
    for path in files:
        if path.suffix.lower() in ARRAY_SUFFIXES:
            try:
                yield Sample(read_arrays(path, source), path)
            except ImagesError as exc:
                reader.skipped[path] = str(exc.reason)
        elif source.takes_image:
            for _, picture in reader.read([path]):
                yield Sample(picture_feeds(source, preprocessing.tensor(picture)), path, picture)


def looks(count: int, preprocessing: Preprocessing) -> int:
    """In how many ways each of so many calibration pictures is looked at: few of them tell little of the ranges."""
    return max(1, min(2 + len(_OTHER_FITS[preprocessing.fit]), _ENOUGH // max(1, count)))


def varied(sample: Sample, source: Source, preprocessing: Preprocessing, ways: int) -> Iterator[Feeds]:
    """The sample as it is, then mirrored, then brought to its size in another way.

    On five pictures of words, the detector ppocrv4_det in 8 bit had a similarity of 0.76 on words that are brought
    to its size in another way, and 0.98 so; the reader ppocrv4_rec read five words instead of four.

    Args:
        sample: of a picture; arrays are given as they are.
        source: that takes them.
        preprocessing: of the job.
        ways: how many there shall be.
    """
    yield sample.feeds
    if sample.picture is None or ways == 1:
        return
    yield {**sample.feeds, **picture_feeds(source, preprocessing.tensor(ImageOps.mirror(sample.picture)))}
    for fit in _OTHER_FITS[preprocessing.fit][: ways - 2]:
        yield {**sample.feeds, **picture_feeds(source, replace(preprocessing, fit=fit).tensor(sample.picture))}


def stand_in_pictures(source: Source, preprocessing: Preprocessing) -> Iterator[Sample]:
    """Smooth random pictures, the same ones each time."""
    random = np.random.default_rng(0)
    for _ in range(STAND_INS):
        yield Sample(picture_feeds(source, preprocessing.tensor(_smooth_picture(random))))


def stand_in_arrays(example: Feeds, fixed: Feeds) -> Iterator[Sample]:
    """Plain noise in the shapes of an example on which the model runs, the same each time."""
    random = np.random.default_rng(0)
    for _ in range(STAND_INS):
        yield Sample(vary(example, fixed, random))


def picture_feeds(source: Source, tensor: Tensor) -> Feeds:
    """A picture as the one input; a model exported for several at once gets the same one several times."""
    batch = source.inputs[0].shape[0]
    return {source.inputs[0].name: np.repeat(tensor, batch, axis=0) if isinstance(batch, int) else tensor}


def _smooth_picture(random: np.random.Generator) -> Image.Image:
    """Coarse noise scaled up: like a photograph, neighbouring pixels resemble each other."""
    coarse = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((384, 384), Image.Resampling.BICUBIC)
