"""Read from a config how images become the input (size, mean, std, colour order), and the class names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from core.common.text import Text, say
from core.preprocessing import Fit, Preprocessing
from core.pytorch.request import OpenMMLabTask
from core.pytorch.worker.configs import SCOPES, type_name

_DEFAULT_SHAPES: dict[OpenMMLabTask, tuple[int, int]] = {"mmcls": (224, 224), "mmdet": (640, 640), "mmpose": (256, 192)}
_CROPS = ("CenterCrop", "EfficientNetCenterCrop")
_STRIDE = 32
"""Of detectors and their padding, where the config does not say."""


def proposed_shape(config: Any, task: OpenMMLabTask) -> tuple[int, int]:
    """Height and width of the config's test pipeline; the task's usual size where it does not say."""
    if task == "mmpose":
        return _pose_shape(config) or _DEFAULT_SHAPES[task]
    found = None
    for transform in _test_transforms(config):
        found = _transform_shape(transform) or found
    if found is None:
        return _DEFAULT_SHAPES[task]
    return _padded(found, config) if task == "mmdet" else found


def preprocessing(config: Any, task: OpenMMLabTask, shape: tuple[int, int]) -> Preprocessing:
    """Mean, std and colour order as in the config's data preprocessor, for a model input of ``shape``."""
    preprocessor = _preprocessor(config)
    gray = channels(config) == 1
    count = 1 if gray else 3
    mean, std = preprocessor.get("mean"), preprocessor.get("std")
    rgb = bool(preprocessor.get("bgr_to_rgb") or preprocessor.get("to_rgb"))
    return Preprocessing(
        size=shape,
        fit=_fit(config, task),
        color="gray" if gray else "rgb" if rgb else "bgr",
        mean=_per_channel(mean, 0.0, count),
        std=_per_channel(std, 1.0, count),
    )


def channels(config: Any) -> int:
    """Channels of the input: 1 for the few models of grey images, else 3."""
    backbone = config.model.get("backbone") or {}
    given = backbone.get("in_channels", backbone.get("in_chans"))
    mean = _preprocessor(config).get("mean")
    grey = type_name(backbone) == "LeNet5" or (mean is not None and len(mean) == 1)
    return 1 if given == 1 or (given is None and grey) else 3


def fit_note(config: Any, task: OpenMMLabTask) -> Text | None:
    """How EdgePress prepares images differently than the config; None where both agree."""
    if task == "mmpose":
        return say(
            "OpenMMLab cuts each person out of the picture first; give it pictures of one person each, or people "
            "labelled in COCO's format, who are then cut out."
        )
    if task == "mmdet" and _fit(config, task) == "pad":
        return say("OpenMMLab pads pictures at the right and bottom; EdgePress centres them. Boxes shift with it.")
    return None


def classes(config: Any, task: OpenMMLabTask, meta: Any) -> tuple[str, ...]:
    """Names of the classes: the checkpoint's, else those of the config's data set; empty if their number is wrong.

    Args:
        config: the config.
        task: its task; keypoints are not classes.
        meta: the ``meta`` of the checkpoint.
    """
    if task == "mmpose":
        return ()
    own = meta.get("dataset_meta", {}) if isinstance(meta, dict) else {}
    names = own.get("classes", own.get("CLASSES")) if isinstance(own, dict) else None
    names = names or (meta.get("CLASSES") if isinstance(meta, dict) else None) or _data_set_classes(config, task)
    count = _class_count(config)
    if isinstance(names, str) or not names or (count is not None and count != len(names)):
        return ()
    return tuple(str(name) for name in names)


def _data_set_classes(config: Any, task: OpenMMLabTask) -> Any:
    """From the data set of the config, or from its class."""
    from mmengine.registry import DATASETS

    data_set = _data_set(config)
    given = data_set.get("metainfo") or config.get("metainfo") or {}
    if isinstance(given, dict) and (given.get("classes") or given.get("CLASSES")):
        return given.get("classes") or given.get("CLASSES")
    kind = data_set.get("type") or config.get("dataset_type")
    known = DATASETS.get(f"{SCOPES[task]}.{kind}") if isinstance(kind, str) else kind
    return (getattr(known, "METAINFO", None) or {}).get("classes")


