"""Check a job's files without a line of EdgePress: ``python benchmarks/check.py report.json --pictures DIR``.

It loads each file with its runtime alone, feeds it inputs of its own, and holds every output against the source's:
names, types, shapes, finite numbers, cosine. Where the source takes two pictures at once, or other sizes, the ONNX
files must too. Prints JSON: one entry for each converted target.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

LEAST, LEAST_8_BIT = 0.999, 0.9
"""Cosine of the worst output from which a file of 16 or 32 bit, or of 8 bit, counts as right."""
SIZES_TO_TRY = (576, 128, 16, 1)
"""For free dimensions of inputs that are no pictures."""

MOST_TO_TRY = (100, 2, 1)
"""Below which whole numbers of inputs lie: some are indices into the others."""

AS_MADE = "as made"
"""Inputs in the shape that the job used."""
LEAST_VALUE = 0.1
"""A column of scores that never reach this finds nothing, and what it holds is noise."""

Sums: TypeAlias = NDArray[np.float64]
"""Three rows: dot product, power of the source, power of the file."""
Feeds: TypeAlias = dict[str, NDArray[Any]]
Answer: TypeAlias = dict[str, NDArray[Any]]


class Onnx:
    """An ONNX file on the processor, with one thread."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = {one.name: (one.type, tuple(one.shape)) for one in self._session.get_inputs()}
        self.outputs = {one.name: one.type for one in self._session.get_outputs()}

    def __call__(self, feeds: Feeds) -> Answer:
        """Run once."""
        return dict(zip(self.outputs, self._session.run(None, feeds), strict=True))


class Ncnn:
    """An ncnn model with ncnn's default options and one thread."""

    def __init__(self, outcome: Mapping[str, Any]) -> None:
        import ncnn

        files = {Path(file).suffix: file for file in outcome["files"]}
        self._ncnn, self._inputs, self._outputs = ncnn, outcome["inputs"], outcome["outputs"]
        self._integers = set(outcome["integer_inputs"])
        self._net = ncnn.Net()
        self._net.opt.num_threads = 1
        if self._net.load_param(files[".param"]) or self._net.load_model(files[".bin"]):
            raise ValueError("ncnn does not load it")

    def __call__(self, feeds: Feeds) -> Answer:
        """Run once; answers have no batch axis."""
        extractor = self._net.create_extractor()
        for name, blob in self._inputs.items():
            array = feeds[name][0] if feeds[name].ndim > 1 and feeds[name].shape[0] == 1 else feeds[name]
            kind = np.int32 if name in self._integers else np.float32
            values = np.ascontiguousarray(array, kind)  # a Mat does not keep the array alive
            if extractor.input(blob, self._ncnn.Mat(values).clone()):
                raise ValueError(f"ncnn does not take {name}")
        return {name: self._extract(extractor, blob) for name, blob in self._outputs.items()}

    def _extract(self, extractor: Any, blob: str) -> NDArray[Any]:
        code, mat = extractor.extract(blob)
        if code:
            raise ValueError(f"ncnn stopped with {code} at {blob}")
        return np.array(mat)


