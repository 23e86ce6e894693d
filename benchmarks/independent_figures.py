"""Compute the figures of a report once more, in a way that shares no code with the app, and compare.

    python tools/export_quantize.py model.onnx --test-images DIR --json report.json ...
    python benchmarks/independent_figures.py report.json DIR

The original and all ONNX files of the report are run again on the same pictures. Preparing them, decoding, matching and
counting are plain loops; COCO's figures come from pycocotools, on JSON files. For classifiers with ``labels.csv``,
FastestDet and YOLOv8 detectors with YOLO's labels, heatmaps with COCO's keypoints, and readers of lines with MMOCR's
JSON or ``labels.csv``. The exit code is 1 where a figure differs by more than 1e-6.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import yaml
from PIL import Image, ImageOps

_TOLERANCE = 1e-6
_SUFFIXES = (".jpg", ".jpeg", ".png")

Figures = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both figures side by side; 0 where all are the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("data", type=Path, help="the folder of test pictures")
    options = parser.parse_args(arguments)
    report = json.loads(options.report.read_text(encoding="utf-8"))
    check = _CHECKS[report["task"]["name"]](report, options.data)
    original = check.run(Path(report["source"]["path"]))
    rows = list(_rows("original", report["source"]["truth"], None, check.truth(original), None))
    for outcome in report["outcomes"]:
        if outcome["status"] == "converted" and outcome["files"][0].endswith(".onnx"):
            other, comparison = check.run(Path(outcome["files"][0])), outcome["comparison"]
            own = check.agreement(original, other)
            rows += _rows(outcome["target"], comparison["truth"], comparison["agreement"], check.truth(other), own)
    print("| file | figure | report | computed independently |\n|---|---|---|---|")
    for file, name, said, computed in rows:
        print(f"| {file} | {name} | {said:.8f} | {computed:.8f} |")
    worst = max((abs(said - computed) for _, _, said, computed in rows), default=0.0)
    print(f"\n{len(rows)} figures, largest difference {worst:.1e}")
    return 0 if worst <= _TOLERANCE else 1


def _rows(
    file: str, truth: list[dict[str, Any]], agreement: dict[str, Any] | None, figures: Figures, own: float | None
) -> Iterator[tuple[str, str, float, float]]:
    if agreement is not None and own is not None:
        yield file, f"agreement: {agreement['metric']}", agreement["value"], own
    for entry in truth:
        yield file, entry["metric"], entry["value"], figures[entry["metric"]]


class _Check:
    """What all tasks do alike: find the pictures, prepare and run them."""

    def __init__(self, report: dict[str, Any], data: Path) -> None:
        self.preparation = report["preprocessing"]
        self.score = report["task"]["options"]["score"]
        self.names = report["task"]["class_names"]
        self.source = Path(report["source"]["path"])
        self.data = data
        self.files = sorted(path for path in data.rglob("*") if path.suffix.lower() in _SUFFIXES)

    def run(self, model: Path) -> list[Any]:
        """What it predicts for each picture."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(model), options)
        name = session.get_inputs()[0].name
        return [
            self.decode(session.run(None, {name: self.tensor(picture)})[0], picture.size) for picture in self.pictures()
        ]

    def pictures(self) -> Iterator[Image.Image]:
        """All of them, one by one."""
        for file in self.files:
            yield ImageOps.exif_transpose(Image.open(file)).convert("RGB")

    def tensor(self, picture: Image.Image) -> np.ndarray:
        """As the report says that it is prepared."""
        height, width = self.preparation["size"]
        offset, size = self.place(picture.size)
        canvas = Image.new("RGB", (width, height), (114, 114, 114))
        canvas.paste(picture.resize(size, Image.Resampling.BILINEAR), offset)
        pixels = np.asarray(canvas, np.float32)
        if self.preparation["color"] == "bgr":
            pixels = pixels[:, :, ::-1]
        mean, std = (np.array(self.preparation[key], np.float32) for key in ("mean", "std"))
        return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1)[None])

    def place(self, picture: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Upper left corner and size of the resized picture in the input."""
        height, width = self.preparation["size"]
        fit, (across, down) = self.preparation["fit"], picture
        if fit == "stretch":
            return (0, 0), (width, height)
        if fit == "crop":
            scale = max(width / across, height / down) / 0.875
            size = max(width, round(across * scale)), max(height, round(down * scale))
            return (-((size[0] - width) // 2), -((size[1] - height) // 2)), size
        scale = min(width / across, height / down)
        size = min(width, max(1, round(across * scale))), min(height, max(1, round(down * scale)))
        return ((width - size[0]) // 2, (height - size[1]) // 2) if fit == "pad" else (0, 0), size

    def decode(self, output: np.ndarray, picture: tuple[int, int]) -> Any:
        raise NotImplementedError

    def truth(self, predictions: list[Any]) -> Figures:
        raise NotImplementedError

    def agreement(self, predictions: list[Any], others: list[Any]) -> float:
        raise NotImplementedError


class _Classification(_Check):
    def decode(self, output: np.ndarray, picture: tuple[int, int]) -> Any:  # noqa: ARG002 - as the others
        return [int(index) for index in np.argsort(-output.ravel(), kind="stable")[:5]]

    def truth(self, predictions: list[Any]) -> Figures:
        with (self.data / "labels.csv").open(encoding="utf-8-sig", newline="") as file:
            labels = {row["file"]: int(row["label"]) for row in csv.DictReader(file)}
        first = fifth = 0
        for file, best in zip(self.files, predictions, strict=True):
            label = labels[file.name]
            first += best[0] == label
            fifth += label in best
        return {"top-1": first / len(predictions), "top-5": fifth / len(predictions)}

    def agreement(self, predictions: list[Any], others: list[Any]) -> float:
        return sum(a[0] == b[0] for a, b in zip(predictions, others, strict=True)) / len(predictions)


class _Detection(_Check):
    def decode(self, output: np.ndarray, picture: tuple[int, int]) -> Any:
        """(score, class, box in pixels of the picture), the best first."""
        found, threshold = (self._grid(output[0]), 0.45) if output.ndim == 4 else (self._columns(output[0]), 0.7)
        kept: list[tuple[float, int, tuple[float, ...]]] = []
        for score, label, box in sorted(found, key=lambda one: -one[0]):
            if all(other != label or _iou(box, rival) <= threshold for _, other, rival in kept):
                kept.append((score, label, box))
        (left, top), (width, height) = self.place(picture)
        boxes = []
        for score, label, (x1, y1, x2, y2) in kept[:300]:
            xs = [min(max((x - left) * picture[0] / width, 0), picture[0]) for x in (x1, x2)]
            ys = [min(max((y - top) * picture[1] / height, 0), picture[1]) for y in (y1, y2)]
            if xs[1] > xs[0] and ys[1] > ys[0]:
                boxes.append((score, label, (xs[0], ys[0], xs[1], ys[1])))
        return boxes

    def _columns(self, output: np.ndarray) -> Iterator[tuple[float, int, tuple[float, ...]]]:
        """YOLOv8: centre, size, one score for each class."""
        for row in output.T.astype(np.float64):
            label = int(row[4:].argmax())
            if row[4 + label] >= 0.01:
                x, y, w, h = row[:4]
                yield float(row[4 + label]), label, (x - w / 2, y - h / 2, x + w / 2, y + h / 2)

    def _grid(self, output: np.ndarray) -> Iterator[tuple[float, int, tuple[float, ...]]]:
        """FastestDet: objectness, offsets, sizes, shares of the classes."""
        height, width = self.preparation["size"]
        rows, columns = output.shape[1:]
        for row in range(rows):
            for column in range(columns):
                cell = output[:, row, column].astype(np.float64)
                label = int(cell[5:].argmax())
                score = float(cell[0] ** 0.6 * cell[5 + label] ** 0.4)
                if score >= 0.01:
                    x = (column + np.tanh(cell[1])) / columns * width
                    y = (row + np.tanh(cell[2])) / rows * height
                    w, h = (side / (1 + np.exp(-value)) for side, value in ((width, cell[3]), (height, cell[4])))
                    yield score, label, (x - w / 2, y - h / 2, x + w / 2, y + h / 2)

    def truth(self, predictions: list[Any]) -> Figures:
        described = next(self.data.rglob("*.yaml"), None)
        if described is None:
            return {}  # the agreement alone, then
        with described.open(encoding="utf-8") as file:
            classes = len(yaml.safe_load(file)["names"])
        annotations, results, images = [], [], []
        for number, (file, boxes) in enumerate(zip(self.files, predictions, strict=True), start=1):
            width, height = Image.open(file).size
            images.append({"id": number, "width": width, "height": height})
            label_file = Path(*("labels" if part == "images" else part for part in file.with_suffix(".txt").parts))
            for line in label_file.read_text().splitlines() if label_file.is_file() else ():
                label, x, y, w, h = (float(word) for word in line.split())
                # Cut off at the edge, where rounded numbers reach beyond it.
                x1, y1 = max((x - w / 2) * width, 0), max((y - h / 2) * height, 0)
                x2, y2 = min((x + w / 2) * width, width), min((y + h / 2) * height, height)
                box = [x1, y1, x2 - x1, y2 - y1]
                entry = {"id": len(annotations) + 1, "image_id": number, "category_id": int(label), "bbox": box}
                annotations.append({**entry, "area": box[2] * box[3], "iscrowd": 0})
            for score, label, (x1, y1, x2, y2) in boxes:
                box = [x1, y1, x2 - x1, y2 - y1]
                results.append({"image_id": number, "category_id": label, "bbox": box, "score": score})
        stats = _coco(images, annotations, results, range(classes), "bbox")
        return {"map-50-95": stats[0], "map-50": stats[1]}

    def agreement(self, predictions: list[Any], others: list[Any]) -> float:
        matched = total = 0
        for mine, theirs in zip(predictions, others, strict=True):
            mine, theirs = ([one for one in boxes if one[0] >= self.score] for boxes in (mine, theirs))
            total += len(mine) + len(theirs)
            pairs = [(_iou(a[2], b[2]), i, j) for i, a in enumerate(mine) for j, b in enumerate(theirs) if a[1] == b[1]]
            used: set[tuple[str, int]] = set()
            for overlap, i, j in sorted(pairs, reverse=True):
                if overlap >= 0.5 and not used & {("a", i), ("b", j)}:
                    used |= {("a", i), ("b", j)}
                    matched += 1
        return 2 * matched / total


class _Keypoints(_Check):
    """Each labelled person, cut out with a quarter more room in the proportions of the input."""

    def __init__(self, report: dict[str, Any], data: Path) -> None:
        super().__init__(report, data)
        name = report["task"]["labels"].split("COCO, ")[1].split(",")[0]
        document = json.loads(next(data.rglob(name)).read_text(encoding="utf-8"))
        ids = {image["file_name"]: image["id"] for image in document["images"]}
        self.people = [
            (file, annotation)
            for file in self.files
            for annotation in document["annotations"]
            if annotation["image_id"] == ids[file.name]
            and not annotation["iscrowd"]
            and any(seen > 0 for seen in annotation["keypoints"][2::3])
        ]

    def _region(self, box: Sequence[float]) -> tuple[int, int, int, int]:
        height, width = self.preparation["size"]
        x, y, w, h = (float(np.float32(value)) for value in box)
        room_x, room_y = w * 1.25, h * 1.25
        across, down = max(room_x, room_y * width / height), max(room_y, room_x / (width / height))
        left, top = round((x + x + w - across) / 2), round((y + y + h - down) / 2)
        return left, top, left + round(across), top + round(down)

    def pictures(self) -> Iterator[Image.Image]:
        for file, annotation in self.people:
            yield Image.open(file).convert("RGB").crop(self._region(annotation["bbox"]))

    def decode(self, output: np.ndarray, picture: tuple[int, int]) -> Any:
        """Points in pixels of the crop, and their scores."""
        points, (left, top), size = [], *self.place(picture)
        height, width = self.preparation["size"]
        for heat in output[0]:
            row, column = (int(part) for part in np.unravel_index(heat.argmax(), heat.shape))
            x, y = float(column), float(row)
            if 1 < column < heat.shape[1] - 1 and row > 0:
                x += 0.25 * np.sign(float(heat[row, column + 1]) - float(heat[row, column - 1]))
            if 1 < row < heat.shape[0] - 1 and column > 0:
                y += 0.25 * np.sign(float(heat[row + 1, column]) - float(heat[row - 1, column]))
            x, y = x * width / heat.shape[1], y * height / heat.shape[0]
            x, y = (x - left) * picture[0] / size[0], (y - top) * picture[1] / size[1]
            points.append((x, y, float(heat[row, column])))
        return picture, points

    def truth(self, predictions: list[Any]) -> Figures:
        annotations, results, images, similarities = [], [], [], []
        for number, ((_, labelled), (size, points)) in enumerate(zip(self.people, predictions, strict=True), start=1):
            left, top, *_ = self._region(labelled["bbox"])
            images.append({"id": number, "width": size[0], "height": size[1]})
            moved = [value - (left, top, 0)[place % 3] for place, value in enumerate(labelled["keypoints"])]
            x, y, w, h = labelled["bbox"]
            entry = {"image_id": number, "category_id": 1}
            annotations.append(
                {
                    **labelled,
                    **entry,
                    "id": number,
                    "bbox": [x - left, y - top, w, h],
                    "keypoints": moved,
                    "num_keypoints": sum(seen > 0 for seen in moved[2::3]),
                }
            )
            flat = [value for x, y, _ in points for value in (x, y, 1)]
            results.append({**entry, "keypoints": flat, "score": float(np.mean([score for *_, score in points]))})
            similarities.append(self._similarity(moved, points, labelled["area"]))
        stats = _coco(images, annotations, results, [1], "keypoints")
        return {"oks-ap": stats[0], "oks-ap-50": stats[1], "oks": float(np.mean(similarities))}

    def _similarity(self, labelled: list[float], points: list[Any], area: float) -> float:
        kept = []
        for place, (x, y, _) in enumerate(points):
            true_x, true_y, seen = labelled[3 * place : 3 * place + 3]
            if seen > 0:
                squared = (x - true_x) ** 2 + (y - true_y) ** 2
                kept.append(np.exp(-squared / (2 * area * (2 * _SIGMAS[place]) ** 2)))
        return float(np.mean(kept))

    def agreement(self, predictions: list[Any], others: list[Any]) -> float:
        values = []
        for (size, mine), (_, theirs) in zip(predictions, others, strict=True):
            width, height = (max(point[axis] for point in mine) - min(point[axis] for point in mine) for axis in (0, 1))
            extent = max(np.sqrt(width * height), 0.1 * np.sqrt(size[0] * size[1]))
            total = weights = 0.0
            for place, ((x, y, score), (other_x, other_y, _)) in enumerate(zip(mine, theirs, strict=True)):
                squared = (x - other_x) ** 2 + (y - other_y) ** 2
                total += max(score, 0) * np.exp(-squared / (2 * extent**2 * (2 * _SIGMAS[place]) ** 2))
                weights += max(score, 0)
            values.append(total / weights)
        return float(np.mean(values))


class _Text(_Check):
    def __init__(self, report: dict[str, Any], data: Path) -> None:
        super().__init__(report, data)
        metadata = {entry.key: entry.value for entry in onnx.load(str(self.source)).metadata_props}
        self.characters = ["", *metadata["character"].split("\n"), " "]

    def decode(self, output: np.ndarray, picture: tuple[int, int]) -> Any:  # noqa: ARG002 - as the others
        text, before = "", 0
        for row in output[0]:
            best = int(row.argmax())
            if best not in (0, before):
                text += self.characters[best]
            before = best
        return text

    def truth(self, predictions: list[Any]) -> Figures:
        labels = self._labels()
        words, characters = [], []
        for file, text in zip(self.files, predictions, strict=True):
            label = labels[file.name]
            words.append(text == label)
            characters.append(max(0.0, 1 - _edit_distance(text, label) / max(1, len(label))))
        return {"words": float(np.mean(words)), "characters": float(np.mean(characters))}

    def _labels(self) -> dict[str, str]:
        table = self.data / "labels.csv"
        if table.is_file():
            with table.open(encoding="utf-8-sig", newline="") as file:
                return {row["file"]: row.get("text") or row.get("label") or "" for row in csv.DictReader(file)}
        document = next(
            path for path in (self.data / "labels.json", self.data.parent / "labels.json") if path.is_file()
        )
        entries = json.loads(document.read_text(encoding="utf-8"))["data_list"]
        return {Path(entry["img_path"]).name: entry["instances"][0]["text"] for entry in entries}

    def agreement(self, predictions: list[Any], others: list[Any]) -> float:
        # Pictures in which neither reads anything do not count.
        pairs = [(a, b) for a, b in zip(predictions, others, strict=True) if a or b]
        return sum(a == b for a, b in pairs) / len(pairs)


_CHECKS: dict[str, type[_Check]] = {
    "classification": _Classification,
    "detection": _Detection,
    "keypoints": _Keypoints,
    "text": _Text,
}

_SIGMAS = [value / 10 for value in (0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87)]
_SIGMAS += [0.087, 0.089, 0.089]


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def _edit_distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, first in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, second in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (first != second))
    return row[-1]


def _coco(images: Any, annotations: Any, results: Any, categories: Any, kind: str) -> Any:
    """The figures of pycocotools, from two JSON files."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    data = {"info": {}, "images": images, "annotations": annotations}
    data["categories"] = [{"id": index, "name": str(index)} for index in categories]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        for name, content in (("truth", data), ("results", results)):
            (Path(folder) / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        truth = COCO(f"{folder}/truth.json")
        evaluation = COCOeval(truth, truth.loadRes(f"{folder}/results.json"), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


if __name__ == "__main__":
    sys.exit(main())