def _class_count(config: Any) -> int | None:
    for part in ("bbox_head", "head", "mask_head", "panoptic_head"):
        head = config.model.get(part)
        head = head[0] if isinstance(head, list) and head else head
        if isinstance(head, dict) and isinstance(head.get("num_classes"), int):
            return int(head["num_classes"])
    return None


def _data_set(config: Any) -> Any:
    """The innermost data set of the test, validation or training loader."""
    for name in ("test_dataloader", "val_dataloader", "train_dataloader"):
        data_set = (config.get(name) or {}).get("dataset")
        while isinstance(data_set, dict) and isinstance(data_set.get("dataset"), dict):
            data_set = data_set["dataset"]
        if isinstance(data_set, dict):
            return data_set
    return {}


def _preprocessor(config: Any) -> Any:
    own = config.model.get("data_preprocessor")
    return own or config.get("data_preprocessor") or {}


def _per_channel(given: Any, default: float, count: int) -> tuple[float, ...]:
    values = [default] if given is None else [float(value) for value in given]
    return tuple(values * count if len(values) == 1 else values[:count])


def _test_transforms(config: Any) -> Iterator[Any]:
    """The transforms of the test pipeline, nested ones included."""
    pipeline = _data_set(config).get("pipeline") or config.get("test_pipeline") or []
    pending = list(pipeline)
    while pending:
        transform = pending.pop(0)
        if not isinstance(transform, dict):
            continue
        yield transform
        inner = transform.get("transforms")
        pending[:0] = [entry for entry in inner if isinstance(entry, dict)] if isinstance(inner, list) else []


def _transform_shape(transform: Any) -> tuple[int, int] | None:
    """Height and width after one transform; OpenMMLab writes width first, but crop sizes height first."""
    kind = type_name(transform)
    if kind in _CROPS:
        size = transform.get("crop_size")
        return (size, size) if isinstance(size, int) else _sides(size)
    if kind in ("Resize", "FixScaleResize", "ResizeEdge"):
        size = transform.get("scale", transform.get("img_scale"))
        sides = (size, size) if isinstance(size, int) else _sides(size)
        return None if sides is None else (sides[1], sides[0])
    if kind == "Pad" and transform.get("size") is not None:
        sides = _sides(transform["size"])
        return None if sides is None else (sides[1], sides[0])
    return None


def _sides(size: Any) -> tuple[int, int] | None:
    if isinstance(size, (list, tuple)) and len(size) == 2 and all(isinstance(side, int) for side in size):
        return size[0], size[1]
    return None


def _padded(shape: tuple[int, int], config: Any) -> tuple[int, int]:
    """Rounded up to a multiple of the detector's stride, as its padding does."""
    if _fit(config, "mmdet") != "pad":
        return shape
    stride = max(int(_preprocessor(config).get("pad_size_divisor") or 1), _STRIDE)
    return math.ceil(shape[0] / stride) * stride, math.ceil(shape[1] / stride) * stride


def _pose_shape(config: Any) -> tuple[int, int] | None:
    codec = config.get("codec")
    codec = codec[-1] if isinstance(codec, list) and codec else codec
    for part in [codec, *_test_transforms(config), config.model.get("head")]:
        sides = _sides(part.get("input_size")) if isinstance(part, dict) else None
        if sides:
            return sides[1], sides[0]
    return None


def _fit(config: Any, task: OpenMMLabTask) -> Fit:
    if task == "mmpose":
        return "pad"
    transforms = list(_test_transforms(config))
    if task == "mmcls":
        return "crop" if any(type_name(transform) in _CROPS for transform in transforms) else "stretch"
    return "pad" if any(transform.get("keep_ratio") for transform in transforms) else "stretch"
