"""Synthetic samples, used where there are no others: smooth random images, or random arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from core.inputs.dummy_inputs import randomize
from core.inputs.samples import Sample, image_sample
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from core.runtimes.predictor import Feeds, Tensor

SYNTHETIC_SAMPLES = 8
"""How many there are."""


def synthetic_images(source: Source, preprocessing: Preprocessing) -> Iterator[Sample]:
    """Smooth random images, the same ones each time."""
    random = np.random.default_rng(0)
    for _ in range(SYNTHETIC_SAMPLES):
        yield replace(image_sample(source, preprocessing, _smooth_image(random)), image=None)


def random_arrays(example: Feeds, fixed: Feeds) -> Iterator[Sample]:
    """White noise in the shapes of an example on which the model runs, the same each time.

    Args:
        example: a tensor for each input.
        fixed: inputs that are the same for every sample; they are not randomised.
    """
    random = np.random.default_rng(0)
    for _ in range(SYNTHETIC_SAMPLES):
        yield Sample(randomize(example, fixed, random))


def disturbed(feeds: Feeds, fixed: Feeds) -> Iterator[Feeds]:
    """The inputs as noise with the same mean and spread, and turned round; the same each time.

    Args:
        feeds: one sample.
        fixed: inputs that are the same for every sample; they stay.
    """
    random = np.random.default_rng(0)
    yield {name: tensor if name in fixed else _noise_like(tensor, random) for name, tensor in feeds.items()}
    yield {
        name: tensor if name in fixed else np.ascontiguousarray(tensor.reshape(-1)[::-1].reshape(tensor.shape))
        for name, tensor in feeds.items()
    }


def _noise_like(tensor: Tensor, random: np.random.Generator) -> Tensor:
    """Integers in another order: what they count may be limited. An empty tensor stays as it is."""
    if not tensor.size:
        return tensor
    if not np.issubdtype(tensor.dtype, np.floating):
        return random.permuted(tensor.reshape(-1)).reshape(tensor.shape)
    noise: Tensor = tensor.mean() + tensor.std() * random.standard_normal(tensor.shape)
    return noise.astype(tensor.dtype)


def _smooth_image(random: np.random.Generator) -> Image.Image:
    """Coarse noise scaled up: like in a photograph, neighbouring pixels are alike."""
    coarse = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((384, 384), Image.Resampling.BICUBIC)
