"""Evidence for the recognition of detector heads, from outputs that a test makes up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.onnx_model.source import Source, TensorInfo
from core.tasks.base import Evidence

SIZE = (96, 160)
"""Height and width of the model's input."""


def evidence(*samples, size=SIZE, names=(), metadata=None, operators=None, file="model.onnx"):
    """A model of this name, operators and metadata, whose outputs these are."""
    source = Source(
        path=Path(file),
        inputs=(TensorInfo("images", (1, 3, *(size or (1, 1))), "float32"),),
        outputs=tuple(TensorInfo(name, value.shape, str(value.dtype)) for name, value in samples[0].items()),
        opset=17,
        operators=operators or {},
        size_bytes=0,
        parameters=0,
        half_parameters=0,
        weight_dtypes=frozenset(),
        metadata=metadata or {},
        modified_ns=0,
    )
    return Evidence(source, samples, size, class_names=tuple(names), metadata=metadata or {})


def cells(size=SIZE, strides=(8, 16, 32)):
    """All cells as (stride, row, column), the order in which YOLOs write them."""
    return [(s, row, column) for s in strides for row in range(size[0] // s) for column in range(size[1] // s)]


def known_objects(count, classes, *, size=SIZE, seed=0):
    """Corners, scores and classes of some objects inside the input, all different."""
    random = np.random.default_rng(seed)
    objects = []
    for index in range(count):
        x1, y1 = random.uniform(0, size[1] * 0.6), random.uniform(0, size[0] * 0.6)
        box = (x1, y1, x1 + random.uniform(6, size[1] * 0.35), y1 + random.uniform(6, size[0] * 0.35))
        objects.append((box, 0.95 - 0.6 * index / count, int(random.integers(classes))))
    return objects


def check(candidates, objects, *, pixels=0.5, score=1e-4):
    """That exactly these objects were decoded, in any order."""
    assert len(candidates.scores) == len(objects)
    order = np.argsort(-candidates.scores)
    for index, (box, confidence, label) in zip(order, sorted(objects, key=lambda item: -item[1]), strict=True):
        assert np.abs(candidates.boxes[index] - box).max() < pixels
        assert abs(candidates.scores[index] - confidence) < score and candidates.classes[index] == label
    assert candidates.boxes.dtype == candidates.scores.dtype == np.float32 and candidates.classes.dtype == np.int64


def centre_and_size(box):
    """cx, cy, w, h of corners."""
    x1, y1, x2, y2 = box
    return ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
