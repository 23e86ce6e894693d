"""What is fed to the models: the person's pictures or arrays, or stand-ins where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core.common.errors import ImagesError
from core.inputs.arrays import read_arrays
from core.inputs.images import ARRAY_SUFFIXES, ImageReader
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from core.runtimes.predictor import Feeds, Tensor


@dataclass(frozen=True)
class Sample:
    """One input of the model, and the picture it was made from."""

    feeds: Feeds
    file: Path | None = None
    picture: Image.Image | None = None


def load_samples(
    source: Source, preprocessing: Preprocessing, *, files: Iterable[Path], reader: ImageReader
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
                yield Sample(image_feeds(source, preprocessing.tensor(picture)), path, picture)


def image_feeds(source: Source, tensor: Tensor) -> Feeds:
    """A picture as the one input; a model exported for several at once gets the same one several times."""
    batch = source.inputs[0].shape[0]
    return {source.inputs[0].name: np.repeat(tensor, batch, axis=0) if isinstance(batch, int) else tensor}
