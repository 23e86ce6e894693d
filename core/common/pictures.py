"""Opening pictures of strangers: only common formats, which Pillow decodes by itself, and of sane size."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from core.common.foreign_files import check_regular

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
"""Whatever the file is called: Pillow hands PostScript to Ghostscript, which can write and delete files."""

MAX_PIXELS = 100_000_000
"""A small file can expand to an image that fills the memory; larger ones are not opened."""

MAX_BYTES = 1 << 30

_ROWS = 256  # that are computed with at a time

# Pillow writes to standard error what is told otherwise, and has its own number of pixels.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.simplefilter("error", Image.DecompressionBombWarning)


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """A picture whose header is read, and whose pixels are not yet; of an animation, the first one.

    Raises:
        Exception: of any kind, as Pillow's decoders raise them: it is no picture of these formats, or damaged, too
            large, or no regular file.
    """
    check_regular(path, MAX_BYTES)
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels")
        yield image


def as_seen(image: Image.Image) -> Image.Image:
    """A picture as a viewer shows it: upright by its EXIF orientation, on white where it is transparent, in 8 bit.

    Args:
        image: as it was opened; its pixels are read here.

    Returns:
        In colours (RGB), or in grey (L).

    Raises:
        Exception: of any kind, as above.
    """
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode[0] in "IF":
        return _in_8_bit(upright)
    if upright.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        made = ImageCms.profileToProfile(upright, lab, rgb, outputMode="RGB")
        assert made is not None
        return made
    grey = upright.mode in ("1", "L", "LA", "La")
    if upright.has_transparency_data:
        seen = upright.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        white.alpha_composite(seen)
        upright = white
    return upright.convert("L" if grey else "RGB")


def _in_8_bit(image: Image.Image) -> Image.Image:
    """Grey in 16 or 32 bit, which Pillow's own conversion cuts off at 255."""
    values = np.asarray(image)
    rows = [slice(start, start + _ROWS) for start in range(0, values.shape[0], _ROWS)]
    limits = [_limits(_finite(values[part])) for part in rows]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    if image.mode.startswith("I;16"):
        high = 65535.0
    else:  # the file does not say what is white; integers of 16 bit are opened as 32 bit, too
        usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        high = next((top for top in usual if low >= 0 and high <= top), high)
    grey = np.empty(values.shape, np.uint8)
    for part in rows:
        grey[part] = np.rint((_finite(values[part]) - low) * (255.0 / max(high - low, 1e-30))).clip(0, 255)
    return Image.fromarray(grey, "L")


def _finite(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)


def _limits(values: NDArray[np.float32]) -> tuple[float, float]:
    return float(values.min(initial=0.0)), float(values.max(initial=0.0))
