"""Samples for a model, made of image and array files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core.common.errors import ImagesError
from core.inputs.arrays import read_arrays
from core.inputs.images import ARRAY_SUFFIXES, ImageReader
from core.inputs.object_crops import CropRule, object_crops
from core.labels.base import Labels
from core.onnx_model.source import Source
from core.preprocessing import Placement, Preprocessing
from core.runtimes.predictor import Feeds, Tensor
from core.tasks.predictions import Truth

_NO_IMAGE = Placement.identity((1, 1))


@dataclass(frozen=True)
class Sample:
    """The inputs of one inference, and the file and image that they were made of."""

    feeds: Feeds
    file: Path | None = None
    image: Image.Image | None = None
    placement: Placement = _NO_IMAGE
    """Where the image lies in the model's input."""

    truth: Truth | None = None
    """What the labels say of it, in pixels of :attr:`image`; None where they say nothing, or nobody asked."""


def load_samples(
    source: Source,
    preprocessing: Preprocessing,
    *,
    files: Iterable[Path],
    reader: ImageReader,
    labels: Labels | None = None,
    crop: CropRule | None = None,
) -> Iterator[Sample]:
    """Yield one sample for each readable file, or for each labelled object in it.

    Arrays are fed as they are; images are left out where the model takes none.

    Args:
        source: the model.
        preprocessing: of the images.
        files: image and array files.
        reader: records the files that were skipped.
        labels: of the files, where samples should come with their truth.
        crop: which labelled objects are samples of their own; None where each image is one.
    """
    for path in files:
        if path.suffix.lower() in ARRAY_SUFFIXES:
            try:
                placement = Placement.identity(preprocessing.size)
                yield Sample(read_arrays(path, source), path, None, placement, _truth(labels, path))
            except ImagesError as exc:
                reader.skipped[path] = str(exc.reason)
        elif source.takes_image:
            truth = _truth(labels, path)
            if crop is not None and not crop.choose(truth):
                continue  # nothing to decode the image for
            for _, image in reader.read([path]):
                if crop is None:
                    yield image_sample(source, preprocessing, image, path, truth)
                    continue
                for part, own in object_crops(image, truth, size=preprocessing.size, rule=crop):
                    yield image_sample(source, preprocessing, part, path, own)


def image_sample(
    source: Source,
    preprocessing: Preprocessing,
    image: Image.Image,
    file: Path | None = None,
    truth: Truth | None = None,
) -> Sample:
    """The sample of one image."""
    placement = preprocessing.placement((image.height, image.width))
    return Sample(image_feeds(source, preprocessing.tensor(image)), file, image, placement, truth)


def _truth(labels: Labels | None, file: Path) -> Truth | None:
    return None if labels is None else labels.truth(file)


def image_feeds(source: Source, tensor: Tensor) -> Feeds:
    """An image tensor as the one input; where the batch size is fixed above 1, the image is repeated."""
    batch = source.inputs[0].shape[0]
    return {source.inputs[0].name: np.repeat(tensor, batch, axis=0) if isinstance(batch, int) else tensor}
