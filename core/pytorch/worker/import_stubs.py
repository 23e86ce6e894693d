"""What the OpenMMLab packages want to import but an export never uses, so that nothing has to be compiled."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import Any

_COCO_NAMES = {"coco": "COCO", "cocoeval": "COCOeval"}


def install_import_stubs() -> None:
    """Put the stand-ins where Python finds them; must happen before the first mm package is imported.

    - ``mmcv._ext``: the compiled operators, which mmcv-lite lacks. Each says so when it is called; suppression
      of boxes works, in plain torch, since heads ask for it when they are built.
    - ``torchvision._meta_registrations``: needs torchvision's compiled part, which is tied to one build of torch.
    - ``xtcocotools``: reads annotations, and would have to be compiled.
    """
    _put("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    _put("mmcv._ext", _Operators("mmcv._ext"))
    _put("xtcocotools", types.ModuleType("xtcocotools"))
    for name in ("coco", "cocoeval", "mask"):
        module = types.ModuleType(f"xtcocotools.{name}")
        if name in _COCO_NAMES:
            setattr(module, _COCO_NAMES[name], type(_COCO_NAMES[name], (_NotHere,), {}))
        _put(f"xtcocotools.{name}", module)
        setattr(sys.modules["xtcocotools"], name, module)


class _NotHere:
    def __init__(self, *_: object, **__: object) -> None:
        raise RuntimeError("xtcocotools is not part of EdgePress's OpenMMLab environment")


class _Operators(types.ModuleType):
    """A module that has every function: mmcv asks for its operators by name when it is imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def operator(*_: object, **__: object) -> Any:
            raise NotImplementedError(f"{name} needs the compiled mmcv")

        return _suppress if name == "nms" else operator


def _suppress(boxes: Any, scores: Any, iou_threshold: float, offset: int) -> Any:
    """Greedy suppression of boxes, the best first; indices of those that stay."""
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


def _put(name: str, module: types.ModuleType) -> None:
    """Mmengine asks every module for its spec."""
    module.__spec__ = importlib.machinery.ModuleSpec(name, loader=None)
    sys.modules[name] = module
