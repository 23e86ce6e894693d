"""Against Ultralytics' own post-processing of its own exports, on demand.

EDGEPRESS_ULTRALYTICS is the path of an interpreter that has Ultralytics and onnxruntime.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.onnx_model.inspect import inspect
from core.tasks.base import Evidence
from core.tasks.heads.recognize_head import recognize_head
from core.tasks.heads.suppression import suppress

PYTHON = os.environ.get("EDGEPRESS_ULTRALYTICS", "")
SCRIPT = Path(__file__).with_name("ultralytics_reference.py")
SIZE = (160, 192)
LEAST, IOU = 0.05, 0.45


def are_same(ours, theirs):
    """The same rows in any order: each has one that is nearly equal, and no two have the same."""
    nearest = [int(np.abs(theirs - row).max(axis=1).argmin()) for row in ours]
    return len(set(nearest)) == len(theirs) == len(ours) and np.abs(ours - theirs[nearest]).max() < 1e-3


def as_rows(candidates):
    rows = [candidates.boxes, candidates.scores[:, None], candidates.classes[:, None]]
    if candidates.mask_weights is not None:
        rows.append(candidates.mask_weights)
    if candidates.angles is not None:
        rows.append(candidates.angles[:, None])
    if candidates.keypoints is not None:
        rows.append(candidates.keypoints.reshape(len(candidates.scores), -1))
    return np.concatenate(rows, axis=1)


@pytest.mark.openmmlab
@pytest.mark.timeout(600)
@pytest.mark.skipif(not PYTHON, reason="EDGEPRESS_ULTRALYTICS names no interpreter with Ultralytics")
@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("yolov8n", "YOLOv8"),
        ("yolov8n-seg", "YOLOv8-seg"),
        ("yolov8n-pose", "YOLOv8-pose"),
        ("yolov8n-obb", "YOLOv8-OBB"),
        ("yolo11n", "YOLO11"),
        ("yolo26n", "YOLO26"),
        ("yolo26n+", "YOLO26"),
        ("yolo26n-seg+", "YOLO26-seg"),
        ("yolo26n-pose+", "YOLO26-pose"),
        ("yolo26n-obb+", "YOLO26-OBB"),
        ("yolov10n+", "YOLOv10"),
        ("rtdetr-l", "RT-DETR"),
    ],
)
def test_boxes_are_those_of_ultralytics(model, name, tmp_path):
    environment = {**os.environ, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
    subprocess.run([PYTHON, SCRIPT, model, tmp_path], cwd=tmp_path, env=environment, check=True, capture_output=True)
    outputs, expected = dict(np.load(tmp_path / "outputs.npz")), np.load(tmp_path / "expected.npz")
    source = inspect(tmp_path / "model.onnx")
    head = recognize_head(Evidence(source, [outputs], SIZE, source.class_names, metadata=source.metadata))
    assert head is not None and head.name == name and head.class_count == len(source.class_names)
    found = head.decode(outputs, SIZE, least=0.0 if name == "RT-DETR" else LEAST)
    kept = found if head.nms_iou is None else suppress(found, IOU, most=100000)
    assert len(expected["everything"]) > 20
    for ours, theirs in ((found, expected["everything"]), (kept, expected["kept"])):
        assert are_same(as_rows(ours), theirs)
    print(f"{model}: {len(found.scores)} candidates, {len(kept.scores)} kept")  # noqa: T201
