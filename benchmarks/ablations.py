"""What each ingredient of the static 8-bit file is worth: the file without it, and onnxruntime's own.

    python benchmarks/ablations.py MODEL --images CALIBRATION --test-images OTHERS --size 224 --mean 127 --std 128

Prints a Markdown table: how many of the original's answers stay on the other pictures, in the terms of the model's task
(top-1, F1 of the objects, same text), the noise of the outputs, the size and the time of one picture, as shares of the
original's, and the seconds for making the file. Each row is made in a process of its own; times are taken by turns.

Other quantisers are held against it in the same run, each in an environment of its own (``benchmarks/peers``)::

    --peer nncf=ENVIRONMENT/bin/python --peer neural_compressor=ENVIRONMENT/bin/python
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.calibration import by_onnxruntime, in_own_process, parser_for_pictures
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.evaluation.choose_by_agreement import choose_by_agreement
from core.evaluation.evaluate import UnverifiedArtifact
from core.evaluation.paired_comparison import Candidate, Metrics, run_paired
from core.inputs.samples import Sample
from core.job.job import Job
from core.preprocessing import Preprocessing
from core.quantization.onnx.gptq import divide_by_scales
from core.quantization.onnx.sensitivity import Precisions
from core.runner import open_context, recognize_task
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.source import open_source
from core.targets.onnx_quan_st import OnnxQuanSt
from core.tasks.base import AnyTask

_TIMED = 20
"""Runs of each model for the time."""


def _nearest(weights: Any, scales: Any, hessian: Any, *, bounds: Any = None) -> Any:  # noqa: ARG001
    lower, upper = bounds or (-127, 127)
    return np.clip(np.rint(divide_by_scales(weights, scales)), lower, upper).astype(np.int8)


def _unbounded(layer: Any, ratios: Any) -> Any:  # noqa: ARG001
    most = np.full(ratios.shape, 127, np.float32)
    return type("Bounds", (), {"lower": -most, "upper": most})


def _finest(_layer: Any, _weights: Any, scales: Any, _importance: Any) -> Any:
    return np.ones_like(scales)


def _full_range(_method: Any, _histogram: Any, min_max: Any) -> Any:
    return min_max


def _not_corrected(*_: Any) -> None:
    """Leave the bias as it is."""


def _all_in_8_bit(*_: Any, **__: Any) -> Precisions:
    return Precisions()


def _as_made(artifacts: Sequence[UnverifiedArtifact], *_: Any, **__: Any) -> list[UnverifiedArtifact]:
    return list(artifacts)


_Q = "core.quantization.onnx"
_STOCK = "onnxruntime's own quantiser"
_PEERS = {"nncf": "NNCF", "neural_compressor": "Neural Compressor"}
"""Name of its script in ``benchmarks/peers`` -> its row."""

WITHOUT: dict[str, dict[str, Any]] = {
    "all of it": {},
    "without GPTQ": {f"{_Q}.quantize_weights.gptq_round": _nearest},
    "without bias correction": {f"{_Q}.quantize_weights._correct_bias": _not_corrected},
    "without bounds against saturation": {
        f"{_Q}.quantize_weights.weight_bounds": _unbounded,
        f"{_Q}.quantize_weights.choose_wider_scales": _finest,
    },
    "min-max ranges": {f"{_Q}.calibration.choose_range": _full_range},
    "all layers in 8 bit": {
        f"{_Q}.static.select_precisions": _all_in_8_bit,
        "benchmarks.ablations.choose_by_agreement": _as_made,
    },
    "chosen by noise alone": {"benchmarks.ablations.choose_by_agreement": _as_made},
    "noise of outputs, not of answers": {"core.conversion.context.find_prediction_noise": lambda *_, **__: None},
    _STOCK: {},
}
"""Row -> what is put in the place of which function."""


def main() -> None:
    """Make and measure every file, and print the table."""
    arguments = parse()
    if arguments.row:
        print(json.dumps(measure(arguments)))
        return
    print("| static 8 bit | answers kept | noise of the outputs | size | time | seconds |")
    print("|---|---|---|---|---|---|")
    for row in (*WITHOUT, *(title for name, title in _PEERS.items() if name in arguments.peer)):
        found = in_own_process("benchmarks.ablations", "--row", row)
        print(
            f"| {row} | {found['kept']:.1%} | {found['sqnr']:.1f} dB | {found['size']:.0%} | {found['time']:.2f} "
            f"| {found['seconds']:.0f} |",
            flush=True,
        )


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = parser_for_pictures(__doc__)
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split(","))), required=True, help="H,W or both")
    parser.add_argument(
        "--peer", metavar="NAME=PYTHON", action="append", default=[], help=f"one of {', '.join(_PEERS)}, and its Python"
    )
    parser.add_argument("--row", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.peer = dict(peer.split("=", 1) for peer in arguments.peer)
    return arguments


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Make one file, and hold it against the original."""
    size = (arguments.size * 2)[:2]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = Job(
            arguments.model,
            ("onnx_quan_st",),
            Preprocessing(size, mean=(arguments.mean,) * 3, std=(arguments.std,) * 3),
            folder,
            images=arguments.images,
            test_images=arguments.test_images,
        )
        context, folders = open_context(job, folder)
        task = recognize_task(job, context, folders)
        start = time.perf_counter()
        if arguments.row in WITHOUT and arguments.row != _STOCK:
            file = _ours(context, task, folder, arguments.row)
        else:
            file = _by_a_peer(context, folder, arguments)
        seconds = time.perf_counter() - start
        share = file.stat().st_size / arguments.model.stat().st_size
        return {**_compare(file, context, task), "size": share, "seconds": seconds}


