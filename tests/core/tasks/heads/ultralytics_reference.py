"""Runs under an interpreter with Ultralytics: exports a model, runs it, post-processes its outputs as Ultralytics does.

Usage: ultralytics_reference.py NAME FOLDER, with the name of a model such as ``yolov8n-seg`` or, end to end,
``yolo26n+``. Writes ``model.onnx``, ``outputs.npz`` (one sample) and ``expected.npz``: boxes, scores, classes and
extras before and after the suppression.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from ultralytics import RTDETR, YOLO
from ultralytics.utils.metrics import batch_probiou
from ultralytics.utils.nms import non_max_suppression
from ultralytics.utils.ops import xywh2xyxy

SIZE = (160, 192)
LEAST, IOU = 0.05, 0.45


def vary(model) -> None:
    """Make untrained outputs vary: norms with the statistics of some noise, and class scores that spread."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 0.5
    model.train()
    with torch.no_grad():
        for _ in range(4):
            model(torch.rand(4, 3, *SIZE))
    model.eval()
    head = model.model[-1]
    for layers in (getattr(head, name, None) for name in ("cv3", "one2one_cv3")):
        for layer in layers or ():
            layer[-1].weight.data *= 4
            layer[-1].bias.data.normal_(-4 if head.nc > 1 else -1, 1.5)


def greedy(boxes, scores, classes):
    """Suppression of rotated boxes by ProbIoU, in which suppressed boxes suppress no others."""
    overlaps, kept = batch_probiou(boxes, boxes), []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if all(classes[index] != classes[other] or overlaps[index, other] <= IOU for other in kept):
            kept.append(index)
    return kept


def expected(outputs, names, metadata):
    """Rows of x1, y1, x2, y2, score, class, extras, before and after the suppression."""
    prediction = torch.from_numpy(outputs["output0"])
    if metadata["head"] == "RTDETRDecoder":
        rows = prediction[0].clone()
        rows[:, :4] = xywh2xyxy(rows[:, :4]) * torch.tensor([SIZE[1], SIZE[0], SIZE[1], SIZE[0]])
        return (rows,) * 2
    rotated, end_to_end = metadata["task"] == "obb", metadata["end2end"] == "True"
    options = {"nc": len(names), "rotated": rotated, "max_det": 100000}
    kept = non_max_suppression(prediction.clone(), LEAST, IOU, end2end=end_to_end, **options)[0]
    if end_to_end:
        if rotated:
            kept[:, :4] = xywh2xyxy(kept[:, :4])
        return (kept,) * 2
    everything = non_max_suppression(prediction.clone(), LEAST, 1.0, **options)[0]
    if rotated:
        kept = everything[greedy(everything[:, [0, 1, 2, 3, -1]], everything[:, 4], everything[:, 5])]
        for rows in (everything, kept):
            rows[:, :4] = xywh2xyxy(rows[:, :4])
    return everything, kept


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    torch.manual_seed(0)
    model = (RTDETR if name.startswith("rtdetr") else YOLO)(f"{name.rstrip('+')}.yaml")
    if not name.startswith("rtdetr"):
        vary(model.model)
    options = {"nms": False} if name.endswith("+") else {}
    path = model.export(format="onnx", imgsz=SIZE, simplify=False, verbose=False, **options)
    path = Path(path).rename(folder / "model.onnx")
    session = onnxruntime.InferenceSession(str(path))
    feed = {"images": torch.rand(1, 3, *SIZE).numpy()}
    outputs = dict(zip((output.name for output in session.get_outputs()), session.run(None, feed), strict=True))
    everything, kept = expected(outputs, model.names, session.get_modelmeta().custom_metadata_map)
    np.savez(folder / "outputs.npz", **outputs)
    np.savez(folder / "expected.npz", everything=everything.numpy(), kept=kept.numpy())


main()
