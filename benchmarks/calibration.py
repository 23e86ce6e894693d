"""Compare calibration methods for static 8-bit ONNX models, each in a process of its own.

    python benchmarks/calibration.py MODEL --images CALIBRATION --test-images OTHERS --mean 127 --std 128

Prints a Markdown table: SQNR and agreement with the source over the test pictures, size, time per picture relative
to the source, seconds for making the file, and the peak memory of the process (not known on Windows).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.common.paths import PROJECT_ROOT
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import ImageReader, Split, read_folder
from core.inputs.samples import load_samples
from core.metrics.similarity import ModelSimilarity
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from core.quantization.observers.ranges import RangeMethod
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.layers import add_biases, name_nodes
from core.quantization.onnx.static import QUANTIZED_OPERATORS, quantize_static
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds

STOCK = "onnxruntime min-max"
METHODS = (STOCK, *get_args(RangeMethod))


def main() -> None:
    """Measure every method and print the table."""
    arguments = parse()
    if arguments.method:
        print(json.dumps(measure(arguments)))
        return
    print("| method | pictures | SQNR | agreement | MB | time | seconds | peak memory |")
    print("|---|---|---|---|---|---|---|---|")
    for method in METHODS:
        row = in_own_process("benchmarks.calibration", "--method", method)
        print(
            f"| {method} | {arguments.count} | {row['sqnr']:.1f} dB | {row['agreement']:.2%} | {row['size'] / 1e6:.2f} "
            f"| {row['time']:.2f} | {row['seconds']:.1f} | {row['memory']:.0f} MB |",
            flush=True,
        )


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = parser_for_pictures(__doc__)
    parser.add_argument("--count", type=int, default=100, help="calibration pictures; fewer are repeated")
    parser.add_argument("--method", choices=METHODS, help=argparse.SUPPRESS)
    return parser.parse_args()


def parser_for_pictures(description: str | None) -> argparse.ArgumentParser:
    """A parser of a model, its pictures and how they become numbers."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=lambda text: Path(text).resolve())
    parser.add_argument("--images", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--test-images", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--mean", type=float, default=127.5)
    parser.add_argument("--std", type=float, default=127.5)
    return parser


def in_own_process(module: str, *arguments: str) -> dict[str, float]:
    """What a benchmark prints last, run with the same command line and some more arguments."""
    command = [sys.executable, "-m", module, *sys.argv[1:], *arguments]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Make one file and compare it with the source."""
    source = inspect(arguments.model)
    size = tuple(side if isinstance(side, int) else 224 for side in source.image_size)
    preprocessing = Preprocessing(size, mean=(arguments.mean,) * 3, std=(arguments.std,) * 3)  # type: ignore[arg-type]
    files = read_folder(arguments.images).files
    files = tuple(files[number % len(files)] for number in range(arguments.count))
    test = read_folder(arguments.test_images).files
    context = ConversionContext(source, preprocessing, split=Split(files, test), folder=arguments.model.parent)
    model = context.prepared.clean.read()
    start = time.perf_counter()
    made = by_onnxruntime(model, context) if arguments.method == STOCK else by_us(model, context, arguments.method)
    seconds = time.perf_counter() - start
    memory = peak_memory()
    samples = load_samples(source, preprocessing, files=test, reader=ImageReader())
    return {
        **compare(OnnxPredictor(source.path, threads=1), OnnxPredictor(made, threads=1), samples),
        "size": made.ByteSize(),
        "seconds": seconds,
        "memory": memory,
    }


def by_us(model: onnx.ModelProto, context: ConversionContext, method: Any) -> onnx.ModelProto:
    """As the target does it, with this method."""
    name_nodes(model)
    add_biases(model)
    count = context.calibration_count
    feeds = context.calibration_feeds(silent)
    statistics = collect_statistics(model, feeds, operators=QUANTIZED_OPERATORS, count=count)
    return quantize_static(model, statistics, method=method).model


def by_onnxruntime(model: onnx.ModelProto, context: ConversionContext) -> onnx.ModelProto:
    """As onnxruntime does it by itself, per channel and with unsigned activations."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """The calibration samples."""

        def __init__(self) -> None:
            self._feeds = context.calibration_feeds(silent)

        def get_next(self) -> Feeds | None:
            """The next sample, or None at the end."""
            return next(self._feeds, None)

    import tempfile

    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stock.onnx"
        quantize_static(
            model, str(path), Reader(), per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8
        )
        return onnx.load(str(path))


def compare(source: OnnxPredictor, made: OnnxPredictor, samples: Any) -> dict[str, float]:
    """SQNR and top-1 agreement of the first output, and time relative to the source."""
    similarity, agrees, times = ModelSimilarity(source.outputs), [], []
    for sample in samples:
        start = time.perf_counter()
        exact = source.run(sample.feeds)
        middle = time.perf_counter()
        other = made.run(sample.feeds)
        times.append((middle - start, time.perf_counter() - middle))
        similarity.update(exact, other)
        agrees.append(all(int(exact[name].argmax()) == int(other[name].argmax()) for name in source.outputs[:1]))
    exact_time, other_time = np.median(np.array(times), axis=0)
    return {
        "sqnr": similarity.compute()[0].sqnr_db,
        "agreement": float(np.mean(agrees)),
        "time": float(other_time / exact_time),
    }


def peak_memory() -> float:
    """Peak memory of this process so far, in MB."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
