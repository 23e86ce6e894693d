"""Image to image: super-resolution, denoising, depth."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.common.text import Text, say
from core.job.task_name import TaskName
from core.metrics.image_quality import channel_correlation, depth_errors, psnr_db, ssim
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, Evidence, TaskOptions
from core.tasks.mean_metrics import Compared, MeanAgreement
from core.tasks.predictions import OutputImage

_DEPTH = ("depth", "disp", "midas")
_LEAST_DEPTH_RANGE = 1.5
"""Highest value from which a map that is nowhere negative cannot hold probabilities."""

_NEAR, _MASK_SHARE = 0.05, 0.8
"""In a mask, at least this share of the pixels is as near to 0 or 1."""

_DRAWN_SIDE = 256
_COMPARED_SIDE = 512
"""Larger images are compared in every second, third, ... pixel."""


class ImageToImage:
    """Decodes an image of one or three channels.

    Args:
        output: name of the output, of shape (1, channels, height, width), (1, height, width, channels) or
            (1, height, width).
        channels_last: whether the channels are its last axis.
        is_depth: whether it is a depth map.
        reason: why the model is taken for one of this task.
    """

    name: ClassVar[TaskName] = "image-to-image"
    noise: ClassVar[None] = None  # that of the image says it
    budget: ClassVar[Budget] = Budget(keeps=0.98, floor=0.8)
    options = TaskOptions()

    def __init__(self, output: str, *, channels_last: bool = False, is_depth: bool = False, reason: Text) -> None:
        self._output = output
        self._channels_last = channels_last
        self._is_depth = is_depth
        self.class_names: tuple[str, ...] = ()
        self.reason = reason

    @property
    def decoder(self) -> Mapping[str, Any]:
        """The output and its layout."""
        return {"output": self._output, "channels_last": self._channels_last, "is_depth": self._is_depth}

    def whole(self, outputs: Mapping[str, Tensor]) -> OutputImage:
        """The image in its own size; of a batch the first one."""
        tensor = _channels_first(outputs[self._output], self._channels_last)
        return OutputImage(np.moveaxis(tensor, 0, -1).astype(np.float32))

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> OutputImage:
        """The image as it is compared: of a large one every second, third, ... pixel."""
        pixels = self.whole(outputs).pixels
        step = max(1, -(-max(pixels.shape[:2]) // _COMPARED_SIDE))
        return OutputImage(np.ascontiguousarray(pixels[::step, ::step]))

    def agreement(self) -> MeanAgreement[OutputImage]:
        """Mean SSIM; PSNR and the errors of depth in the details."""
        return MeanAgreement("ssim", self._compare)

    def truth(self) -> None:
        """Labels of this kind are not read."""
        return

    def confidence(self, predictions: Sequence[OutputImage]) -> float:
        """Images tell nothing about how sure a model is."""
        return 0.0

    def to_json(self, prediction: OutputImage) -> dict[str, Any]:
        """A small JPEG, from the lowest value (black) to the highest."""
        pixels = prediction.pixels
        low, high = float(pixels.min()), float(pixels.max())
        grey = ((pixels - low) / max(high - low, 1e-12) * 255).astype(np.uint8)
        picture = Image.fromarray(grey[..., 0] if grey.shape[2] == 1 else grey)
        picture.thumbnail((_DRAWN_SIDE, _DRAWN_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        return {"kind": "image", "jpeg": base64.b64encode(buffer.getvalue()).decode()}

    def _compare(self, source: OutputImage, other: OutputImage) -> Compared:
        value_range = _range(source.pixels)
        details = {"psnr_db": psnr_db(source.pixels, other.pixels, value_range)}
        if self._is_depth:
            details["abs_rel"], details["delta_125"] = depth_errors(source.pixels, other.pixels)
        return max(0.0, ssim(source.pixels, other.pixels, value_range)), 1, details


def recognize(evidence: Evidence, options: TaskOptions, *, is_chosen: bool = False) -> ImageToImage | None:
    """A model that takes an image, and of which the only output is an image of the same shape, enlarged or not.

    Maps of depth are recognised by their name, or by numbers that are nowhere negative and no probabilities.

    Args:
        evidence: what is known of the model.
        options: what the person chose.
        is_chosen: whether the person says that it gives images: then the first image of any size will do.
    """
    size, outputs = evidence.input_size, evidence.outputs[0]
    if size is None or (len(outputs) != 1 and not is_chosen):
        return None
    found = {name: layout for name, tensor in outputs.items() if (layout := _layout(tensor)) is not None}
    if not found:
        return None
    name, is_last = next(iter(found.items()))
    images = [_channels_first(sample[name], is_last) for sample in evidence.outputs]
    factor = images[0].shape[1] / size[0]
    is_fitting = factor == images[0].shape[2] / size[1] and factor >= 1 and factor == int(factor)
    if len(images[0]) == 1 and _is_depth(images, f"{name} {evidence.source.path.stem}", is_fitting, evidence):
        return ImageToImage(name, channels_last=is_last, is_depth=True, reason=say("It gives a map of depth."))
    if is_chosen:
        return ImageToImage(name, channels_last=is_last, reason=say("It gives a picture."))
    is_same = len(images[0]) == _taken_channels(evidence)
    if is_same and is_fitting and (factor > 1 or not _are_classes(images)):
        return ImageToImage(name, channels_last=is_last, reason=say("It gives a picture of the shape that it takes."))
    return None


def _layout(tensor: Tensor) -> bool | None:
    """Whether the channels come last; None if it is no image of one or three channels."""
    if not np.issubdtype(tensor.dtype, np.floating) or tensor.shape[:1] != (1,):
        return None
    if tensor.ndim == 3:
        return False
    if tensor.ndim != 4 or (tensor.shape[1] not in (1, 3) and tensor.shape[3] not in (1, 3)):
        return None
    return tensor.shape[1] not in (1, 3)


def _channels_first(tensor: Tensor, is_last: bool) -> Tensor:
    """Of the first sample, shape (channels, height, width)."""
    if tensor.ndim == 3:
        return tensor[:1]
    return np.moveaxis(tensor[0], -1, 0) if is_last else tensor[0]


def _taken_channels(evidence: Evidence) -> int | str:
    shape = evidence.source.inputs[0].shape
    return shape[3] if evidence.source.layout == "nhwc" else shape[1]


def _is_depth(images: Sequence[Tensor], names: str, is_fitting: bool, evidence: Evidence) -> bool:
    if any(word in names.casefold() for word in _DEPTH):
        return is_fitting
    if not is_fitting or _taken_channels(evidence) == 1:
        return False
    lowest, highest = min(float(image.min()) for image in images), max(float(image.max()) for image in images)
    return lowest >= 0.0 and highest > _LEAST_DEPTH_RANGE


def _are_classes(images: Sequence[Tensor]) -> bool:
    """Whether these rather are masks or scores of classes: segmentation."""
    if len(images[0]) > 1:
        return float(np.mean([channel_correlation(image) for image in images])) < 0.0
    values = np.concatenate([image.ravel() for image in images])
    if values.min() < 0.0 or values.max() > 1.0:
        return False
    return bool(np.mean((values < _NEAR) | (values > 1 - _NEAR)) >= _MASK_SHARE)


def _range(pixels: NDArray[np.float32]) -> float:
    """The usual range of pixel values that holds these, or their own."""
    low, high = float(pixels.min()), float(pixels.max())
    if low >= -0.1 and high <= 1.1:
        return 1.0
    return 255.0 if low >= -10 and 1.1 < high <= 265 and high - low > 20 else max(high - low, 1e-12)
