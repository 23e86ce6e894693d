"""Against the heads of MMDetection and torchvision: ``pytest -m openmmlab`` where the environment is ready."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.common.paths import PROJECT_ROOT
from core.setup import openmmlab
from core.tasks.heads.recognize_head import recognize_head
from head_evidence import evidence

pytestmark = [pytest.mark.openmmlab, pytest.mark.timeout(600)]

SCRIPT = Path(__file__).with_name("mmdetection_reference.py")
LEAST = 0.2


@pytest.mark.parametrize(
    ("model", "name", "size"),
    [
        ("yolox", "YOLOX", (320, 416)),
        ("rtmdet", "RTMDet", (320, 416)),
        ("rtmdet-ins", "RTMDet-Ins", (160, 224)),
        ("fcos", "FCOS", (300, 416)),
        ("atss", "ATSS", (320, 416)),
        ("retinanet", "RetinaNet", (300, 416)),
        ("ssd300", "SSD300", (300, 300)),
        ("ssd512", "SSD512", (512, 512)),
        ("ssdlite", "SSDLite", (320, 320)),
        ("torchvision-ssd", "SSD300", (300, 300)),
        ("torchvision-ssdlite", "SSDLite", (320, 320)),
        ("torchvision-retinanet", "RetinaNet", (320, 416)),
    ],
)
def test_boxes_are_those_of_the_models_own_code(model, name, size, tmp_path):
    command = [openmmlab.python(), SCRIPT, model, tmp_path, *map(str, size)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}, check=True, capture_output=True)
    outputs, expected = dict(np.load(tmp_path / "outputs.npz")), dict(np.load(tmp_path / "expected.npz"))
    head = recognize_head(evidence(outputs, size=size))
    assert head is not None and head.name == name
    found = head.decode(outputs, size, least=LEAST)
    assert len(found.scores) > 20
    compare(found, expected, size)
    if found.mask_logits is not None:
        order, their_order = np.argsort(found.scores), np.argsort(expected["mask_scores"])
        assert np.abs(found.mask_logits[order] - expected["masks"][their_order]).max() < 1e-3
    print(f"{model}: {len(found.scores)} boxes")  # noqa: T201


def compare(found, expected, size):
    """Each of ours is one of theirs, and each of theirs has our box, for which it has no better class."""
    limits = (size[1], size[0], size[1], size[0])
    clip = expected["bboxes"].min() >= 0
    boxes = np.clip(found.boxes, 0, limits) if clip else found.boxes
    ours = np.column_stack((boxes, found.scores * 100))
    theirs = np.column_stack((expected["bboxes"], expected["scores"] * 100))
    theirs, labels = theirs[expected["scores"] >= LEAST], expected["labels"][expected["scores"] >= LEAST]
    for row, label in zip(ours, found.classes, strict=True):
        distance = np.abs(theirs - row).max(axis=1)
        assert distance.min() < 0.01 and labels[distance.argmin()] == label
    for row in theirs:
        near = np.abs(ours[:, :4] - row[:4]).max(axis=1) < 0.01
        assert near.any() and (ours[near, 4] >= row[4] - 1e-3).any()
