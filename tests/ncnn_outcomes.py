"""What becomes of random graphs in ncnn: each is converted as the ncnn targets do it and checked on new inputs.

Native code may crash or hang, so the graphs are tried in child processes, which tell of each one when it begins and
when it is done; where a child dies, the graph that it had begun is the culprit, and a new child goes on behind it.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnxruntime

from core.common.errors import EdgePressError
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.evaluation.verdict import judge_numbers
from core.inputs.images import Split
from core.metrics.reference_check import compare_outputs
from core.onnx_model.inspect import inspect
from core.preflight.preflight import check_targets
from core.runtimes.onnx import OnnxPredictor
from core.targets import target_by_id
from ncnn_graphs import RandomGraph, build, random_feeds
from small import PREPROCESSING

RIGHT, REFUSED, FAILED, WRONG, CRASH, HANG = "right", "refused", "failed", "WRONG", "CRASH", "HANG"
UNSTABLE = "unstable"
"""The file differs, but so does the source when its inputs change in the last bits: nothing can be said."""

NO_GRAPH = "no graph"
"""onnxruntime does not run it, or its outputs are infinite."""

BAD = frozenset({WRONG, CRASH, HANG})
NCNN_TARGETS = ("ncnn", "ncnn_fp16")

_LEAST_COSINE = {"ncnn": 0.999, "ncnn_fp16": 0.98}
_NEGLIGIBLE = {"ncnn": 1e-5, "ncnn_fp16": 2e-2}
"""Largest absolute difference that counts as none, relative to the largest number where that is above 1."""

_BATCH = 100
_IMPORT_SECONDS = 60.0
"""That a child may take longer for its first graph."""

_SAMPLES, _NEW_SAMPLES = 3, 3
_PREPARE, _AFTERWARDS = "source", "afterwards"
"""In place of a target: what happens before any is made, and when all are."""


Case: TypeAlias = tuple[int, "int | None"]
"""Seed of a graph, and how many of its layers to take; None for all."""


@dataclass(frozen=True)
class Outcome:
    """What became of one graph with one target."""

    case: Case
    layers: tuple[str, ...]
    target: str
    status: str
    reason: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether no converter may behave so."""
        return self.status in BAD


