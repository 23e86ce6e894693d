"""Image preprocessing: from an image to the model's input tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.common.errors import OptionError
from core.common.text import plural, say

Fit = Literal["stretch", "crop", "pad", "pad-corner"]
Color = Literal["rgb", "bgr", "gray"]
Layout = Literal["nchw", "nhwc"]

CROP_SHARE = 0.875
"""Share of each side that ``crop`` keeps: 224 of 256, as ImageNet models are evaluated (torchvision's references)."""

PAD_GREY = 114
"""Value of the border that ``pad`` adds, from ultralytics' letterbox."""

_MOST_RESIZED = 50_000_000
"""Pixels of an image that is resized as a whole before it is cropped: a line of pixels would become gigabytes."""

_MAX_SIDE = 8192

INTEGER_MEAN: Mapping[str, float] = {"uint8": 0.0, "int8": 128.0}
"""Element type of an input that takes pictures as whole numbers -> the mean that brings 0 to 255 into it; std is 1."""


@dataclass(frozen=True)
class Placement:
    """Where an image lies in the model's input: input = image x scale + offset, in pixels, for each axis."""

    image_size: tuple[int, int]
    """Height and width of the image."""

    input_size: tuple[int, int]
    """Height and width of the model's input."""

    scale: tuple[float, float]
    """Of x and of y."""

    offset: tuple[float, float]
    """Of x and of y, in pixels of the input; negative where the image was cropped."""

    @classmethod
    def identity(cls, size: tuple[int, int]) -> Placement:
        """For inputs that were no images: input and image are the same."""
        return cls(size, size, (1.0, 1.0), (0.0, 0.0))

    def points_to_image(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the input, shape (..., 2) as x, y, in pixels of the image; may lie outside it."""
        scale, offset = np.array(self.scale, np.float32), np.array(self.offset, np.float32)
        return np.asarray((points - offset) / scale, dtype=np.float32)

    def boxes_to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes x1, y1, x2, y2 of the input, shape (n, 4), in pixels of the image, clipped to it."""
        height, width = self.image_size
        corners = self.points_to_image(boxes.reshape(-1, 2, 2))
        return np.clip(corners, 0, np.array((width, height), np.float32)).reshape(-1, 4)


@dataclass(frozen=True)
class Preprocessing:
    """The steps from an image to a tensor, in the order in which they are done."""

    size: tuple[int, int]
    """Height and width of the model's input, in pixels."""

    fit: Fit = "crop"
    """``stretch`` resizes to the size, ``crop`` resizes and crops the centre, ``pad`` is letterboxing in grey with the
    image in the centre, ``pad-corner`` with the image in the upper left corner (YOLOX, RTMDet)."""

    color: Color = "rgb"
    """Order of the channels."""

    layout: Layout = "nchw"
    """Axis order of the tensor: channels before or after height and width."""

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Subtracted from each channel, in units of 0 to 255, in the order of ``color``."""

    std: tuple[float, ...] = (255.0, 255.0, 255.0)
    """Divides each channel after that, in units of 0 to 255, in the order of ``color``."""

    def __post_init__(self) -> None:
        _check_choice("fit", self.fit, get_args(Fit))
        _check_choice("color", self.color, get_args(Color))
        _check_choice("layout", self.layout, get_args(Layout))
        if len(self.size) != 2 or not all(1 <= side <= _MAX_SIDE for side in self.size):
            raise OptionError(
                say("The size {size} cannot be used.", size=",".join(map(str, self.size))),
                next_step=say("Give height and width in pixels, each from 1 to {most}.", most=_MAX_SIDE),
            )
        self._check_numbers()

    def for_dtype(self, dtype: str) -> Preprocessing:
        """The same with the mean and std that an integer input needs; unchanged for floats."""
        if dtype not in INTEGER_MEAN:
            return self
        return replace(self, mean=(INTEGER_MEAN[dtype],) * self.channels, std=(1.0,) * self.channels)

    def check_dtype(self, dtype: str) -> None:
        """Check that pictures reach an integer input without being clipped or rounded.

        Args:
            dtype: element type of the model's input.

        Raises:
            OptionError: mean and std would give numbers outside of the type, or between its whole numbers.
        """
        if dtype not in INTEGER_MEAN:
            return
        limits = np.iinfo(dtype)
        values = (np.arange(256.0) - np.array(self.mean)[:, np.newaxis]) / np.array(self.std)[:, np.newaxis]
        is_whole = np.allclose(values, np.rint(values), rtol=0.0, atol=1e-4)
        if is_whole and limits.min <= values.min() and values.max() <= limits.max:
            return
        raise OptionError(
            say(
                "The model takes whole numbers from {least} to {most} ({dtype}). mean {mean} and std {std} would give "
                "numbers from {low} to {high}, which would be cut off or rounded.",
                least=limits.min,
                most=limits.max,
                dtype=dtype,
                mean=", ".join(f"{number:g}" for number in self.mean),
                std=", ".join(f"{number:g}" for number in self.std),
                low=f"{values.min():.4g}",
                high=f"{values.max():.4g}",
            ),
            next_step=say(
                "Use mean {mean} and std 1: such a model scales the pictures itself.", mean=f"{INTEGER_MEAN[dtype]:g}"
            ),
        )

    def _check_numbers(self) -> None:
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) != self.channels or not np.isfinite(numbers).all():
                raise OptionError(
                    plural(
                        "{name} needs {count} number for this colour order.",
                        "{name} needs {count} numbers for this colour order.",
                        count=self.channels,
                        name=name,
                    ),
                    next_step=say("Give one number for each colour channel."),
                )
        if not all(self.std):
            raise OptionError(
                say("std is 0, and nothing can be divided by 0."),
                next_step=say("Use 1 if the pictures should not be scaled."),
            )

    @property
    def channels(self) -> int:
        """1 for greyscale, else 3."""
        return 1 if self.color == "gray" else 3

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the tensor of one image, batch axis included."""
        height, width = self.size
        if self.layout == "nhwc":
            return (1, height, width, self.channels)
        return (1, self.channels, height, width)

    def frame(self, image: Image.Image) -> Image.Image:
        """Convert and resize to the model's colours and size; still an image, for a preview too."""
        image = image.convert("L" if self.color == "gray" else "RGB")
        (left, top), resized = self._offset_and_size(image.size)
        height, width = self.size
        if self.fit == "crop" and resized[0] * resized[1] > _MOST_RESIZED:
            across, down = image.width / resized[0], image.height / resized[1]
            part = (-left * across, -top * down, (width - left) * across, (height - top) * down)
            return image.resize((width, height), Image.Resampling.BILINEAR, box=part)
        image = image.resize(resized, Image.Resampling.BILINEAR)
        if self.fit in ("pad", "pad-corner"):
            canvas = Image.new(image.mode, (width, height), (PAD_GREY,) * len(image.getbands()))
            canvas.paste(image, (left, top))
            return canvas
        return image.crop((-left, -top, width - left, height - top))

    def placement(self, image_size: tuple[int, int]) -> Placement:
        """Where an image lies in the model's input.

        Args:
            image_size: its height and width.
        """
        height, width = image_size
        offset, (resized_width, resized_height) = self._offset_and_size((width, height))
        return Placement(
            image_size,
            self.size,
            (resized_width / width, resized_height / height),
            (float(offset[0]), float(offset[1])),
        )

    def _offset_and_size(self, image_size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Offset of the resized image in the input, and its size; width before height, as in Pillow."""
        height, width = self.size
        if self.fit == "stretch":
            return (0, 0), (width, height)
        ratios = (width / image_size[0], height / image_size[1])
        if self.fit == "crop":
            scale = max(ratios) / CROP_SHARE
            # Rounding must not make the image smaller than the crop.
            cropped = (max(width, round(image_size[0] * scale)), max(height, round(image_size[1] * scale)))
            return (-((cropped[0] - width) // 2), -((cropped[1] - height) // 2)), cropped
        scale = min(ratios)
        resized = (
            min(width, max(1, round(image_size[0] * scale))),
            min(height, max(1, round(image_size[1] * scale))),
        )
        if self.fit == "pad-corner":
            return (0, 0), resized
        return ((width - resized[0]) // 2, (height - resized[1]) // 2), resized

    def tensor(self, image: Image.Image) -> NDArray[np.float32]:
        """Turn an image into the model's input: float32 of :attr:`shape`."""
        pixels = np.asarray(self.frame(image), dtype=np.float32).reshape(*self.size, self.channels)
        if self.color == "bgr":
            pixels = pixels[:, :, ::-1]
        mean, std = np.array(self.mean, dtype=np.float32), np.array(self.std, dtype=np.float32)
        tensor = np.divide(np.subtract(pixels, mean), std)
        if self.layout == "nchw":
            tensor = tensor.transpose(2, 0, 1)
        return np.ascontiguousarray(tensor[np.newaxis], dtype=np.float32)

    def with_color(self, color: Color) -> Preprocessing:
        """The same with another colour order; mean and std are reordered with it."""
        if (color == "gray") != (self.color == "gray"):
            count = 1 if color == "gray" else 3
            return replace(self, color=color, mean=(self.mean[0],) * count, std=(self.std[0],) * count)
        if color == self.color:
            return self
        return replace(self, color=color, mean=self.mean[::-1], std=self.std[::-1])

    def overridden(
        self,
        *,
        size: tuple[int, int] | None = None,
        fit: Fit | None = None,
        color: Color | None = None,
        layout: Layout | None = None,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
    ) -> Preprocessing:
        """The same with the given fields replaced; one number of ``mean`` or ``std`` is used for all channels.

        Raises:
            OptionError: a value cannot be used.
        """
        changed = self if color is None else self.with_color(color)
        return replace(
            changed,
            size=self.size if size is None else size,
            fit=self.fit if fit is None else fit,
            layout=self.layout if layout is None else layout,
            mean=changed.mean if mean is None else _for_channels(mean, changed.channels),
            std=changed.std if std is None else _for_channels(std, changed.channels),
        )


def _for_channels(numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return numbers * channels if len(numbers) == 1 else numbers


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(
            say('"{value}" is not a choice for {name}.', value=value, name=name),
            next_step=say("Choose one of: {choices}.", choices=", ".join(choices)),
        )