def _ours(context: ConversionContext, task: AnyTask, folder: Path, row: str) -> Path:
    """As the target does it, with what the row says in the place of something."""
    with ExitStack() as stack:
        for name, value in WITHOUT[row].items():
            stack.enter_context(patch(name.replace("benchmarks.ablations", __name__), value))
        target = OnnxQuanSt()
        place = folder / "made"
        place.mkdir()
        made = UnverifiedArtifact(target, target.make(context, place, silent), 0.0)
        (chosen,) = choose_by_agreement([made], context, task=task, progress=silent, at_target=_no_target)
        file: Path = chosen.artifact.files[0]
        return file


def _no_target(_: Any) -> Any:
    return nullcontext()


def _by_a_peer(context: ConversionContext, folder: Path, arguments: argparse.Namespace) -> Path:
    """With its defaults, where it has them, from the prepared model and the same samples."""
    model, path = context.prepared.clean.read(), folder / "peer.onnx"
    if arguments.row == _STOCK:
        onnx.save(by_onnxruntime(model, context), path)
        return path
    name = next(name for name, title in _PEERS.items() if title == arguments.row)
    source, samples = folder / "prepared.onnx", folder / "samples"
    onnx.save(model, source)
    samples.mkdir()
    for number, feeds in enumerate(context.calibration_feeds(silent)):
        np.savez(samples / f"{number:05}.npz", **feeds)
    script = Path(__file__).parent / "peers" / f"{name}_quantizer.py"
    command = [arguments.peer[name], str(script), str(source), str(samples), str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    onnx.save(onnx.load(path), path)  # some write weights to a second file
    return path


def _compare(file: Path, context: ConversionContext, task: AnyTask) -> dict[str, float]:
    source, made = open_source(context.source.path, threads=1), OnnxPredictor(file, threads=1)
    candidate = Candidate(made, Metrics.empty(task, context.expected))
    run_paired(
        (replace(sample, image=None) for sample in context.test_samples()),
        source=source,
        metrics=Metrics.empty(task, context.expected),
        candidates={"onnx_quan_st": candidate},
        task=task,
        on_sample=lambda _: None,
    )
    if candidate.error is not None:
        raise candidate.error
    agreement = candidate.metrics.agreement.compute()
    noise = min(difference.sqnr_db for difference in candidate.metrics.similarity.compute())
    ratios = [_time(made, sample) / _time(source, sample) for sample in islice(context.test_samples(), _TIMED)]
    return {"kept": agreement.value if agreement else float("nan"), "sqnr": noise, "time": float(np.median(ratios))}


def _time(model: OnnxPredictor, sample: Sample) -> float:
    start = time.perf_counter()
    model.run(sample.feeds)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