def try_one(model: onnx.ModelProto, targets: Sequence[str] = NCNN_TARGETS) -> Iterator[tuple[str, str, str]]:
    """Convert one graph and check each file with the ncnn wheel on inputs that the converter has not seen.

    Yields:
        Target, status and reason.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "random.onnx"
        path.write_bytes(model.SerializeToString())
        if not _runs(path, model):
            yield _PREPARE, NO_GRAPH, ""
            return
        try:
            source = inspect(path)
            files = tuple(_written(model, folder))
            context = ConversionContext(source, PREPROCESSING, split=Split(files, files), folder=folder)
            assert context.expected
        except EdgePressError as exc:
            yield _PREPARE, FAILED, _words(exc)
            return
        for target in targets:
            yield (target, *_try_target(target, context, model))


def _runs(path: Path, model: onnx.ModelProto) -> bool:
    try:
        session = _session(path)
        outputs = session.run(None, random_feeds(model, np.random.default_rng(0)))
    except Exception:  # noqa: BLE001 - onnxruntime has no common error
        return False
    return all(np.isfinite(output).all() for output in outputs)


def _session(path: Path, *, is_optimised: bool = True) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if not is_optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _written(model: onnx.ModelProto, folder: Path) -> Iterator[Path]:
    random = np.random.default_rng(1)
    for number in range(_SAMPLES):
        path = folder / f"{number}.npz"
        np.savez(path, **random_feeds(model, random))
        yield path


def _try_target(target_id: str, context: ConversionContext, model: onnx.ModelProto) -> tuple[str, str]:
    target = target_by_id(target_id)  # type: ignore[arg-type]
    (preflight,) = check_targets(context.source, targets=[target_id])
    if preflight.status == "cannot":
        return REFUSED, str(preflight.reason)
    try:
        artifact = target.make(context, context.folder, silent)
        predictor = target.open(artifact, context.expected, threads=1)
        references = [(sample.feeds, _source(context, sample.feeds)) for sample in context.test_samples()]
        differences = compare_outputs(predictor, references)
    except EdgePressError as exc:
        return FAILED, _words(exc)
    light = "failed"
    if differences is not None:
        light, _ = judge_numbers(differences, target.least_cosine, measured=True, decodes=False)
    if light == "failed":
        return FAILED, "evaluation: differs too much"  # a job would not hand it out
    return check(target.open(artifact, context.expected, threads=1), context.source.path, model, target_id)


def _source(context: ConversionContext, feeds: Any) -> dict[str, Any]:
    return OnnxPredictor(context.source.path, threads=1).run(feeds)


def check(predictor: Any, source: Path, model: onnx.ModelProto, target: str) -> tuple[str, str]:
    """The independent judgement: run the file and the source on new inputs.

    Returns:
        Status and reason.
    """
    random = np.random.default_rng(4711)
    feeds = [random_feeds(model, random) for _ in range(_NEW_SAMPLES)]
    try:
        made = [list(predictor.run(each).values()) for each in feeds]
    except EdgePressError as exc:
        return WRONG, f"does not run: {_words(exc)}"
    expected = [_session(source).run(None, each) for each in feeds]
    found = _difference(expected, made, target)
    if not found:
        return RIGHT, ""
    other = _session(source, is_optimised=False)
    nudged = [other.run(None, {name: _nudged(values) for name, values in each.items()}) for each in feeds]
    return (UNSTABLE, found) if _difference(expected, nudged, target) else (WRONG, found)


def _nudged(values: Any) -> Any:
    return values * np.float32(1 + 1e-6) if values.dtype == np.float32 else values


def _difference(expected: Sequence[Any], made: Sequence[Any], target: str) -> str:
    """What is wrong with the worst output, over all samples; empty where nothing is."""
    for index in range(len(expected[0])):
        pairs = [(one[index], np.asarray(other[index])) for one, other in zip(expected, made, strict=True)]
        if any(a.shape != b.shape for a, b in pairs):
            return f"output {index} has another shape"
        a, b = (np.concatenate([pair[side].astype(np.float64).ravel() for pair in pairs]) for side in (0, 1))
        if not np.isfinite(b[np.isfinite(a)]).all():
            return f"output {index} is not finite"
        a, b = np.where(np.isfinite(a), a, 0), np.where(np.isfinite(a), b, 0)
        largest, power = np.abs(a - b).max(initial=0), np.linalg.norm(a) * np.linalg.norm(b)
        cosine = a @ b / power if power else 0.0
        if cosine < _LEAST_COSINE[target] and largest > _NEGLIGIBLE[target] * max(1.0, np.abs(a).max(initial=0)):
            return f"output {index}: cosine {cosine:.4f}, largest difference {largest:.2g}"
    return ""


def _words(exc: EdgePressError) -> str:
    return f"{exc.reason} | {exc.detail}" if exc.detail else str(exc.reason)


def try_many(
    cases: Sequence[Case], *, targets: Sequence[str] = NCNN_TARGETS, seconds: float = 60.0
) -> Iterator[Outcome]:
    """Try graphs in child processes.

    Args:
        cases: the graphs, each another one.
        targets: ncnn targets.
        seconds: after which one graph counts as hanging.
    """
    left = list(cases)
    while left:
        batch, left = left[:_BATCH], left[_BATCH:]
        done = 0
        for outcome in _in_child(batch, targets, seconds):
            yield outcome
            done = batch.index(outcome.case) + 1
        left = [*batch[done:], *left]


def shortest(case: Case, *, targets: Sequence[str] = NCNN_TARGETS) -> tuple[Case, list[Outcome]]:
    """The shortest beginning of a graph that still comes out badly, with its outcomes."""
    for count in range(1, len(_graph(case).layers)):
        outcomes = list(try_many([(case[0], count)], targets=targets))
        if any(outcome.is_bad for outcome in outcomes):
            return (case[0], count), outcomes
    return case, list(try_many([case], targets=targets))


def _graph(case: Case) -> RandomGraph:
    return build(case[0], layers=case[1])


def _in_child(cases: Sequence[Case], targets: Sequence[str], seconds: float) -> Iterator[Outcome]:
    """Outcomes until the end, or until the child dies; then the last outcome says so."""
    processes = multiprocessing.get_context("spawn")
    here, there = processes.Pipe(duplex=False)
    child = processes.Process(target=_work, args=(there, list(cases), tuple(targets)), daemon=True)
    child.start()
    there.close()
    begun, left = cases[0], list(targets)
    try:
        while here.poll(seconds + (_IMPORT_SECONDS if begun == cases[0] else 0)):
            message = here.recv()
            if message is None:
                return
            if isinstance(message, Outcome):
                left = left[1:]
                yield message
            else:
                begun, left = message, list(targets)
        yield _ended(begun, left, HANG, f"more than {seconds:.0f} s")
    except EOFError:
        child.join()
        yield _ended(begun, left, CRASH, f"exit code {child.exitcode}")
    finally:
        child.kill()
        child.join()


def _ended(case: Case, left: Sequence[str], status: str, reason: str) -> Outcome:
    """The outcome of the target at which the child was."""
    return Outcome(case, _graph(case).layers, left[0] if left else _AFTERWARDS, status, reason)


def _work(connection: Connection, cases: Sequence[Case], targets: Sequence[str]) -> None:
    """In the child: send each case when it begins, and its outcomes."""
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 2)  # ncnn and onnxruntime write there
    for case in cases:
        connection.send(case)
        graph = _graph(case)
        done: list[str] = []
        try:
            for outcome in try_one(graph.model, targets):
                connection.send(Outcome(case, graph.layers, *outcome))
                done.append(outcome[0])
        except Exception as exc:  # noqa: BLE001 - an unexpected error is a finding, as a crash is
            target = targets[len(done)] if len(done) < len(targets) else _AFTERWARDS
            connection.send(Outcome(case, graph.layers, target, CRASH, f"{type(exc).__name__}: {exc}"[:300]))
    connection.send(None)
