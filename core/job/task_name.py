"""The names of tasks, as the command line, job folders and reports write them."""

from __future__ import annotations

from typing import Literal

TaskName = Literal[
    "classification",
    "detection",
    "instance-segmentation",
    "pose",
    "keypoints",
    "segmentation",
    "text",
    "embedding",
    "image-to-image",
    "scores",
    "tensors",
]
