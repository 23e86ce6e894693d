"""From a picture, or an array file, to the tensors that the model takes; every number is in preprocessing.json."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from errors import UserError

Array = NDArray[Any]
Box = tuple[float, float, float, float]

_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
_MOST_PIXELS = 100_000_000
"""Of a picture; a small file can expand to one that fills the memory."""

_MOST_RESIZED = 50_000_000
"""Pixels of a picture that is resized as a whole before it is cropped."""

_ARRAYS = (".npy", ".npz")

warnings.simplefilter("error", Image.DecompressionBombWarning)
Image.MAX_IMAGE_PIXELS = _MOST_PIXELS


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in the model's input: input = picture x scale + offset, in pixels, for each axis."""

    picture_size: tuple[int, int]
    """Height and width."""

    input_size: tuple[int, int]
    scale: tuple[float, float] = (1.0, 1.0)
    """Of x and of y."""

    offset: tuple[float, float] = (0.0, 0.0)

    def points_to_picture(self, points: Array) -> Array:
        """Points of the input, shape (..., 2) as x, y, in pixels of the picture; may lie outside it."""
        scale, offset = np.array(self.scale, np.float32), np.array(self.offset, np.float32)
        return np.asarray((points - offset) / scale, dtype=np.float32)

    def boxes_to_picture(self, boxes: Array) -> Array:
        """Boxes x1, y1, x2, y2 of the input in pixels of the picture, clipped to it."""
        height, width = self.picture_size
        corners = self.points_to_picture(boxes.reshape(-1, 2, 2))
        return np.clip(corners, 0, np.array((width, height), np.float32)).reshape(-1, 4)


@dataclass(frozen=True)
class Sample:
    """What the model is fed, and what it was made of."""

    feeds: Mapping[str, Array]
    placement: Placement
    picture: Image.Image | None = None
    """As people see it; None for arrays."""

    origin: tuple[float, float] = (0.0, 0.0)
    """Of the part of the picture that was cut out for a box: its left and upper edge, in pixels of the picture."""

    shrunk: float = 1.0
    """By how much that part was scaled."""


def load_sample(path: Path, settings: Mapping[str, Any], box: Box | None = None) -> Sample:
    """The sample of a picture, or of a .npy or .npz file.

    Args:
        path: the file.
        settings: all of preprocessing.json.
        box: x1, y1, x2, y2 in pixels of the picture: what is looked at; None for the whole picture.

    Raises:
        UserError: the file is missing, damaged, or does not fit the model.
    """
    if not path.is_file():
        raise UserError(f'There is no file "{path}". Check its name and its folder.')
    fixed = fixed_inputs(settings)
    if path.suffix.lower() in _ARRAYS:
        height, width = settings["picture"]["size"]
        return Sample({**fixed, **_read_arrays(path, settings)}, Placement((height, width), (height, width)))
    if not settings["picture"]["takes_pictures"]:
        raise UserError(
            f'"{path.name}" cannot be used: this model takes arrays. Give a .npy file, or a .npz file with an array '
            "for each input."
        )
    return _picture_sample(read_picture(path), settings, fixed, box)


def _picture_sample(
    picture: Image.Image, settings: Mapping[str, Any], fixed: Mapping[str, Array], box: Box | None
) -> Sample:
    how, crop = settings["picture"], settings["object_crop"]
    seen, origin, shrunk = picture, (0.0, 0.0), 1.0
    if crop is not None and (box is not None or crop["always"]):
        padding = crop["padding"] if box is not None else 1.0
        seen, origin, shrunk = cut_out(picture, box or (0, 0, *picture.size), how["size"], padding, crop["longest"])
        # Nothing is cut off once more of what was cut out.
        how = {**how, "fit": "stretch"} if how["fit"] == "crop" else how
    placement = place(seen.size, how)
    feeds = {how["input"]: np.repeat(to_tensor(seen, how), how["batch"], axis=0)}
    return Sample({**fixed, **feeds}, placement, picture, origin, shrunk)


def read_picture(path: Path) -> Image.Image:
    """A picture as a viewer shows it: upright by its EXIF orientation, on white where it is transparent, in 8 bit.

    Raises:
        UserError: it is no picture, damaged, or too large.
    """
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise ValueError(f"{opened.width} x {opened.height} pixels are too many")
            return _as_seen(opened)
    # Pillow's decoders raise anything on a damaged file: SyntaxError, struct.error, MemoryError, ...
    except Exception as exc:
        raise UserError(
            f'The picture "{path.name}" cannot be read: it may be damaged, or no picture at all. '
            f"Open it in a picture viewer. ({type(exc).__name__}: {exc})"
        ) from exc


