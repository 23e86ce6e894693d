"""What the comparison with the source costs: its time against bare inference, and its peak memory.

    python benchmarks/evaluation_cost.py model.onnx --calibration DIR --test DIR --work DIR --mean 127 --std 128

All files are made once and left in the work folder. Then, in turn and in one process:

- *bare*: the source and all files, run on pictures that are prepared already, in the arrangement of the comparison
  (the source first, then the files on all cores, one thread each);
- *compared*: :func:`core.evaluation.paired_comparison.run_paired` over the same number of pictures: reading and
  preparing each, running, decoding, all metrics, and the gallery.

The ratio is that of the medians, by the clock and in processor time (in brackets). Peak memory is measured in a process
of its own for each number of pictures; it should not grow with them.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import TypeAlias

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.peak_memory import peak_megabytes
from benchmarks.picture_options import add_picture_options, preprocessing_of
from core.common.errors import EdgePressError
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.evaluation.paired_comparison import Candidate, Metrics, run_paired
from core.inputs.evidence import gather_evidence
from core.inputs.images import read_folder, test_only
from core.inputs.samples import Sample
from core.job.outcome import Artifact
from core.onnx_model.inspect import inspect
from core.report.gallery import Gallery
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Predictor
from core.targets import TARGETS, target_by_id
from core.tasks.base import AnyTask
from core.tasks.recognize import recognize_task

_ARTIFACTS = "artifacts.pickle"
_PREPARED = 32
"""Pictures that are kept prepared for bare inference, over and over: the time does not depend on the values."""

_WARM_UP = 10
_RECOGNITION_SAMPLES = 4
_PEAK_COUNTS = (100, 400)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the ratio, then the peaks."""
    options = _options(arguments)
    if options.peak_of:
        _print_peak(options)
        return
    if not (options.work / _ARTIFACTS).is_file():
        _make_files(options)
    _print_ratio(options)
    for count in _PEAK_COUNTS:
        command = [sys.executable, __file__, *(sys.argv[1:] if arguments is None else arguments)]
        subprocess.run([*command, "--peak-of", str(count)], check=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_picture_options(parser)
    parser.add_argument("--work", type=Path, required=True, help="folder for the files, kept for the next time")
    parser.add_argument("--count", type=int, default=400, help="pictures in each round; fewer are taken over and over")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _context(options: argparse.Namespace) -> ConversionContext:
    source = inspect(options.model)
    preprocessing = preprocessing_of(options, source)
    tested = test_only(read_folder(options.test))
    samples = replace(tested, calibration=read_folder(options.calibration).files)
    return ConversionContext(source, preprocessing, split=samples, folder=options.work / "work")


def _make_files(options: argparse.Namespace) -> None:
    """Make every file that can be made, and keep what is needed to open them."""
    context = _context(options)
    context.folder.mkdir(parents=True, exist_ok=True)
    artifacts: list[Artifact] = []
    for target in TARGETS:
        try:
            artifacts.append(target.make(context, options.work, silent))
        except EdgePressError as exc:
            print(f"{target.id}: {exc}", flush=True)
    (options.work / _ARTIFACTS).write_bytes(pickle.dumps(artifacts))


class _Models:
    """The source and the files, loaded with one thread each, as the evaluation loads them."""

    def __init__(self, options: argparse.Namespace, context: ConversionContext) -> None:
        artifacts: list[Artifact] = pickle.loads((options.work / _ARTIFACTS).read_bytes())
        self.source = OnnxPredictor(context.source.path, threads=1)
        self.files: dict[str, Predictor] = {
            one.target: target_by_id(one.target).open(one, context.expected, threads=1) for one in artifacts
        }
        outputs = [self.source.run(sample.feeds) for sample in islice(context.test_samples(), _RECOGNITION_SAMPLES)]
        labels = context.split.labels
        size = context.preprocessing.size
        self.task = recognize_task(gather_evidence(context.sampled, outputs, input_size=size, labels=labels))

    def run_bare(self, feeds: Sequence[Feeds], count: int) -> None:
        """Run all of them on so many prepared inputs."""
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for one in islice(cycle(feeds), count):
                self.source.run(one)
                list(pool.map(partial(_run, one), self.files.values()))

    def run_compared(self, context: ConversionContext, count: int) -> int:
        """Compare all files with the source on so many pictures; return how many it were."""
        metrics = Metrics.empty(self.task, context.expected)
        candidates = {
            target: Candidate(predictor, Metrics.empty(self.task, context.expected))
            for target, predictor in self.files.items()
        }
        with tempfile.TemporaryDirectory() as folder:
            gallery = Gallery(Path(folder), self.task)
            samples = islice(_over_and_over(context), count)
            done = run_paired(
                samples,
                source=self.source,
                metrics=metrics,
                candidates=candidates,
                task=self.task,
                on_sample=gallery.add,
            )
            gallery.write()
        _check(candidates)
        _compute_all(self.task, metrics, candidates)
        return done


def _run(feeds: Feeds, predictor: Predictor) -> None:
    predictor.run(feeds)


def _over_and_over(context: ConversionContext) -> Iterator[Sample]:
    """The test samples, each read and prepared anew."""
    while True:
        yield from context.test_samples()


def _check(candidates: dict[str, Candidate]) -> None:
    """A file that dropped out would make the comparison cheaper than it is."""
    for target, candidate in candidates.items():
        if candidate.error is not None:
            raise SystemExit(f"{target} failed: {candidate.error}")


def _compute_all(task: AnyTask, metrics: Metrics, candidates: dict[str, Candidate]) -> None:
    """The figures at the end, which belong to the cost."""
    for candidate in candidates.values():
        candidate.metrics.similarity.compute()
        agreement = candidate.metrics.agreement.compute()
        value = "none" if agreement is None else f"{agreement.metric} {agreement.value:.3f}"
        truth = () if candidate.metrics.truth is None else candidate.metrics.truth.compute(metrics.truth)
        _FIGURES.add(f"{task.name}: {value}, {len(truth)} figures against the labels")


_FIGURES: set[str] = set()


def _print_ratio(options: argparse.Namespace) -> None:
    context = _context(options)
    models = _Models(options, context)
    feeds = [sample.feeds for sample in islice(context.test_samples(), _PREPARED)]
    bare, compared = partial(models.run_bare, feeds), partial(models.run_compared, context)
    bare(_WARM_UP)
    compared(_WARM_UP)
    times = [_round(number, bare, compared, options.count) for number in range(options.rounds)]
    wall, processor = (
        median(one[clock] for _, one in times) / median(one[clock] for one, _ in times) for clock in (0, 1)
    )
    print("\n".join(sorted(_FIGURES)))
    print(f"{len(models.files)} files, {options.count} pictures, task {models.task.name}: ", end="")
    print(f"comparing takes {wall:.2f} times bare inference ({processor:.2f} in processor time)", flush=True)


_Times: TypeAlias = tuple[float, float]
"""Seconds by the clock on the wall, and of the processor: the latter hardly changes where other programs run too."""


def _round(
    number: int, bare: Callable[[int], object], compared: Callable[[int], object], count: int
) -> tuple[_Times, _Times]:
    """Times of bare inference and of the comparison; each goes first as often as the other."""
    if number % 2 == 0:
        first = _times(bare, count)
        second = _times(compared, count)
    else:
        second = _times(compared, count)
        first = _times(bare, count)
    shown = " ".join(f"{name} {one[0]:.2f} s ({one[1]:.2f})" for name, one in (("bare", first), ("compared", second)))
    print(f"{shown}: {second[0] / first[0]:.2f} ({second[1] / first[1]:.2f})", flush=True)
    return first, second


def _times(measured: Callable[[int], object], count: int) -> _Times:
    wall, processor = time.perf_counter(), time.process_time()
    measured(count)
    return time.perf_counter() - wall, time.process_time() - processor


def _print_peak(options: argparse.Namespace) -> None:
    """Of this process alone: loading everything, then comparing on so many pictures."""
    context = _context(options)
    models = _Models(options, context)
    loaded = peak_megabytes()
    count = models.run_compared(context, options.peak_of)
    print(f"{count} pictures: peak {peak_megabytes():.0f} MB, {loaded:.0f} MB of it before the first", flush=True)


if __name__ == "__main__":
    main()
