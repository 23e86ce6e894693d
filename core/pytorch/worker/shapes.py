"""Bring a config to another input size, and find out which sizes a model takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.common.errors import OptionError
from core.common.text import Text, say
from core.pytorch.request import OpenMMLabTask, shape_text
from core.pytorch.worker.configs import walk

_STRIDES = (32, 64, 128, 16, 8)


def apply(config: Any, task: OpenMMLabTask, shape: tuple[int, int]) -> None:
    """Let everything in the model that depends on the input size follow it.

    Keypoint models name their ``input_size`` (width first) in head and codec, and the size of their heatmaps or
    of the features that reach the head; transformers name their ``img_size``.

    Args:
        config: is changed.
        task: its task.
        shape: height and width.
    """
    height, width = shape

    def follow(part: dict[str, Any]) -> None:
        if task == "mmpose" and _is_pair(part.get("input_size")):
            old = part["input_size"]
            part["input_size"] = (width, height)
            if _is_pair(part.get("heatmap_size")):
                part["heatmap_size"] = _scaled(part["heatmap_size"], old, (width, height))
            if _is_pair(part.get("in_featuremap_size")):
                part["in_featuremap_size"] = (-(-width // 32), -(-height // 32))
        if "img_size" in part:
            part["img_size"] = (height, width)

    walk(config.model, follow)
    if task == "mmpose":
        walk(config.get("codec"), follow)


def set_feature_map(config: Any, size: tuple[int, int]) -> bool:
    """Tell the head the size (height and width) of the features that reach it; whether that changed anything."""
    head = config.model.get("head")
    wanted = (size[1], size[0])
    if not isinstance(head, dict) or not _is_pair(head.get("in_featuremap_size")):
        return False
    changed = tuple(head["in_featuremap_size"]) != wanted
    head["in_featuremap_size"] = wanted
    return changed


def require(model: Any, shape: tuple[int, int]) -> None:
    """Run a model that needs no config once, on a black picture.

    Args:
        model: takes one picture with 3 colours.
        shape: height and width.

    Raises:
        OptionError: it does not run at this size.
    """
    import torch

    def attempt(size: tuple[int, int]) -> Exception | None:
        try:
            with torch.no_grad():
                model(torch.zeros(1, 3, *size))
        except Exception as exc:  # noqa: BLE001 - whatever a layer raises is the answer here
            return exc
        return None

    failure = attempt(shape)
    if failure is None:
        return
    misfit = does_not_fit(shape, lambda other: attempt(other) is None, str(failure)[-2000:])
    raise misfit or OptionError(
        say("The model does not run on a picture of {shape} (height,width).", shape=shape_text(shape)),
        next_step=say("Give the height and width that it was made for; it must take one picture with 3 colours."),
        detail=str(failure)[-2000:],
    ) from failure


def does_not_fit(shape: tuple[int, int], works: Callable[[tuple[int, int]], bool], detail: str) -> OptionError | None:
    """Why a shape fails, if one beside it works.

    Args:
        shape: height and width that failed.
        works: tries another one.
        detail: what torch said.

    Returns:
        The error to raise; None where no shape nearby works either, so that the shape is not to blame.
    """
    for stride in _STRIDES:
        near = [_rounded(shape, stride, up) for up in (False, True)]
        working = [other for other in dict.fromkeys(near) if other != shape and works(other)]
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
