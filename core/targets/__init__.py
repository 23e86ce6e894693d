"""The six targets, one file each."""

from __future__ import annotations

from core.target import Target, TargetId
from core.targets.ncnn_fp16 import NcnnFp16
from core.targets.ncnn_fp32 import NcnnFp32
from core.targets.ncnn_quan import NcnnQuan
from core.targets.onnx_fp16 import OnnxFp16
from core.targets.onnx_quan_dy import OnnxQuanDy
from core.targets.onnx_quan_st import OnnxQuanSt

TARGETS: tuple[Target, ...] = (OnnxFp16(), OnnxQuanDy(), OnnxQuanSt(), NcnnFp32(), NcnnFp16(), NcnnQuan())
"""Every target, in the order in which they are made and shown."""


def target_by_id(target_id: TargetId) -> Target:
    """The target with this id."""
    return next(target for target in TARGETS if target.id == target_id)