def _as_seen(opened: Image.Image) -> Image.Image:
    opened.load()
    upright = ImageOps.exif_transpose(opened)
    if upright.mode[0] in "IF":
        return _in_8_bit(upright)
    if upright.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        made = ImageCms.profileToProfile(upright, lab, rgb, outputMode="RGB")
        assert made is not None
        return made
    is_grey = upright.mode in ("1", "L", "LA", "La")
    if upright.has_transparency_data:
        white = Image.new("RGBA", upright.size, "white")
        white.alpha_composite(upright.convert("RGBA"))
        upright = white
    return upright.convert("L" if is_grey else "RGB")


def _in_8_bit(picture: Image.Image) -> Image.Image:
    """Grey in 16 or 32 bit, which Pillow's own conversion cuts off at 255."""
    values = np.nan_to_num(np.asarray(picture).astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if picture.mode.startswith("I;16"):
        high = 65535.0
    else:  # the file does not say what is white
        usual = (1.0, 255.0, 65535.0) if picture.mode == "F" else (255.0, 65535.0)
        high = next((top for top in usual if low >= 0 and high <= top), high)
    grey = np.rint((values - low) * (255.0 / max(high - low, 1e-30))).clip(0, 255)
    return Image.fromarray(grey.astype(np.uint8), "L")


def cut_out(
    picture: Image.Image, box: Box, size: Sequence[int], padding: float, longest: int
) -> tuple[Image.Image, tuple[float, float], float]:
    """The object in a box with some room around it, in the proportions of the input; outside the picture it is black.

    Returns:
        The part, its left and upper edge in the picture, and by how much it was scaled so that no side is longer than
        ``longest``.
    """
    x1, y1, x2, y2 = map(float, box)
    aspect = size[1] / size[0]
    width, height = (x2 - x1) * padding, (y2 - y1) * padding
    width, height = max(width, height * aspect), max(height, width / aspect)
    left, top = round((x1 + x2 - width) / 2), round((y1 + y2 - height) / 2)
    right, bottom = left + max(1, round(width)), top + max(1, round(height))
    scale = min(1.0, longest / max(right - left, bottom - top))
    inside = max(left, 0), max(top, 0), min(right, picture.width), min(bottom, picture.height)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise UserError(f"The box {box} lies outside the picture, which has {picture.width} x {picture.height} pixels.")
    part = picture.crop(inside).convert("RGB")
    canvas = Image.new("RGB", (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))))
    if scale < 1.0:
        sides = max(1, round(part.width * scale)), max(1, round(part.height * scale))
        part = part.resize(sides, Image.Resampling.BILINEAR)
    canvas.paste(part, (round((inside[0] - left) * scale), round((inside[1] - top) * scale)))
    return canvas, (float(left), float(top)), scale


def to_tensor(picture: Image.Image, how: Mapping[str, Any]) -> Array:
    """The input of one picture, float32, batch axis included: resized, its channels ordered, (value - mean) / std."""
    channels = 1 if how["color"] == "gray" else 3
    pixels = np.asarray(frame(picture, how), dtype=np.float32).reshape(*how["size"], channels)
    if how["color"] == "bgr":
        pixels = pixels[:, :, ::-1]
    mean, std = np.array(how["mean"], dtype=np.float32), np.array(how["std"], dtype=np.float32)
    tensor = np.divide(np.subtract(pixels, mean), std)
    if how["layout"] == "nchw":
        tensor = tensor.transpose(2, 0, 1)
    return np.ascontiguousarray(tensor[np.newaxis], dtype=np.float32)


def frame(picture: Image.Image, how: Mapping[str, Any]) -> Image.Image:
    """The picture in the colours and the size of the input."""
    picture = picture.convert("L" if how["color"] == "gray" else "RGB")
    (left, top), resized = _offset_and_size(picture.size, how)
    height, width = how["size"]
    if how["fit"] == "crop" and resized[0] * resized[1] > _MOST_RESIZED:
        across, down = picture.width / resized[0], picture.height / resized[1]
        part = (-left * across, -top * down, (width - left) * across, (height - top) * down)
        return picture.resize((width, height), Image.Resampling.BILINEAR, box=part)
    picture = picture.resize(resized, Image.Resampling.BILINEAR)
    if how["fit"] in ("pad", "pad-corner"):
        canvas = Image.new(picture.mode, (width, height), (how["pad_value"],) * len(picture.getbands()))
        canvas.paste(picture, (left, top))
        return canvas
    return picture.crop((-left, -top, width - left, height - top))


