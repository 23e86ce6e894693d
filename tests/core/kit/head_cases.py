"""Heads of every family with random outputs of the shapes that they read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from core.tasks.heads.after_suppression import AfterSuppression, Roles
from core.tasks.heads.anchor_based.decoded_ssd import DecodedSsd
from core.tasks.heads.anchor_based.prior_layouts import BY_LEVEL, FLAT, TENSORFLOW
from core.tasks.heads.anchor_based.retinanet import RetinaNet
from core.tasks.heads.anchor_based.ssd import Ssd
from core.tasks.heads.anchor_based.yolov2 import YoloV2
from core.tasks.heads.anchor_free.centernet import CenterNet
from core.tasks.heads.anchor_free.distributions import Distributions
from core.tasks.heads.anchor_free.fastestdet import FastestDet
from core.tasks.heads.anchor_free.point_distances import PointDistances
from core.tasks.heads.anchor_free.pp_yoloe import PPYoloE
from core.tasks.heads.anchor_free.yolox import YoloX
from core.tasks.heads.base import Head
from core.tasks.heads.boxes_and_scores import BoxesAndScores
from core.tasks.heads.detr import Detr
from core.tasks.heads.end_to_end import Columns, EndToEnd
from core.tasks.heads.faces.blazeface import BlazeFace
from core.tasks.heads.faces.centerface import CenterFace
from core.tasks.heads.faces.retinaface import RetinaFace
from core.tasks.heads.faces.scrfd import Scrfd
from core.tasks.heads.faces.yunet import YuNet
from core.tasks.heads.ultralytics import Extras
from core.tasks.heads.yolo_grids import Grid, YoloGrids
from core.tasks.heads.yolov5 import YoloV5
from core.tasks.heads.yolov8 import YoloV8

SIZE = (96, 160)
CLASSES = 4
N = 120

Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    name: str
    head: Head
    outputs: Callable[[np.random.Generator], Outputs]
    size: tuple[int, int] = SIZE
    masks: bool = False


def shares(random, *shape):
    """Scores, of which a few are high."""
    return (random.uniform(0, 1, shape) ** 5).astype(np.float32)


def logits(random, *shape):
    return random.normal(-3, 2, shape).astype(np.float32)


def normal(random, *shape):
    return random.normal(0, 1, shape).astype(np.float32)


def uniform(random, low, high, *shape):
    return random.uniform(low, high, shape).astype(np.float32)


def corners(random, count, unit=SIZE):
    """Boxes x1, y1, x2, y2 in an input of this height and width."""
    start = random.uniform(0, 0.7, (count, 2))
    boxes = np.concatenate([start, start + random.uniform(0.05, 0.4, (count, 2))], axis=1)
    return (boxes * (unit[1], unit[0], unit[1], unit[0])).astype(np.float32)


def centres(random, count, unit=SIZE):
    boxes = corners(random, count, unit)
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def labels(random, count):
    return random.integers(0, CLASSES, count)


def grid(stride, size=SIZE):
    return math.ceil(size[0] / stride), math.ceil(size[1] / stride)


def cell_count(strides, size=SIZE):
    return sum(math.prod(grid(stride, size)) for stride in strides)


def names(prefix, strides):
    return tuple(f"{prefix}{stride}" for stride in strides)


def maps(prefix, strides, make, channels, size=SIZE):
    return {f"{prefix}{stride}": make(channels, *grid(stride, size))[None] for stride in strides}


def table(*columns):
    return np.concatenate(columns, axis=1, dtype=np.float32)[None]


def _after_suppression():
    def plain(random):
        dets = table(corners(random, N), shares(random, N, 1))
        return {"dets": dets, "labels": labels(random, N)[None]}

    def padded(random):
        return {
            "num_dets": np.array([[70]]),
            "boxes": corners(random, N, (1, 1))[None][..., [1, 0, 3, 2]],
            "scores": shares(random, 1, N),
            "classes": (labels(random, N) + 1)[None].astype(np.float32),
        }

    def whole(random):
        return {
            "boxes": corners(random, 12),
            "labels": labels(random, 12),
            "scores": shares(random, 12),
            "masks": shares(random, 12, 1, *SIZE),
            "keypoints": uniform(random, 0, 90, 12, 17, 3),
        }

    roles = Roles("boxes", "classes", "scores", "num_dets")
    tensorflow = AfterSuppression(roles, CLASSES, "TF", y_first=True, shares=True, first_class=1)
    everything = Roles("boxes", "labels", "scores", masks="masks", keypoints="keypoints")
    yield Case("dets and labels", AfterSuppression(Roles("dets", "labels"), CLASSES, "MMDetection"), plain)
    yield Case("tensorflow", tensorflow, padded)
    yield Case("masks and points", AfterSuppression(everything, CLASSES, "torchvision"), whole, masks=True)


def _boxes_and_scores():
    def outputs(unit, make):
        return lambda random: {"b": make(random, N, unit)[None, :, None], "s": shares(random, 1, N, CLASSES)}

    yield Case("corners", BoxesAndScores("b", "s", CLASSES, "YOLO-NAS"), outputs(SIZE, corners))
    yield Case("corners in shares", BoxesAndScores("b", "s", CLASSES, "Y", shares=True), outputs((1, 1), corners))
    yield Case("centres", BoxesAndScores("b", "s", CLASSES, "Y", corners=False), outputs(SIZE, centres))


def _detr():
    def outputs(random):
        return {"s": logits(random, 1, N, CLASSES + 1), "b": centres(random, N, (1, 1))[None]}

    def one(random):
        return {"o": table(centres(random, N, (1, 1)), shares(random, N, CLASSES))}

    def masks(random):
        return {**outputs(random), "m": normal(random, 1, N, 24, 40)}

    yield Case("softmax", Detr("s", "b", CLASSES, activation="softmax", no_object=True), outputs)
    yield Case("sigmoid", Detr("s", "b", CLASSES + 1), outputs)
    yield Case("one output", Detr("o", "o", CLASSES, activation="none"), one)
    yield Case("masks", Detr("s", "b", CLASSES + 1, masks="m"), masks, masks=True)


def _end_to_end():
    def outputs(columns, extras=0, unit=SIZE, make=corners):
        def made(random):
            rows = np.zeros((N, columns.end + extras), np.float32)
            rows[:, columns.box : columns.box + 4] = make(random, N, unit)
            rows[:, columns.score], rows[:, columns.label] = shares(random, N), labels(random, N)
            rows[:, columns.end :] = uniform(random, 0, 1, N, extras)
            if columns.image is not None:
                rows[:, columns.image] = random.integers(0, 2, N)
            return {"o": rows[None], "p": normal(random, 1, 8, 24, 40)}

        return made

    usual, paddle, yolov7 = Columns(), Columns(2, 1, 0), Columns(1, 6, 5, 7, 0)
    yield Case("plain", EndToEnd("o", CLASSES), outputs(usual))
    yield Case(
        "angle", EndToEnd("o", CLASSES, extras=Extras("angle", 1), corners=False), outputs(usual, 1, make=centres)
    )
    points = EndToEnd("o", CLASSES, extras=Extras("keypoints", 10, 2), shares=True)
    yield Case("points in shares", points, outputs(usual, 10, (1, 1)))
    yield Case(
        "masks", EndToEnd("o", CLASSES, extras=Extras("masks", 8, prototypes="p")), outputs(usual, 8), masks=True
    )
    yield Case("paddle", EndToEnd("o", CLASSES, columns=paddle), outputs(paddle))
    yield Case("yolov7", EndToEnd("o", CLASSES, columns=yolov7), outputs(yolov7))


def _yolo_grids():
    anchors = {8: (10, 13, 16, 30, 33, 23), 16: (30, 61, 62, 45, 59, 119), 32: (116, 90, 156, 198, 373, 326)}
    grids = tuple(Grid(f"g{stride}", stride, each, 1.1) for stride, each in anchors.items())

    def outputs(make, form):
        return lambda random: {
            f"g{stride}": form(make(random, 3, 5 + CLASSES, *grid(stride)))[None].astype(np.float32)
            for stride in anchors
        }

    def flat(values):
        return values.reshape(-1, *values.shape[2:])

    yield Case("darknet", YoloGrids(grids, CLASSES, "YOLOv4", exponential=True), outputs(logits, flat))
    last = YoloGrids(grids, CLASSES, "YOLOv5", exponential=False, anchors_last=True)
    yield Case("anchors last", last, outputs(logits, lambda values: values.transpose(2, 3, 0, 1)))
    activated = YoloGrids(grids, CLASSES, "YOLOv5", exponential=False, activated=True)
    yield Case("activated", activated, outputs(shares, lambda values: values.transpose(0, 2, 3, 1)))


def _yolov5():
    def outputs(unit, extras=0):
        return lambda random: {
            "o": table(
                centres(random, N, unit),
                shares(random, N, 1) ** 0.3,
                shares(random, N, CLASSES),
                normal(random, N, extras),
            ),
            "p": normal(random, 1, max(1, extras), 24, 40),
        }

    yield Case("pixels", YoloV5("o", CLASSES), outputs(SIZE))
    yield Case("shares", YoloV5("o", CLASSES, shares=True), outputs((1, 1)))
    yield Case("masks", YoloV5("o", CLASSES, extras=Extras("masks", 6, prototypes="p")), outputs(SIZE, 6), masks=True)


def _yolov8():
    def outputs(unit, extras=0, *, boxes_first=False):
        def made(random):
            rows = table(centres(random, N, unit), shares(random, N, CLASSES), uniform(random, 0, 1, N, extras))
            return {"o": rows if boxes_first else rows.transpose(0, 2, 1), "p": normal(random, 1, 8, 24, 40)}

        return made

    yield Case("plain", YoloV8("o", CLASSES), outputs(SIZE))
    yield Case("boxes first", YoloV8("o", CLASSES, boxes_first=True), outputs(SIZE, boxes_first=True))
    shared = YoloV8("o", CLASSES, extras=Extras("keypoints", 51), shares=True)
    yield Case("points in shares", shared, outputs((1, 1), 51))
    yield Case("angle", YoloV8("o", CLASSES, extras=Extras("angle", 1)), outputs(SIZE, 1))
    yield Case("masks", YoloV8("o", CLASSES, extras=Extras("masks", 8, prototypes="p")), outputs(SIZE, 8), masks=True)


def _decoded_ssd():
    def outputs(random):
        return {"b": corners(random, N, (1, 1))[None], "s": shares(random, 1, N, CLASSES + 1)}

    yield Case("plain", DecodedSsd("b", "s", CLASSES, "SSD"), outputs)
    yield Case("named background", DecodedSsd("b", "s", CLASSES + 1, "SSD", first_class=1), outputs)


def _retinanet():
    strides = (8, 16, 32, 64, 128)

    def by_level(make, anchors):
        return lambda random: {
            **maps("s", strides, lambda *shape: make(random, *shape), anchors * CLASSES),
            **maps("d", strides, lambda *shape: 0.3 * normal(random, *shape), anchors * 4),
            **maps("q", strides, lambda *shape: normal(random, *shape), 1),
        }

    def flat(make):
        count = 9 * cell_count(strides)
        return lambda random: {"s": make(random, 1, count, CLASSES), "d": 0.3 * normal(random, 1, count, 4)}

    named = names("d", strides), names("s", strides), CLASSES
    yield Case("by level", RetinaNet(*named), by_level(logits, 9))
    yield Case("torchvision", RetinaNet(("d",), ("s",), CLASSES, whole_pixels=True), flat(logits))
    activated = RetinaNet(("d",), ("s",), CLASSES, activated=True, offset=0.5, variances=(0.1, 0.2))
    yield Case("activated", activated, flat(shares))
    atss = RetinaNet(*named, names("q", strides), variances=(0.1, 0.2), name="ATSS", ratios=(1.0,), sizes=(8.0,))
    yield Case("atss", atss, by_level(logits, 1))


def _ssd():
    def flat(layout, make, channels=CLASSES + 1):
        return lambda random: {
            "d": normal(random, 1, layout.count, 4),
            "s": make(random, 1, layout.count, channels),
        }

    def written(caffe):
        def made(random):
            priors = (corners if caffe else centres)(random, N, (1, 1))
            stored = np.stack([priors.ravel(), priors.ravel()])[None] if caffe else priors
            return {"d": normal(random, 1, N, 4), "s": logits(random, 1, N, CLASSES + 1), "p": stored}

        return made

    def by_level(random):
        layout = BY_LEVEL[0]
        made = {}
        for index, level in enumerate(layout.levels):
            cells, boxes = (level.grid, level.grid), len(level.shapes)
            made[f"s{index}"] = logits(random, 1, boxes * (CLASSES + 1), *cells)
            made[f"d{index}"] = normal(random, 1, boxes * 4, *cells)
        return made

    usual = {"class_count": CLASSES, "channels": CLASSES + 1, "background": 0}
    lite = FLAT[5]
    yield Case("priors", Ssd(("d",), ("s",), **usual, activation="softmax", priors="p"), written(False))
    yield Case("caffe", Ssd(("d",), ("s",), **usual, activation="softmax", priors="p"), written(True))
    head = Ssd(("d",), ("s",), **usual, activation="softmax", layout=lite)
    yield Case("lite", head, flat(lite, logits), (320, 320))
    head = Ssd(("d",), ("s",), **usual, activation="sigmoid", layout=TENSORFLOW, y_first=True)
    yield Case("tensorflow", head, flat(TENSORFLOW, logits), (300, 300))
    head = Ssd(("d",), ("s",), **usual, layout=FLAT[0], first_class=1)
    yield Case("activated", head, flat(FLAT[0], shares), (300, 300))
    count = range(len(BY_LEVEL[0].levels))
    head = Ssd(
        tuple(f"d{index}" for index in count),
        tuple(f"s{index}" for index in count),
        CLASSES,
        CLASSES + 1,
        CLASSES,
        activation="softmax",
        layout=BY_LEVEL[0],
    )
    yield Case("by level", head, by_level, (300, 300))


def _anchor_free():
    strides = (8, 16, 32)
    cells = cell_count(strides)

    def centernet(make):
        return lambda random: {
            "h": make(random, 1, CLASSES, *grid(4)),
            "s": uniform(random, 1, 9, 1, 2, *grid(4)),
            "o": uniform(random, 0, 1, 1, 2, *grid(4)),
        }

    yield Case("centernet", CenterNet("h", "s", "o", CLASSES), centernet(shares))
    yield Case("centernet logits", CenterNet("h", "s", "o", CLASSES, activated=False), centernet(logits))

    merged = Distributions(strides, CLASSES, 8, "o", offset=0.0)
    yield Case(
        "nanodet", merged, lambda random: {"o": table(shares(random, cells, CLASSES), normal(random, cells, 32))}
    )
    separate = Distributions(strides, CLASSES, 8, "", names("s", strides), names("d", strides))
    yield Case(
        "picodet",
        separate,
        lambda random: {
            **{f"s{stride}": shares(random, 1, math.prod(grid(stride)), CLASSES) for stride in strides},
            **{f"d{stride}": normal(random, 1, math.prod(grid(stride)), 32) for stride in strides},
        },
    )

    def fastestdet(random):
        score, box = shares(random, 1, *grid(16)) ** 0.3, normal(random, 4, *grid(16))
        return {"o": np.concatenate([score, box, shares(random, CLASSES, *grid(16))])[None]}

    yield Case("fastestdet", FastestDet("o", CLASSES), fastestdet)

    yield Case(
        "pp-yoloe",
        PPYoloE("b", "s", CLASSES),
        lambda random: {"b": corners(random, N)[None], "s": shares(random, 1, CLASSES, N)},
    )


def _point_distances():
    strides, fcos = (8, 16, 32), (8, 16, 32, 64, 128)

    def outputs(strides, make):
        return lambda random: {
            **maps("c", strides, lambda *shape: make(random, *shape), CLASSES),
            **maps("d", strides, lambda *shape: uniform(random, 2, 40, *shape), 4),
            **maps("q", strides, lambda *shape: make(random, *shape), 1),
            **maps("k", strides, lambda *shape: normal(random, *shape), 169),
            "f": normal(random, 1, 8, SIZE[0] // 8, SIZE[1] // 8),
        }

    named = names("c", strides), names("d", strides), CLASSES
    yield Case("rtmdet", PointDistances(strides, *named), outputs(strides, logits))
    quality = PointDistances(
        fcos, names("c", fcos), names("d", fcos), CLASSES, names("q", fcos), offset=0.5, activated=True
    )
    yield Case("fcos", quality, outputs(fcos, lambda random, *shape: shares(random, *shape) ** 0.4))
    ins = PointDistances(strides, *named, kernels=names("k", strides), features="f", most_masks=60)
    yield Case("rtmdet-ins", ins, outputs(strides, lambda random, *shape: logits(random, *shape) + 2), masks=True)


def _yolox():
    strides = (8, 16, 32)

    def merged(random):
        count = cell_count(strides)
        return {"o": table(normal(random, count, 4), shares(random, count, 1) ** 0.3, shares(random, count, CLASSES))}

    def separate(random):
        return {
            **maps("b", strides, lambda *shape: normal(random, *shape), 4),
            **maps("o", strides, lambda *shape: logits(random, *shape) + 2, 1),
            **maps("c", strides, lambda *shape: logits(random, *shape), CLASSES),
        }

    yield Case("merged", YoloX(strides, CLASSES, merged=("o",)), merged)
    parts = names("b", strides), names("o", strides), names("c", strides)
    yield Case("separate", YoloX(strides, CLASSES, separate=parts, activated=False), separate)


def _faces():
    strides = (8, 16, 32)
    count = cell_count(strides)
    anchors = ((8, 2), (16, 6))
    blaze = 2 * cell_count((8,), (128, 128)) + 6 * cell_count((16,), (128, 128))

    def blazeface(random):
        return {"b": uniform(random, 2, 40, 1, blaze, 16), "l": logits(random, 1, blaze, 1)}

    yield Case("blazeface", BlazeFace("b", "l", anchors, 16, "BlazeFace"), blazeface, (128, 128))

    def centerface(random):
        return {
            "h": shares(random, 1, 1, *grid(4)),
            "s": uniform(random, 0.5, 2.5, 1, 2, *grid(4)),
            "o": uniform(random, 0, 1, 1, 2, *grid(4)),
            "k": uniform(random, 0, 1, 1, 10, *grid(4)),
        }

    yield Case("centerface", CenterFace("h", "s", "o", "k"), centerface)

    def retinaface(count, make):
        return lambda random: {
            "d": normal(random, 1, count, 4),
            "s": make(random, 1, count, 2),
            "k": normal(random, 1, count, 10),
        }

    yield Case("retinaface", RetinaFace("d", "s", "k"), retinaface(2 * count, shares))
    sides = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
    slim = sum(len(each) * cell_count((stride,)) for stride, each in sides)
    yield Case("slim", RetinaFace("d", "s", "k", activated=False, sides=sides), retinaface(slim, logits))

    def lists(kinds, per_cell):
        return lambda random: {
            f"{kind}{stride}": make(random, 1, per_cell * math.prod(grid(stride)), values)
            for kind, make, values in kinds
            for stride in strides
        }

    kinds = (
        ("s", shares, 1),
        ("d", lambda random, *shape: uniform(random, 0.5, 4, *shape), 4),
        ("k", normal, 10),
        ("o", shares, 1),
    )
    named = names("s", strides), names("d", strides)
    yield Case("scrfd", Scrfd(strides, 2, *named, names("k", strides)), lists(kinds, 2))
    yield Case("scrfd without points", Scrfd(strides, 2, *named), lists(kinds, 2))
    yunet = YuNet((names("s", strides), names("o", strides)), names("d", strides), names("k", strides))
    yield Case("yunet", yunet, lists(kinds, 1))


def _yolov2():
    anchors = (1.3, 1.7, 3.1, 4.0, 5.0, 8.0, 9.4, 4.8, 11.2, 10.0)
    rows, columns = grid(32)
    yield Case(
        "yolov2",
        YoloV2("o", CLASSES, anchors),
        lambda random: {"o": logits(random, 1, 5 * (5 + CLASSES), rows, columns) + 2},
    )


CASES: tuple[Case, ...] = tuple(
    case
    for family in (
        _after_suppression,
        _boxes_and_scores,
        _detr,
        _end_to_end,
        _yolo_grids,
        _yolov5,
        _yolov8,
        _decoded_ssd,
        _retinanet,
        _ssd,
        _anchor_free,
        _point_distances,
        _yolox,
        _faces,
        _yolov2,
    )
    for case in family()
)
