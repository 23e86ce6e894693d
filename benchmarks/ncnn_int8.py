"""Compare 8-bit quantisation for ncnn: the official KL and ACIQ, and EdgePress; prints a Markdown table.

    python benchmarks/ncnn_int8.py model.onnx --calibration DIR --test DIR --mean 127 --std 128

Each method runs in a process of its own, one thread, so that its time and memory are its own. The official ones
are EdgePress's reimplementations, tested byte for byte in tests/core/quantization/ncnn/test_official_ncnn2int8.py.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.peak_memory import peak_megabytes
from benchmarks.picture_options import add_picture_options, preprocessing_of
from core.conversion.prepare import prepare_model, run_source
from core.conversion.to_ncnn import convert_to_ncnn
from core.fp16.ncnn_writer import to_fp16
from core.inputs.images import ImageReader, read_folder
from core.inputs.samples import load_samples
from core.metrics.similarity import ModelSimilarity
from core.ncnn.model import NcnnModel
from core.ncnn.weights import write_weights
from core.onnx_model.inspect import inspect
from core.quantization.ncnn.official_ncnn2int8 import to_int8_official
from core.quantization.ncnn.official_ncnn2table import ClippingMethod, measure_table
from core.quantization.ncnn.plan import plan_quantization
from core.quantization.observers.abs_max import METHODS
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds

OWN = {f"EdgePress, {method}": method for method in METHODS}
ALL_METHODS = ("32 bit", "16 bit", "KL, official", "ACIQ, official", *OWN)


def main() -> None:
    """Print the table, one method a row."""
    options = _options()
    if options.method:
        print(_row(options, _converted(options), options.method), flush=True)
        return
    print("| method | top-1 agreement | SQNR, dB | size | ms a picture | time, plain passes | peak MB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        _convert(options, Path(folder))
        for method in ALL_METHODS:
            subprocess.run([sys.executable, *sys.argv, "--method", method, "--folder", folder], check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_picture_options(parser)
    parser.add_argument("--method", choices=ALL_METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _feeds(options: argparse.Namespace, folder: Path) -> Iterator[Feeds]:
    source = inspect(options.model)
    preprocessing, files = preprocessing_of(options, source), read_folder(folder).files
    for sample in load_samples(source, preprocessing, files=files, reader=ImageReader()):
        yield sample.feeds


def _convert(options: argparse.Namespace, folder: Path) -> None:
    feeds = next(_feeds(options, options.test))
    expected = run_source(options.model, feeds)
    prepared = prepare_model(options.model, feeds, expected, folder=folder / "models")
    made = convert_to_ncnn(
        (prepared.static.read(), prepared.uncleaned.read()), references=[(feeds, expected)], folder=folder / "pnnx"
    )
    made.save(folder / "model.param", folder / "model.bin")
    (folder / "names").write_text("\n".join((*made.inputs, *made.outputs)), encoding="utf-8")


def _converted(options: argparse.Namespace) -> NcnnModel:
    names = (options.folder / "names").read_text(encoding="utf-8").split("\n")
    inputs, outputs = {names[0]: "in0"}, {name: f"out{index}" for index, name in enumerate(names[1:])}
    return NcnnModel.load(options.folder / "model.param", options.folder / "model.bin", inputs=inputs, outputs=outputs)


def _row(options: argparse.Namespace, model: NcnnModel, method: str) -> str:
    count = len(read_folder(options.calibration).files)
    started = time.process_time()
    made = _made(options, model, method=method, count=count)
    taken = time.process_time() - started
    peak = peak_megabytes()
    pass_time = _pass_time(model, list(_feeds(options, options.calibration))) if method not in ALL_METHODS[:2] else 0.0
    reading = _reading_time(options) if pass_time else 0.0
    passes = f"{taken / (pass_time + reading):.1f}" if pass_time else ""
    agreement, sqnr, milliseconds = _compare(options, made)
    share = len(write_weights(made.weights)) / len(write_weights(model.weights))
    return f"| {method} | {agreement:.2%} | {sqnr:.1f} | {share:.1%} | {milliseconds:.1f} | {passes} | {peak:.0f} |"


def _made(options: argparse.Namespace, model: NcnnModel, *, method: str, count: int) -> NcnnModel:
    if method == "32 bit":
        return model
    if method == "16 bit":
        return to_fp16(model)
    if method in OWN:
        feeds = _feeds(options, options.calibration)
        return plan_quantization(model, feeds, count=count, method=OWN[method]).apply(model)
    clipping: ClippingMethod = "kl" if method.startswith("KL") else "aciq"
    return to_int8_official(model, measure_table(model, lambda: _feeds(options, options.calibration), clipping))


def _pass_time(model: NcnnModel, samples: list[Feeds]) -> float:
    """Processor seconds of one plain pass in 32 bit over the calibration pictures."""
    predictor = NcnnPredictor(model, {}, threads=1)
    started = time.process_time()
    for feeds in samples:
        for _ in predictor.extract(feeds, model.outputs.values()):
            pass
    return time.process_time() - started


def _reading_time(options: argparse.Namespace) -> float:
    started = time.process_time()
    for _ in _feeds(options, options.calibration):
        pass
    return time.process_time() - started


def _compare(options: argparse.Namespace, made: NcnnModel) -> tuple[float, float, float]:
    """Top-1 agreement and SQNR in dB of the first output, processor milliseconds for one picture."""
    source = OnnxPredictor(options.model, threads=1)
    first = source.outputs[0]
    similarity, predictor, agrees, spent = ModelSimilarity((first,)), None, [], 0.0
    for feeds in _feeds(options, options.test):
        expected = source.run(feeds)
        predictor = predictor or NcnnPredictor(made, expected, threads=1)
        started = time.process_time()
        outputs = predictor.run(feeds)
        spent += time.process_time() - started
        similarity.update(expected, outputs)
        agrees.append(np.mean(expected[first].argmax(-1) == outputs[first].argmax(-1)))
    return float(np.mean(agrees)), similarity.compute()[0].sqnr_db, spent / len(agrees) * 1e3


if __name__ == "__main__":
    main()
