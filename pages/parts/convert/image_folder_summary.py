"""A quick look at a folder of pictures: how many, what they show, whether they open, and what they look like."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from PIL import Image, ImageOps

from core.common.errors import ImagesError
from core.inputs.images import ImageFolder, open_image, read_folder

THUMBNAILS = 8
"""How many pictures are shown."""

_MOST_OPENED = 100  # opening every picture of a huge folder would keep the person waiting; the job reads them all
_THUMBNAIL = (144, 144)


@dataclass(frozen=True)
class ImageFolderSummary:
    """What was seen."""

    folder: Path
    count: int
    labelled: int
    """How many of them have a label."""

    classes: int
    """How many different labels there are."""

    opened: int
    """How many were opened as a trial, spread evenly over the folder."""

    broken: tuple[str, ...]
    """Names of those that did not open."""

    good: tuple[Path, ...]
    """Some that did."""

    thumbnails: tuple[bytes, ...]
    """Small square JPEGs of them."""


@st.cache_data(show_spinner=False, ttl=300, max_entries=8)
def summarize_image_folder(folder: str) -> ImageFolderSummary:
    """Look into a folder; what was seen is remembered for some minutes.

    Raises:
        ImagesError: there is no such folder, or no picture in it.
    """
    images = read_folder(Path(folder))
    step = max(1, -(-len(images.files) // _MOST_OPENED))
    return _look(images, images.files[::step])


def _look(images: ImageFolder, tried: tuple[Path, ...]) -> ImageFolderSummary:
    broken: list[str] = []
    good: list[Path] = []
    shown = set(tried[:: max(1, len(tried) // THUMBNAILS)])
    thumbnails: list[bytes] = []
    for path in tried:
        try:
            picture = open_image(path)
        except ImagesError:
            broken.append(path.name)
            continue
        if path in shown and len(good) < THUMBNAILS:
            good.append(path)
            thumbnails.append(_thumbnail(picture))
    return ImageFolderSummary(
        folder=images.path,
        count=len(images.files),
        labelled=len(images.labels),
        classes=len(set(images.labels.values())),
        opened=len(tried),
        broken=tuple(broken),
        good=tuple(good),
        thumbnails=tuple(thumbnails),
    )


def _thumbnail(picture: Image.Image) -> bytes:
    small = ImageOps.fit(picture.convert("RGB"), _THUMBNAIL)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
