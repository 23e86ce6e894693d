"""What it costs to try new files in a helper process, over whole jobs: against trials in the job's own process.

    python benchmarks/trial_isolation.py MODEL [MODEL ...] --images DIR --table docs/trial-isolation.md

Each job makes all six targets in a process of its own, as the queue's worker does, and compares them with the source.
Jobs of the two kinds are run in turn, each kind first as often as the other. Processor time is that of the job's
process and of all that it started; where other programs run too, it changes less than the time by the clock. Searches
of a job may stop by the clock, so the ratio of one pair can be off by more than the cost: the medians count.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import core.isolation.predictor as isolation
from core.common.progress import silent
from core.inputs.infer_in_subprocess import infer_in_subprocess
from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.process.worker_process import environment
from core.runner import run_job
from core.targets import TARGET_IDS

_INTRODUCTION = """# What trials in a helper process cost

While a job makes its files, and once before they are compared, new models are loaded and run in a helper process
(`core/isolation`), so that a native crash is an answer. Written by `benchmarks/trial_isolation.py`: whole jobs with all
six targets, trials in the helper process against trials in the job's own process, in turn. Processor time is that of
all processes of the job. Times are medians; ratios are medians over the pairs of jobs, with the least and the largest.
On a computer that runs other programs meanwhile, the processor time of two equal jobs differs by more than the cost.
"""
_KINDS = ("isolated", "direct")
_INFERENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Row:
    """One model's jobs."""

    name: str
    isolated: tuple[_Cost, ...]
    direct: tuple[_Cost, ...]
    """In the order in which they were run; the two of one place are a pair."""


@dataclass(frozen=True)
class _Cost:
    wall: float
    processor: float
    converted: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pairs, print each, and write the table where asked."""
    options = _options(arguments)
    if options.job:
        _run(options.job, options.kind)
        return
    rows = [_measure(model, options.images, options.rounds) for model in options.models]
    page = "\n".join((_INTRODUCTION, *_lines(rows)))
    print(page)
    if options.table:
        options.table.write_text(page + "\n", encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--images", type=Path, help="example pictures")
    parser.add_argument("--rounds", type=int, default=4, help="pairs of jobs for each model")
    parser.add_argument("--table", type=Path, help="write the table to this Markdown file")
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=_KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.job and not (options.models and options.images):
        parser.error("give at least one model, and --images")
    return options


def _run(path: Path, kind: str) -> None:
    """In the job's process."""
    if kind == "direct":
        isolation._helper = _Here()  # type: ignore[assignment]
    job: Job = pickle.loads(path.read_bytes())
    report = run_job(job, path.parent, silent)
    isolation.end_helper()  # what it took counts from its end
    print(len(report.converted))


class _Here:
    """In place of the helper process: the same calls in this process."""

    def call(self, function: Callable[..., Any], *arguments: Any, seconds: float) -> Any:  # noqa: ARG002
        return function(*arguments)

    def close(self) -> None:
        pass


def _measure(model: Path, images: Path, rounds: int) -> Row:
    source = inspect(model.resolve())
    proposal = infer_in_subprocess(source, images, timeout=_INFERENCE_SECONDS)
    costs: dict[str, list[_Cost]] = {kind: [] for kind in _KINDS}
    for number in range(rounds):
        for kind in _KINDS if number % 2 == 0 else _KINDS[::-1]:
            with tempfile.TemporaryDirectory() as folder:
                job = Job(
                    source.path, TARGET_IDS, proposal.preprocessing, Path(folder) / "out", images=images.resolve()
                )
                costs[kind].append(_cost(job, Path(folder) / "job", kind))
            print(model.stem, kind, costs[kind][-1], flush=True)
    return Row(model.stem, tuple(costs["isolated"]), tuple(costs["direct"]))


def _cost(job: Job, folder: Path, kind: str) -> _Cost:
    folder.mkdir()
    path = folder / "job.pickle"
    path.write_bytes(pickle.dumps(job))
    command = [sys.executable, __file__, "--job", str(path), "--kind", kind]
    wall, processor = time.perf_counter(), _processor_seconds()
    done = subprocess.run(command, check=True, env=environment(), stdout=subprocess.PIPE, text=True)
    return _Cost(
        time.perf_counter() - wall, _processor_seconds() - processor, converted=int(done.stdout.splitlines()[-1])
    )


def _processor_seconds() -> float:
    """Of all processes that have ended and were waited for, by this process or by another one of them."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    yield "| model | pairs | files made | processor time, own process | helper process | ratio | by the clock |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        converted = sorted({str(cost.converted) for cost in (*row.isolated, *row.direct)})
        direct, isolated = (median(cost.processor for cost in costs) for costs in (row.direct, row.isolated))
        pairs = list(zip(row.isolated, row.direct, strict=True))
        processor = _ratio([one.processor / other.processor for one, other in pairs])
        wall = _ratio([one.wall / other.wall for one, other in pairs])
        figures = (str(len(pairs)), ", ".join(converted), f"{direct:.1f} s", f"{isolated:.1f} s", processor, wall)
        yield f"| {row.name} | {' | '.join(figures)} |"


def _ratio(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