def place(size: tuple[int, int], how: Mapping[str, Any]) -> Placement:
    """Where a picture of this width and height lies in the input."""
    offset, resized = _offset_and_size(size, how)
    scale = (resized[0] / size[0], resized[1] / size[1])
    input_size = (how["size"][0], how["size"][1])
    return Placement((size[1], size[0]), input_size, scale, (float(offset[0]), float(offset[1])))


def _offset_and_size(size: tuple[int, int], how: Mapping[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Offset of the resized picture in the input, and its size; width before height."""
    height, width = how["size"]
    if how["fit"] == "stretch":
        return (0, 0), (width, height)
    ratios = (width / size[0], height / size[1])
    if how["fit"] == "crop":
        scale = max(ratios) / how["crop_share"]
        cropped = (max(width, round(size[0] * scale)), max(height, round(size[1] * scale)))
        return (-((cropped[0] - width) // 2), -((cropped[1] - height) // 2)), cropped
    scale = min(ratios)
    resized = (min(width, max(1, round(size[0] * scale))), min(height, max(1, round(size[1] * scale))))
    if how["fit"] == "pad-corner":
        return (0, 0), resized
    return ((width - resized[0]) // 2, (height - resized[1]) // 2), resized


def fixed_inputs(settings: Mapping[str, Any]) -> dict[str, Array]:
    """The inputs that are the same for every sample."""
    made = {}
    for one in settings["fixed_inputs"]:
        values = np.array(one["values"], one["dtype"])
        made[one["name"]] = np.full(one["shape"], values) if values.ndim == 0 else values.reshape(one["shape"])
    return made


def _read_arrays(path: Path, settings: Mapping[str, Any]) -> dict[str, Array]:
    """A .npy is the model's first input that is not fixed, a .npz has arrays by input name; nothing is unpickled."""
    fixed = {one["name"] for one in settings["fixed_inputs"]}
    inputs = {one["name"]: one for one in settings["inputs"] if one["name"] not in fixed}
    named = {one["name"]: one for one in settings["inputs"]}
    try:
        found = np.load(path, allow_pickle=False)
        arrays = {next(iter(inputs)): found} if isinstance(found, np.ndarray) else {name: found[name] for name in found}
    # numpy's readers raise anything on a damaged file: EOFError, BadZipFile, SyntaxError, ...
    except Exception as exc:
        raise UserError(
            f'The arrays in "{path.name}" cannot be read. Save them with numpy.save or numpy.savez, as plain numbers. '
            f"({type(exc).__name__}: {exc})"
        ) from exc
    fitting = {name: _with_shape(array, named[name], path) for name, array in arrays.items() if name in named}
    missing = [name for name in inputs if name not in fitting]
    if missing:
        raise UserError(f'"{path.name}" has no array for the input {missing[0]!r}; the model takes {list(inputs)}.')
    return fitting


def _with_shape(array: Array, info: Mapping[str, Any], path: Path) -> Array:
    """With a batch axis, where it has none, in the element type of the input."""
    for candidate in (array, array[np.newaxis]):
        if len(candidate.shape) == len(info["shape"]) and all(
            isinstance(side, str) or side == actual for side, actual in zip(info["shape"], candidate.shape, strict=True)
        ):
            return cast(candidate, info["dtype"], info["name"])
    raise UserError(
        f'The array in "{path.name}" has the shape {array.shape}, but the input {info["name"]!r} takes '
        f"{tuple(info['shape'])}."
    )


def cast(tensor: Array, dtype: str, name: str) -> Array:
    """The tensor in the element type of an input, of which no number is cut off or rounded.

    Raises:
        UserError: a number does not fit.
    """
    wanted = np.dtype(dtype)
    if tensor.dtype == wanted or wanted.kind not in "iu" or not tensor.size:
        return tensor.astype(wanted)
    limits, whole = np.iinfo(wanted), np.rint(tensor)
    if not (whole.min() >= limits.min and whole.max() <= limits.max and np.abs(tensor - whole).max() <= 1e-3):
        raise UserError(
            f"The input {name!r} takes whole numbers from {limits.min} to {limits.max}, but was given numbers from "
            f"{tensor.min():g} to {tensor.max():g}. Check mean and std in preprocessing.json."
        )
    return np.asarray(whole.astype(wanted))
