"""The six targets, one file each."""

from __future__ import annotations

from collections.abc import Iterable

from core.job.target_id import TargetId
from core.targets.base import Target
from core.targets.ncnn_fp16 import NcnnFp16
from core.targets.ncnn_fp32 import NcnnFp32
from core.targets.ncnn_quan import NcnnQuan
from core.targets.onnx_fp16 import OnnxFp16
from core.targets.onnx_quan_dy import OnnxQuanDy
from core.targets.onnx_quan_st import OnnxQuanSt

TARGETS: tuple[Target, ...] = (OnnxFp16(), OnnxQuanDy(), OnnxQuanSt(), NcnnFp32(), NcnnFp16(), NcnnQuan())
"""Every target, in the order in which they are made and shown."""

TARGET_IDS: tuple[TargetId, ...] = tuple(target.id for target in TARGETS)
"""Their ids, in the same order."""


def target_by_id(target_id: TargetId) -> Target:
    """The target with this id.

    Raises:
        KeyError: there is none.
    """
    return {target.id: target for target in TARGETS}[target_id]


def in_order(requested: Iterable[str]) -> tuple[TargetId, ...]:
    """The requested targets, each once, in the order in which they are made; unknown ids are left out."""
    chosen = set(requested)
    return tuple(target for target in TARGET_IDS if target in chosen)
