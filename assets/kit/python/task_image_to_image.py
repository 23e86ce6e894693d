"""A picture from a picture: super-resolution, denoising, depth."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from preprocessing import Array, Sample
from verdicts import SAME, Verdict, different, within

_SAME_GREY, _CLOSE_GREY = 2.0, 8.0
"""Mean difference of a pixel, of 255."""


def answer(
    outputs: Mapping[str, Array], sample: Sample, task: Mapping[str, Any], labels: Sequence[str]
) -> dict[str, Any]:
    """The picture as a PNG, from its lowest value (black) to its highest, both of which are told."""
    del sample, labels
    pixels = _pixels(outputs[task["output"]], channels_last=task["channels_last"])
    low, high = float(pixels.min()), float(pixels.max())
    return {
        "kind": "image",
        "size": list(pixels.shape[:2]),
        "low": low,
        "high": high,
        "mean": float(pixels.mean(dtype=np.float64)),
        "png": encode(pixels, low, high),
    }


def _pixels(tensor: Array, *, channels_last: bool) -> Array:
    """Of the first sample, shape (height, width, channels)."""
    if tensor.ndim == 3:
        return np.asarray(tensor[0, :, :, None], np.float32)
    return np.asarray(tensor[0] if channels_last else np.moveaxis(tensor[0], 0, -1), np.float32)


def encode(pixels: Array, low: float, high: float) -> str:
    """A picture, shape (height, width, channels), as a PNG in base64."""
    grey = np.rint((pixels - low) / max(high - low, 1e-12) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey[..., 0] if grey.shape[2] == 1 else grey[..., :3]).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def decode(png: str) -> Image.Image:
    """The inverse of :func:`encode`, in grey or in colours."""
    return Image.open(io.BytesIO(base64.b64decode(png)))


def words(found: Mapping[str, Any]) -> list[str]:
    """Its size and its range."""
    height, width = found["size"]
    return [f"a picture of {width} x {height} pixels, values {found['low']:.4g} to {found['high']:.4g}"]


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Verdict:
    """The mean difference of the pixels."""
    before, after = (np.asarray(decode(one["png"])).astype(np.float64) for one in (expected, found))
    if before.shape != after.shape:
        return different(f"a picture of {after.shape} pixels instead of {before.shape}")
    span = max(expected["high"] - expected["low"], 1e-12)
    # In the values of the model, not in greys that each picture spreads for itself.
    values = [
        one["low"] + pixels / 255 * (one["high"] - one["low"]) for one, pixels in ((expected, before), (found, after))
    ]
    difference = float(np.abs(values[0] - values[1]).mean()) / span * 255
    if difference <= _SAME_GREY:
        return SAME
    told = f"pixels differ by {difference:.1f} of 255 on average"
    return within(difference / 255) if difference <= _CLOSE_GREY else different(told)


def draw(picture: Image.Image, found: Mapping[str, Any]) -> Image.Image:
    """The picture that the model made, beside the one that it was given."""
    made = decode(found["png"]).convert("RGB")
    given = picture.convert("RGB").resize((round(picture.width * made.height / picture.height), made.height))
    both = Image.new("RGB", (given.width + made.width + 8, made.height), "white")
    both.paste(given, (0, 0))
    both.paste(made, (given.width + 8, 0))
    return both
