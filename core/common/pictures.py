"""Opening pictures of strangers: only common formats, which Pillow decodes by itself, and of sane size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from core.common.foreign_files import check_regular

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
"""Whatever the file is called: Pillow hands PostScript to Ghostscript, which can write and delete files."""

MAX_PIXELS = 100_000_000
"""A small file can expand to an image that fills the memory; larger ones are not opened."""

MAX_BYTES = 1 << 30


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """A picture whose header is read, and whose pixels are not yet.

    Raises:
        Exception: of any kind, as Pillow's decoders raise them: it is no picture of these formats, or damaged, too
            large, or no regular file.
    """
    check_regular(path, MAX_BYTES)
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels")
        yield image
