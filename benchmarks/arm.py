"""Try files of real models on emulated ARM processors, and write one table.

The files are those of the jobs of ``benchmarks/models.py``; for those behind the table of ``docs/arm.md``::

    python benchmarks/models.py --wheels wheels --models FOLDER --images CALIBRATION --test-images TEST --lines WORDS
        --work WORK --only NAME ...
    python benchmarks/arm.py --work WORK --table docs/arm.md

The emulated processor must be there (``python tools/env_config.py --arm``). Each file runs on ten test samples of its
job, one thread; figures are kept in WORK for each model, so a broken run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.arm.check import artifact_of, is_right
from core.arm.comparison import ArmComparison, compare_on_arm
from core.arm.emulated import RunKind
from core.common.errors import ConversionError, EdgePressError
from core.common.json_files import write_json
from core.conversion.context import ConversionContext
from core.job.comparison import Agreement
from core.queue.store import JobStore
from core.report.schema import OutcomeEntry, read_report
from core.runner import open_context, recognize_task
from core.setup import arm
from core.targets import TARGET_IDS, target_by_id
from core.tasks.base import AnyTask

_SECONDS = 900.0
_TITLES = {"cortex-a76": "A76", "cortex-a72": "A72"}
_BEGIN, _END = "<!-- begin of the table -->", "<!-- end of the table -->"

Row = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is not measured yet, and write the table; 0 only where every file is right."""
    options = _parser().parse_args(arguments)
    arm.require()
    rows = [row for row in (_measured(job_id, options) for job_id in _jobs(options)) if row]
    if options.table:
        _write_table(options.table, "\n".join(_table(rows)))
    runs = [(row["name"], one) for row in rows for one in row["files"]]
    wrong = [f"{name} {one['target']} {one['processor']}" for name, one in runs if _is_bad(one)]
    print(f"{len(rows)} models, {len(runs)} runs, wrong: {wrong or 'none'}")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Try files of real models on emulated ARM processors.")
    parser.add_argument("--work", type=Path, required=True, help="folder of benchmarks/models.py")
    parser.add_argument(
        "--processors", nargs="*", choices=arm.PROCESSORS, default=arm.PROCESSORS, help="what to emulate"
    )
    parser.add_argument("--only", nargs="*", default=[], help="only these models")
    parser.add_argument("--table", type=Path, help="Markdown file in which the table is replaced")
    return parser


def _jobs(options: argparse.Namespace) -> Iterator[str]:
    """The newest finished job of each model."""
    store, seen = JobStore(options.work / "home"), set()
    for job_id in store.ids():
        name = store.job(job_id).out.name
        if store.state(job_id).status == "done" and name not in seen and name in (options.only or [name]):
            seen.add(name)
            yield job_id


def _measured(job_id: str, options: argparse.Namespace) -> Row:
    store = JobStore(options.work / "home")
    job, folder = store.job(job_id), store.open(job_id)
    name, report = job.out.name, read_report(folder.report())
    kept = options.work / "arm" / f"{name}.json"
    row = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {"name": name, "files": []}
    row["task"] = report.task.name
    done = {(one["target"], one["processor"]) for one in row["files"]}
    with tempfile.TemporaryDirectory() as work:
        context, folders = open_context(job, Path(work))
        task = recognize_task(job, context, folders)
        row["keeps"] = task.budget.keeps
        for processor in options.processors:
            for outcome in report.converted:
                if (outcome.target, processor) not in done:
                    row["files"].append(_file(outcome, context, task, processor))
                    kept.parent.mkdir(exist_ok=True)
                    write_json(kept, row)
                    print(name, json.dumps(row["files"][-1]), flush=True)
    return row


def _file(outcome: OutcomeEntry, context: ConversionContext, task: AnyTask, processor: str) -> Row:
    row: dict[str, Any] = {"target": outcome.target, "processor": processor}
    target = target_by_id(outcome.target)

    def run(kind: RunKind) -> ArmComparison:
        return compare_on_arm(
            target,
            artifact_of(outcome),
            context,
            task,
            kind=kind,
            processor=processor,
            on_sample=lambda _: None,
            seconds=_SECONDS,
        )

    is_ncnn = target.format.name == "ncnn"
    try:
        found = run("ncnn" if is_ncnn else "onnx")
        row |= _figures(found)
        if is_ncnn and not is_right(found):
            row["in_float32"] = _figures(run("ncnn-float32"))
    except ConversionError as exc:
        row["error"] = f"{exc.reason} {exc.detail[-500:]}"
    except EdgePressError as exc:
        row["error"] = str(exc.reason)
    return row


def _figures(found: ArmComparison) -> dict[str, Any]:
    decibels = min((one.worst.sqnr_db for one in found.differences), default=None)
    return {
        "images": found.images,
        "light": found.light,
        "verdict": str(found.verdict),
        "right": is_right(found),
        "agreement": _value(found.agreement),
        "here": _value(found.here),
        "with_here": _value(found.with_here),
        "decibels": None if decibels is None or not math.isfinite(decibels) else round(decibels, 1),
        "identical": decibels is not None and decibels == math.inf,
    }


def _value(agreement: Agreement | None) -> float | None:
    return None if agreement is None else round(agreement.value, 4)


def _is_bad(one: Row) -> bool:
    return "error" in one or not one["right"]


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| model | task | file | x86 | A76 | A76 with x86 | A72 | A72 with x86 |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        for target in TARGET_IDS:
            found = {one["processor"]: one for one in row["files"] if one["target"] == target}
            if found:
                here = _share(next(iter(found.values())).get("here"))
                cells = [cell for processor in _TITLES for cell in _cells(found.get(processor))]
                yield f"| {row['name']} | {row['task']} | {target} | {here} | {' | '.join(cells)} |"


def _cells(one: Row | None) -> tuple[str, str]:
    if one is None:
        return "", ""
    if "error" in one:
        return "fails", ""
    share = _share(one["agreement"]) + ("" if one["right"] else " **wrong**")
    if "in_float32" in one:
        share += f" (in 32 bit {_share(one['in_float32']['agreement'])})"
    likeness = "identical" if one["identical"] else "-" if one["decibels"] is None else f"{one['decibels']:.0f} dB"
    return share, f"{_share(one['with_here'])}, {likeness}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.3g}%"


def _write_table(path: Path, table: str) -> None:
    """Between the two marks; the text around them is written by hand."""
    text = path.read_text(encoding="utf-8") if path.is_file() else f"{_BEGIN}\n{_END}\n"
    before, rest = text.split(_BEGIN)
    path.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{rest.split(_END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
