"""Compare pre-flight's estimates with measurements: time and memory of each model's job.

Reads the figures that ``benchmarks/models.py`` left in its WORK folder, where the models must still be::

    python benchmarks/estimates.py WORK/figures --table docs/estimates.md
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.common.memory import memory_text
from core.inputs.images import SampleCounts
from core.onnx_model.inspect import inspect
from core.preflight.estimate import USUAL_SAMPLES, duration_text, estimate, relative_slowness
from core.targets import target_by_id

_INTRODUCTION = """# Estimates against measurements

Before anything runs, pre-flight estimates how long a target will take and how much memory. It counts the
multiply-accumulates of one run and the elements of all activations, at the size of the pictures, and times a small
matrix multiplication to know how fast this computer is. Written by `benchmarks/estimates.py` from the measurements in
[models.md](models.md): all targets of a model in one job, with comparison and timing. On a computer that runs other
programs meanwhile, measured times are upper bounds.
"""


@dataclass(frozen=True)
class Row:
    """One model's job."""

    name: str
    seconds: tuple[float, float]
    """Estimated and measured."""

    memory: tuple[float, float]
    """Bytes, estimated and measured."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description="Compare estimates with measurements.")
    parser.add_argument("figures", type=Path, help="folder with the figures of benchmarks/models.py")
    parser.add_argument("--table", type=Path, help="write the table to this Markdown file")
    options = parser.parse_args(arguments)
    rows = [row for path in sorted(options.figures.glob("*.json")) for row in _rows(path)]
    page = "\n".join(_page(rows))
    print(page)
    if options.table:
        options.table.write_text(page + "\n", encoding="utf-8")


def _rows(path: Path) -> Iterator[Row]:
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    made = [outcome for outcome in figures["outcomes"] if outcome["status"] != "refused"]
    if not made or not Path(figures["source"]["path"]).is_file():
        return
    source = inspect(Path(figures["source"]["path"]))
    size = figures["preprocessing"]["size"] if source.takes_image else None
    efforts = [
        estimate(source, target_by_id(outcome["target"]), samples=_samples(figures), size=size and tuple(size))
        for outcome in made
    ]
    yield Row(
        figures["name"],
        (sum(effort.seconds for effort in efforts), figures["seconds"]),
        (max(effort.memory_bytes for effort in efforts), figures["peak_bytes"]),
    )


def _samples(figures: dict[str, Any]) -> SampleCounts:
    """As the job had them; figures of earlier versions lack them."""
    images = figures.get("images")
    return USUAL_SAMPLES if images is None else SampleCounts(images["calibration"], images["test"])


def _page(rows: Sequence[Row]) -> Iterator[str]:
    yield _INTRODUCTION
    for what, pairs in (("time", [row.seconds for row in rows]), ("memory", [row.memory for row in rows])):
        ratios = np.array([estimated / measured for estimated, measured in pairs])
        near = np.mean((ratios > 0.5) & (ratios < 2))
        yield f"- Of {len(rows)} models, {near:.0%} of the estimates of {what} are within a factor of two; median"
        yield f"  {np.median(ratios):.2f} of what was measured, from {ratios.min():.2f} to {ratios.max():.2f}."
    speed = f"{relative_slowness():.1f} times as long for the matrix multiplication as the reference computer"
    yield f"- This computer took {speed}.\n"
    yield "| model | time, estimated | measured | memory, estimated | measured |"
    yield "|---|---|---|---|---|"
    for row in rows:
        times = (f"{duration_text(row.seconds[0])}", f"{row.seconds[1]:.0f} s")
        sizes = (f"{memory_text(row.memory[0])}", f"{row.memory[1] / 1e6:.0f} MB")
        yield f"| {row.name} | {' | '.join((*times, *sizes))} |"


if __name__ == "__main__":
    main()
