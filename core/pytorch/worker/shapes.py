"""Change the input size of a config, and find out which sizes a model takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.common.errors import OptionError
from core.common.text import Text, say
from core.pytorch.request import OpenMMLabTask, shape_text
from core.pytorch.worker.configs import walk

_STRIDES = (32, 64, 128, 16, 8)


def set_input_shape(config: Any, task: OpenMMLabTask, shape: tuple[int, int]) -> None:
    """Change everything in the model's config that depends on the input size.

    Keypoint models name their ``input_size`` (width first) in head and codec, and the size of their heatmaps or
    of the feature map that the head receives; transformers name their ``img_size``.

    Args:
        config: is changed.
        task: its task.
        shape: height and width.
    """
    height, width = shape

    def change(part: dict[str, Any]) -> None:
        if task == "mmpose" and _is_pair(part.get("input_size")):
            old = part["input_size"]
            part["input_size"] = (width, height)
            if _is_pair(part.get("heatmap_size")):
                part["heatmap_size"] = _scaled(part["heatmap_size"], old, (width, height))
            if _is_pair(part.get("in_featuremap_size")):
                part["in_featuremap_size"] = (-(-width // 32), -(-height // 32))
        if "img_size" in part:
            part["img_size"] = (height, width)

    walk(config.model, change)
    if task == "mmpose":
        walk(config.get("codec"), change)


def set_feature_map_size(config: Any, size: tuple[int, int]) -> bool:
    """Set the size (height and width) of the feature map that the head receives; return whether that changed it."""
    head = config.model.get("head")
    wanted = (size[1], size[0])
    if not isinstance(head, dict) or not _is_pair(head.get("in_featuremap_size")):
        return False
    changed = tuple(head["in_featuremap_size"]) != wanted
    head["in_featuremap_size"] = wanted
    return changed


def check_shape(model: Any, shape: tuple[int, int]) -> None:
    """Run a model that needs no config once, on a black image.

    Args:
        model: takes one image with 3 channels.
        shape: height and width.

    Raises:
        OptionError: it does not run at this size.
    """
    import torch

    def run(size: tuple[int, int]) -> None:
        model(torch.zeros(1, 3, *size))

    failure = error_of(run, shape)
    if failure is None:
        return
    raise stride_error(run, shape, str(failure)[-2000:]) or OptionError(
        say("The model does not run on a picture of {shape} (height,width).", shape=shape_text(shape)),
        next_step=say("Give the height and width that it was made for; it must take one picture with 3 colours."),
        detail=str(failure)[-2000:],
    ) from failure


def error_of(run: Callable[[tuple[int, int]], None], shape: tuple[int, int]) -> Exception | None:
    """What a model raises at a shape, None where it runs.

    Args:
        run: runs the model on an input of a height and width.
        shape: height and width.
    """
    import torch

    try:
        with torch.no_grad():
            run(shape)
    except Exception as exc:  # noqa: BLE001 - whatever a layer raises is the result here
        return exc
    return None


def stride_error(run: Callable[[tuple[int, int]], None], shape: tuple[int, int], detail: str) -> OptionError | None:
    """Why a shape fails, if a multiple of a usual stride next to it works.

    Args:
        run: runs the model on an input of a height and width.
        shape: height and width that failed.
        detail: the error of PyTorch.

    Returns:
        The error to raise; None where none of those shapes works either, so the shape is not the cause.
    """
    for stride in _STRIDES:
        nearest = [_rounded(shape, stride, up) for up in (False, True)]
        working = [other for other in dict.fromkeys(nearest) if other != shape and error_of(run, other) is None]
        if working:
            return OptionError(
                say(
                    "This model cannot take pictures of {shape} (height,width): both sides must be multiples of "
                    "{stride}.",
                    shape=shape_text(shape),
                    stride=stride,
                ),
                next_step=_use(working),
                detail=detail,
            )
    return None


def _use(shapes: list[tuple[int, int]]) -> Text:
    return say("Use one of these shapes: {shapes}", shapes="  ".join(shape_text(shape) for shape in shapes))


def _rounded(shape: tuple[int, int], stride: int, up: bool) -> tuple[int, int]:
    height, width = (max(1, -(-side // stride) if up else side // stride) * stride for side in shape)
    return height, width


def _is_pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(side, int) for side in value)


def _scaled(size: Any, old: Any, new: tuple[int, int]) -> tuple[int, int]:
    return round(size[0] * new[0] / old[0]), round(size[1] * new[1] / old[1])