class Tally:
    """What differs over all inputs: cosine of each output, of each column of a table, and which row entries lead."""

    def __init__(self) -> None:
        self._sums: dict[str, Sums] = {}
        self._columns: dict[str, Sums] = {}
        self._largest: dict[str, NDArray[np.float64]] = {}
        self._same: list[float] = []

    def add(self, source: Answer, other: Answer) -> None:
        """Take in one pair of answers.

        Raises:
            ValueError: a name, a shape or a number shows that the file is wrong.
        """
        if set(source) != set(other):
            raise ValueError(f"outputs {sorted(other)} instead of {sorted(source)}")
        for name, expected in source.items():
            a, b = _comparable(name, expected, other[name])
            self._sums[name] = self._sums.get(name, 0) + _products(a.reshape(1, -1), b.reshape(1, -1))
            if _is_table(expected):
                self._add_columns(name, a, b)
        scores = _scores(source)
        if scores is not None:
            classes = source[scores].shape[-1]
            leaders = [np.reshape(each[scores], (-1, classes)).argmax(1) for each in (source, other)]
            self._same.append(float(np.mean(np.equal(*leaders))))

    def _add_columns(self, name: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
        axis = 1 if a.shape[1] < a.shape[2] else 2
        name = f"{name}, {a.shape[axis]} columns"
        a, b = (np.moveaxis(each, axis, 0).reshape(each.shape[axis], -1) for each in (a, b))
        self._columns[name] = self._columns.get(name, 0) + _products(a, b)
        self._largest[name] = np.maximum(self._largest.get(name, 0), np.abs(a).max(1))

    @property
    def is_filled(self) -> bool:
        """Whether anything was compared."""
        return bool(self._sums)

    @property
    def cosine(self) -> float:
        """Of the output that strays most."""
        return min(_cosine(*sums[:, 0]) for sums in self._sums.values())

    @property
    def column(self) -> float | None:
        """Of the column that strays most, among those that hold values worth looking at.

        In a detector's one output, boxes in pixels drown scores below 1, of which the whole cosine then says nothing.
        """
        cosines = [
            _cosine(*sums[:, column])
            for name, sums in self._columns.items()
            for column in np.flatnonzero(self._largest[name] >= LEAST_VALUE)
        ]
        return min(cosines, default=None)

    @property
    def agreement(self) -> float | None:
        """Share of rows of the scores whose largest value stands in the same place."""
        return float(np.mean(self._same)) if self._same else None


def _comparable(
    name: str, expected: NDArray[Any], given: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both in one shape; what is not finite in the source as well counts as equal."""
    if expected.size != given.size:
        raise ValueError(f"{name} has the shape {given.shape} instead of {expected.shape}")
    a, b = expected.astype(np.float64), np.asarray(given, np.float64).reshape(expected.shape)
    counts = np.isfinite(a)
    if not np.isfinite(b[counts]).all():
        raise ValueError(f"{name} has numbers that are not finite")
    return np.where(counts, a, 0), np.where(counts, b, 0)


def _products(a: NDArray[np.float64], b: NDArray[np.float64]) -> Sums:
    return np.array([(a * b).sum(1), (a * a).sum(1), (b * b).sum(1)])


def _is_table(values: NDArray[Any]) -> bool:
    """(inputs, rows, columns) or (inputs, columns, rows), as detectors give, but no rows of probabilities."""
    return values.ndim == 3 and min(values.shape[1:]) > 1 and not _is_probability(values)


def _is_probability(values: NDArray[Any]) -> bool:
    return bool(values.ndim > 1 and values.shape[-1] > 1 and np.allclose(values.sum(-1), 1, atol=1e-2))


def _scores(answer: Answer) -> str | None:
    """The output that puts things into classes: rows of probabilities, or the only output, if it has one row."""
    for name, values in answer.items():
        if _is_probability(values):
            return name
    name, values = next(iter(answer.items()))
    return name if len(answer) == 1 and values.ndim == 2 and values.shape[1] > 1 else None


def _cosine(dot: float, power: float, other: float) -> float:
    if power == 0 or other == 0:
        return 1.0 if power == other else 0.0
    return min(1.0, float(dot / np.sqrt(power) / np.sqrt(other)))  # rounding may lead just past 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one job and print what was found."""
    parser = argparse.ArgumentParser(description="Check converted files without EdgePress's own code.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--pictures", type=Path, help="folder with pictures; needed for models that take them")
    parser.add_argument("--sizes", type=json.loads, default={}, help="free dimensions of other inputs, as JSON")
    parser.add_argument("--indices", type=json.loads, default={}, help="inputs of whole numbers below these, as JSON")
    parser.add_argument(
        "--given", type=json.loads, default={}, help="inputs that are the same for every sample, as JSON"
    )
    options = parser.parse_args(arguments)
    report = json.loads(options.report.read_text(encoding="utf-8"))
    source = Onnx(Path(report["source"]["path"]))
    inputs = list(_inputs(source, report, options))
    found = {
        outcome["target"]: _check(outcome, source, inputs, is_visual=options.pictures is not None)
        for outcome in report["outcomes"]
        if outcome["status"] == "converted"
    }
    json.dump(found, sys.stdout)
    return 0


def _check(
    outcome: Mapping[str, Any], source: Onnx, inputs: Sequence[tuple[str, list[Feeds]]], *, is_visual: bool
) -> dict[str, Any]:
    try:
        tally = (
            _onnx(outcome, source, inputs) if outcome["target"].startswith("onnx") else _ncnn(outcome, source, inputs)
        )
    # Whatever a runtime raises on a bad file is the finding.
    except Exception as exc:  # noqa: BLE001
        return {"wrong": str(exc)[:400], "cosine": None, "column": None, "agreement": None}
    if not tally.is_filled:
        return {"wrong": "no inputs were found to check it on", "cosine": None, "column": None, "agreement": None}
    least = LEAST_8_BIT if "quan" in outcome["target"] else LEAST
    wrong = None if tally.cosine >= least else f"cosine {tally.cosine:.4f}"
    return {
        "wrong": wrong,
        "cosine": tally.cosine,
        "column": tally.column if is_visual else None,
        "agreement": tally.agreement,
    }


def _onnx(outcome: Mapping[str, Any], source: Onnx, inputs: Sequence[tuple[str, list[Feeds]]]) -> Tally:
    (file,) = outcome["files"]
    other = Onnx(Path(file))
    if {name: kind for name, (kind, _) in other.inputs.items()} != {n: kind for n, (kind, _) in source.inputs.items()}:
        raise ValueError(f"inputs {other.inputs} instead of {source.inputs}")
    if other.outputs != source.outputs:
        raise ValueError(f"outputs {other.outputs} instead of {source.outputs}")
    tally = Tally()
    for kind, samples in inputs:
        for feeds in samples:
            try:
                tally.add(source(feeds), other(feeds))
            except Exception as exc:
                raise ValueError(f"{kind}: {exc}") from exc
    return tally


def _ncnn(outcome: Mapping[str, Any], source: Onnx, inputs: Sequence[tuple[str, list[Feeds]]]) -> Tally:
    """An ncnn file is made for one shape only, and for one sample where the source takes several at a time."""
    other, tally = Ncnn(outcome), Tally()
    for kind, samples in inputs:
        if kind == AS_MADE:
            for feeds in samples:
                answer = source(feeds)
                tally.add(answer, _one_by_one(other, feeds, answer) or other(feeds))
    return tally


def _one_by_one(other: Ncnn, feeds: Feeds, answer: Answer) -> Answer | None:
    """The answers for each sample of a batch; None where it is no batch for this file."""
    counts = {array.shape[0] if array.ndim > 1 else 0 for array in (*feeds.values(), *answer.values())}
    count = counts.pop()
    if counts or count < 2:
        return None
    try:
        parts = [other({name: array[[index]] for name, array in feeds.items()}) for index in range(count)]
    except ValueError:
        return None
    joined = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    return joined if all(joined[name].size == array.size for name, array in answer.items()) else None


def _inputs(source: Onnx, report: Mapping[str, Any], options: argparse.Namespace) -> Iterator[tuple[str, list[Feeds]]]:
    """Groups of inputs that the source takes, with what is special about them."""
    pictures = options.pictures
    if pictures is None:
        yield from _arrays(source, options)
        return
    ((name, (_, shape)),) = source.inputs.items()
    how = report["preprocessing"]
    height, width = how["size"]
    files = sorted(path for path in pictures.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    batch = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else 1
    made = [{name: np.repeat(_tensor(file, how, (height, width)), batch, axis=0)} for file in files]
    yield AS_MADE, made
    if batch == 1 and not isinstance(shape[0], int):
        two = {name: np.concatenate([made[0][name], made[-1][name]])}
        if _runs(source, two):
            yield "two pictures at once", [two]
    axes = (1, 2) if how["layout"] == "nhwc" else (2, 3)
    grown = tuple(
        size + (0 if isinstance(shape[axis], int) else 32) for size, axis in zip((height, width), axes, strict=True)
    )
    if grown != (height, width):
        larger = {name: _tensor(files[0], how, grown)}
        if _runs(source, larger):
            yield "a larger picture", [larger]


def _tensor(file: Path, how: Mapping[str, Any], size: tuple[int, ...]) -> NDArray[np.float32]:
    """A picture stretched to the size: another way than most jobs bring it there, so these inputs are new."""
    with Image.open(file) as picture:
        resized = picture.convert("L" if how["color"] == "gray" else "RGB").resize((size[1], size[0]))
    pixels = np.atleast_3d(np.asarray(resized, np.float32))
    if how["color"] == "bgr":
        pixels = pixels[:, :, ::-1]
    pixels = (pixels - np.array(how["mean"], np.float32)) / np.array(how["std"], np.float32)
    if how["layout"] == "nchw":
        pixels = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels[None], np.float32)


def _arrays(source: Onnx, options: argparse.Namespace) -> Iterator[tuple[str, list[Feeds]]]:
    """Noise for everything that is no picture, in the two longest shapes that the source takes."""
    groups = noise(source, count=6, seed=4711, sizes=options.sizes, indices=options.indices, given=options.given)
    yield from zip((AS_MADE, "another length"), groups, strict=False)


def noise(
    source: Onnx,
    *,
    count: int,
    seed: int,
    sizes: Mapping[str, int],
    indices: Mapping[str, int],
    given: Mapping[str, float],
) -> Iterator[list[Feeds]]:
    """Random inputs in each shape that the source takes, the largest first.

    Args:
        source: the model.
        count: samples in each shape.
        seed: of the numbers.
        sizes: free dimensions that are known.
        indices: inputs of whole numbers, and what these are below.
        given: inputs that are the same for every sample.
    """
    free = sorted({key for name in source.inputs for key in _free(source, name)} - set(sizes))
    for most, chosen in itertools.product(MOST_TO_TRY, itertools.product(SIZES_TO_TRY, repeat=len(free))):
        shapes = {**dict(zip(free, chosen, strict=True)), **sizes}
        random = np.random.default_rng(seed)
        samples = [
            {
                name: _array(source, name, shapes, most=indices.get(name, most), random=random, whole=name in indices)
                for name in source.inputs
            }
            for _ in range(count)
        ]
        for feeds in samples:
            feeds.update({name: np.full_like(feeds[name], number) for name, number in given.items()})
        if all(_runs(source, feeds) for feeds in samples):
            yield samples


def _free(source: Onnx, name: str) -> Iterator[str]:
    for axis, size in enumerate(source.inputs[name][1]):
        if not isinstance(size, int) and axis > 0 and "batch" not in str(size):
            yield str(size) if size else f"{name}/{axis}"


def _array(
    source: Onnx, name: str, sizes: Mapping[str, int], *, most: int, random: np.random.Generator, whole: bool = False
) -> NDArray[Any]:
    kind, shape = source.inputs[name]
    full = [
        size if isinstance(size, int) else sizes.get(str(size) if size else f"{name}/{axis}", 1)
        for axis, size in enumerate(shape)
    ]
    if "float" in kind:
        dtype = {"tensor(float16)": np.float16, "tensor(double)": np.float64}.get(kind, np.float32)
        if whole:
            return random.integers(1, most, full).astype(dtype)
        return random.normal(0, 0.3, full).astype(dtype)
    dtype = {"tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_}.get(kind, np.int64)
    return np.ones(full, dtype) if "mask" in name else random.integers(most > 2, most, full).astype(dtype)


def _runs(source: Onnx, feeds: Feeds) -> bool:
    try:
        source(feeds)
    except Exception:  # noqa: BLE001 - onnxruntime has no common error
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
