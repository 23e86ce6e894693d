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
from core.metrics.image_quality import depth_errors, psnr_db, ssim
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, Evidence, TaskOptions
from core.tasks.mean_metrics import Compared, MeanAgreement
from core.tasks.predictions import OutputImage

_DEPTH = ("depth", "disp", "midas")
_DRAWN_SIDE = 256
_COMPARED_SIDE = 512
"""Larger images are compared in every second, third, ... pixel."""


class ImageToImage:
    """Decodes an image of one or three channels.

    Args:
        output: name of the output, of shape (1, channels, height, width) or (1, height, width).
        is_depth: whether it is a depth map.
        reason: why the model is taken for one of this task.
    """

    name: ClassVar[TaskName] = "image-to-image"
    budget: ClassVar[Budget] = Budget(keeps=0.98, floor=0.8)
    options = TaskOptions()

    def __init__(self, output: str, *, is_depth: bool = False, reason: Text) -> None:
        self._output = output
        self._is_depth = is_depth
        self.class_names: tuple[str, ...] = ()
        self.reason = reason

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> OutputImage:
        """The image; of a batch the first one."""
        tensor = outputs[self._output][0]
        if tensor.ndim == 2:
            tensor = tensor[None]
        step = max(1, -(-max(tensor.shape[1:]) // _COMPARED_SIDE))
        return OutputImage(np.moveaxis(tensor[:, ::step, ::step], 0, -1).astype(np.float32))

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


def recognize(evidence: Evidence, options: TaskOptions) -> ImageToImage | None:
    """A model that takes an image, and of which the only output is an image of the same shape, enlarged or not."""
    size = evidence.input_size
    if size is None or len(evidence.outputs[0]) != 1:
        return None
    ((name, tensor),) = evidence.outputs[0].items()
    channels = _channels(tensor, size)
    if channels is None or not np.issubdtype(tensor.dtype, np.floating):
        return None
    words = f"{name} {evidence.source.path.stem}".casefold()
    if channels == 1 and any(word in words for word in _DEPTH):
        return ImageToImage(name, is_depth=True, reason=say("It gives a map of depth."))
    layout = evidence.source.layout
    taken = evidence.source.inputs[0].shape[1 if layout == "nchw" else 3]
    if channels == taken and channels in (1, 3):
        return ImageToImage(name, reason=say("It gives a picture of the shape that it takes."))
    return None


def _channels(tensor: Tensor, size: tuple[int, int]) -> int | None:
    """Number of channels of an image that is as large as the input, or a whole multiple of it."""
    shape = tensor.shape if tensor.ndim == 4 else (*tensor.shape[:1], 1, *tensor.shape[1:])
    if len(shape) != 4 or shape[0] != 1:
        return None
    down, right = shape[2] / size[0], shape[3] / size[1]
    return shape[1] if down == right and down >= 1 and down == int(down) else None


def _range(pixels: NDArray[np.float32]) -> float:
    """The usual range of pixel values that holds these, or their own."""
    low, high = float(pixels.min()), float(pixels.max())
    if low >= -0.1 and high <= 1.1:
        return 1.0
    return 255.0 if low >= -10 and 1.1 < high <= 265 and high - low > 20 else max(high - low, 1e-12)
