"""Decode pictures of strangers within limits: what may take long is decoded in a helper process."""

from __future__ import annotations

import atexit
import time
from pathlib import Path

from PIL import Image

from core.common.errors import ConversionError, EdgePressError, ImagesError
from core.common.foreign_files import check_regular
from core.common.memory import limit_own_memory
from core.common.pictures import MAX_BYTES, as_seen, open_picture
from core.common.text import say
from core.process import messages
from core.process.helper_process import HelperProcess

_SECONDS, _BYTES = 60.0, 1_300_000_000
"""Of decoding one picture; the memory includes the process itself."""

_MOST_LOST_SECONDS = 300.0
"""In pictures that could not be decoded; then those that may take long are left out at once."""

_FEW_BYTES, _FEW_TIFF_BYTES, _FEW_PIXELS = 20_000_000, 1_000_000, 30_000_000
"""Up to here Pillow needs some seconds at most, whatever is in a file; a TIFF may consist of a million tiles."""

_MOST_SCANNED = 300_000_000
"""A progressive JPEG may go over all of its pixels a hundred times; photographs do ten times."""

_JPEG_SCAN = b"\xff\xda"

_helper = HelperProcess((__name__,), ended=messages.decoding_ended)
atexit.register(_helper.close)
_seconds = _SECONDS
_lost_seconds = 0.0


def limit_decoding(seconds: float) -> None:
    """Set the time for one picture in this process."""
    global _seconds
    _seconds = seconds


def read_picture(path: Path) -> Image.Image:
    """Decode a picture as :func:`core.common.pictures.as_seen` shows it.

    Raises:
        ImagesError: it is no picture, damaged, or too large, or takes too long.
    """
    return _read(path, seen=True)


def read_pixels(path: Path) -> Image.Image:
    """Decode a picture as it is stored, for masks.

    Raises:
        ImagesError: as above.
    """
    return _read(path, seen=False)


def _read(path: Path, *, seen: bool) -> Image.Image:
    try:
        return _decode(path, seen) if _is_quick(path) else _decode_in_helper(path, seen)
    except EdgePressError as exc:
        raise ImagesError(
            say('The picture "{name}" was left out. {reason}', name=path.name, reason=exc.reason),
            next_step=exc.next_step,
            detail=exc.detail,
        ) from exc
    # Pillow's decoders raise anything on a damaged file: SyntaxError, struct.error, MemoryError, ...
    except Exception as exc:
        raise ImagesError(
            say('The picture "{name}" cannot be read.', name=path.name),
            next_step=say("Open it in a picture viewer: it may be damaged or no picture at all."),
            detail=repr(exc)[:2000],
        ) from exc


def _is_quick(path: Path) -> bool:
    """Whether it decodes in seconds for certain."""
    if check_regular(path, MAX_BYTES) > _FEW_BYTES:
        return False
    with open_picture(path) as image:
        pixels, kind = image.width * image.height, image.format
    if kind in ("JPEG", "MPO"):
        return pixels <= _FEW_PIXELS and pixels * path.read_bytes().count(_JPEG_SCAN) <= _MOST_SCANNED
    return pixels <= _FEW_PIXELS and (kind != "TIFF" or path.stat().st_size <= _FEW_TIFF_BYTES)


def _decode(path: Path, seen: bool) -> Image.Image:
    with open_picture(path) as image:
        if seen:
            return as_seen(image)
        image.load()
        return image.copy()


def _decode_in_helper(path: Path, seen: bool) -> Image.Image:
    global _lost_seconds
    if _lost_seconds > _MOST_LOST_SECONDS:
        reason, next_step = messages.decoding_ended(None, "time", _seconds)
        raise ConversionError(reason, next_step=next_step)
    start = time.monotonic()
    try:
        picture: Image.Image = _helper.call(_decode_or_raise, path, seen, seconds=_seconds, max_bytes=_BYTES)
    except ConversionError:
        _lost_seconds += time.monotonic() - start
        raise
    return picture


def _decode_or_raise(path: Path, seen: bool) -> Image.Image:
    limit_own_memory(_BYTES)
    try:
        return _decode(path, seen)
    except MemoryError as exc:
        reason, next_step = messages.decoding_ended(None, "memory", 0.0)
        raise ImagesError(reason, next_step=next_step, detail=repr(exc)) from exc
    except Exception as exc:
        raise ImagesError(
            say("It cannot be read."),
            next_step=say("Open it in a picture viewer: it may be damaged or no picture at all."),
            detail=repr(exc)[:2000],
        ) from exc
