"""Stubs for what the OpenMMLab packages import but an export never calls, so that nothing has to be compiled."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import Any

_COCO_NAMES = {"coco": "COCO", "cocoeval": "COCOeval"}


def install_import_stubs() -> None:
    """Put the stubs into ``sys.modules``; must happen before the first OpenMMLab package is imported.

    - ``mmcv._ext``: the compiled operators, which mmcv-lite lacks. Each raises when it is called; NMS works, in
      plain torch, since some heads call it when they are built.
    - ``torchvision._meta_registrations``: needs torchvision's compiled part, which is tied to one build of torch.
    - ``xtcocotools``: reads annotations, and would have to be compiled.
    """
    _register("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    _register("mmcv._ext", _OperatorStubs("mmcv._ext"))
    _register("xtcocotools", types.ModuleType("xtcocotools"))
    for name in ("coco", "cocoeval", "mask"):
        module = types.ModuleType(f"xtcocotools.{name}")
        if name in _COCO_NAMES:
            setattr(module, _COCO_NAMES[name], type(_COCO_NAMES[name], (_Unavailable,), {}))
        _register(f"xtcocotools.{name}", module)
        setattr(sys.modules["xtcocotools"], name, module)


class _Unavailable:
    def __init__(self, *_: object, **__: object) -> None:
        raise RuntimeError("xtcocotools is not part of EdgePress's OpenMMLab environment")


class _OperatorStubs(types.ModuleType):
    """A module that has every function: mmcv looks its operators up by name when it is imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def operator(*_: object, **__: object) -> Any:
            raise NotImplementedError(f"{name} needs the compiled mmcv")

        return _nms if name == "nms" else operator


def _nms(boxes: Any, scores: Any, iou_threshold: float, offset: int) -> Any:
    """Greedy non-maximum suppression; indices of the boxes that are kept, the best first."""
    import torch

    order = scores.argsort(descending=True)
    areas = (boxes[:, 2] - boxes[:, 0] + offset) * (boxes[:, 3] - boxes[:, 1] + offset)
    kept = []
    while order.numel() > 0:
        best, rest = order[0], order[1:]
        kept.append(best)
        corner = torch.maximum(boxes[best, :2], boxes[rest, :2])
        other = torch.minimum(boxes[best, 2:], boxes[rest, 2:])
        overlap = (other - corner + offset).clamp(min=0).prod(dim=1)
        order = rest[overlap / (areas[best] + areas[rest] - overlap) <= iou_threshold]
    return torch.stack(kept) if kept else scores.new_zeros(0, dtype=torch.long)


def _register(name: str, module: types.ModuleType) -> None:
    """Register a module, with a spec: mmengine reads that of every module."""
    module.__spec__ = importlib.machinery.ModuleSpec(name, loader=None)
    sys.modules[name] = module
