"""The ids of targets, as the command line, job folders and reports write them."""

from __future__ import annotations

from typing import TypeAlias

TargetId: TypeAlias = str
"""The id of one of :data:`core.targets.TARGETS`, such as ``onnx_fp16``."""
