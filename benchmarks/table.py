"""Write the figures of a sweep over many models as a page of Markdown, and as lines for the terminal."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]
"""One model: where it came from, its job's outcomes, and the independent check of each file."""

TITLES = {
    "onnx_fp16": "ONNX 16 bit",
    "onnx_quan_dy": "ONNX 8 bit dynamic",
    "onnx_quan_st": "ONNX 8 bit static",
    "ncnn": "ncnn 32 bit",
    "ncnn_fp16": "ncnn 16 bit",
    "ncnn_quan": "ncnn 8 bit",
}

_INTRODUCTION = """# Real models, measured

Written by `benchmarks/models.py`, which says how to repeat it: every model is given to every target, with default
settings. Then `benchmarks/check.py`, which shares no code with EdgePress, loads each file with its runtime alone, feeds
it inputs of its own making, and holds names, types, shapes and every number against the original; where the original
takes two pictures at once or other sizes, the ONNX files must too. *Wrong* is a file that was handed out and does not
load or run, has other outputs, is not finite, or has a cosine below {least} (16 and 32 bit) or {least_8_bit} (8 bit).

A cell holds: cosine of the output that strays most · for models that put things into classes, how often the first class
stays the same · size, of the original's · time to make it. In brackets, for detectors: cosine of the column that strays
most (a coordinate, or the scores of one class), since boxes in pixels drown scores below 1. Memory is the most that the
job's processes held together. *Within the budget* are the files whose answers stay as far as was asked for (the
default), by EdgePress's own verdict; *over it* those at which a person is told to take a look, and why.
"""


def document(rows: Sequence[Row], *, least: float, least_8_bit: float, conditions: str = "") -> str:
    """The whole page."""
    parts = [
        _INTRODUCTION.format(least=least, least_8_bit=least_8_bit),
        *([textwrap.fill(conditions, 120)] if conditions else []),
        "## In short\n\n" + "\n".join(_summary(rows)),
        "## Why not ncnn\n\n" + "\n".join(_ncnn_reasons(rows)),
        "## The models\n\n" + "\n".join(_models(rows)),
        "## The results\n\n" + "\n".join(_results(rows)),
        "## What was not converted, and why\n\n" + "\n".join(_reasons(rows)),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def lines(row: Row) -> Iterator[str]:
    """One line for the model and one for each target, for the terminal."""
    yield f"{row['name']}  ({row['seconds']:.0f} s, {row['peak_bytes'] / 1e6:.0f} MB)  {row['broken'] or ''}"
    for outcome in row["outcomes"]:
        yield f"    {outcome['target']:13} {_cell(outcome, row):34} {outcome['reason'] or ''}"


def is_bad(row: Row) -> bool:
    """Whether a file is wrong, or a job broke for another reason than a refusal of the model itself."""
    return any(_verdict(outcome) == "wrong" for outcome in row["outcomes"])


def _summary(rows: Sequence[Row]) -> Iterator[str]:
    yield "| target | within the budget | over it, and told | refused | failed | wrong |"
    yield "|---|---|---|---|---|---|"
    for target, title in TITLES.items():
        counts = Counter(_verdict_for(row, target) for row in rows)
        numbers = " | ".join(str(counts[verdict]) for verdict in ("keeps", "look", "refused", "failed", "wrong"))
        yield f"| {title} | {numbers} |"


def _ncnn_reasons(rows: Sequence[Row]) -> Iterator[str]:
    """How many models each reason concerns, the most frequent one first."""
    models: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["broken"]:
            models.setdefault((_broken_as(row), general(row["broken"])[:200]), []).append(row["name"])
        for outcome in row["outcomes"]:
            if outcome["target"] == "ncnn" and outcome["status"] != "converted":
                models.setdefault((outcome["status"], general(outcome["reason"])), []).append(row["name"])
    yield "| models | | reason | which |"
    yield "|---|---|---|---|"
    for (status, reason), names in sorted(models.items(), key=lambda item: -len(item[1])):
        yield f"| {len(names)} | {status} | {reason} | {', '.join(names)} |"


def general(reason: str) -> str:
    """A reason without the names and numbers of one model; operators stay."""
    reason = re.sub(r' \("[^"]*"\)', "", str(reason))
    return re.sub(r"(?<![A-Za-z])\d+", "n", re.sub(r'"[^"]*"', '"..."', reason))


def _models(rows: Sequence[Row]) -> Iterator[str]:
    yield "| model | from | input | opset | weights | seconds, all targets | memory |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        source = row.get("source")
        if source is None:
            yield f"| {row['name']} | {row['origin']} | not opened | | | | |"
            continue
        inputs = "; ".join(f"{'×'.join(map(_size, one['shape'])) or '1'} {one['dtype']}" for one in source["inputs"])
        yield (
            f"| {row['name']} | {row['origin']} | {inputs} | {source['opset']} | {source['parameters'] / 1e6:.2f} M "
            f"| {row['seconds']:.0f} | {row['peak_bytes'] / 1e6:.0f} MB |"
        )


def _size(size: int | str) -> str:
    return str(size) if isinstance(size, int) else "n"


def _results(rows: Sequence[Row]) -> Iterator[str]:
    yield f"| model | {' | '.join(TITLES.values())} |"
    yield "|---" * (len(TITLES) + 1) + "|"
    for row in rows:
        outcomes = {outcome["target"]: outcome for outcome in row["outcomes"]}
        cells = (_cell(outcomes[target], row) if target in outcomes else _broken_as(row) for target in TITLES)
        yield f"| {row['name']} | {' | '.join(cells)} |"


def _reasons(rows: Sequence[Row]) -> Iterator[str]:
    """Each model's reasons, the targets with the same one together."""
    for row in rows:
        if row["broken"]:
            yield f"- **{row['name']}**, the model itself: {row['broken']}"
        reasons: dict[str, list[str]] = {}
        for outcome in row["outcomes"]:
            if outcome["status"] != "converted":
                words = f"{outcome['status']}. {outcome['reason']} {outcome['next_step']}"
                reasons.setdefault(words, []).append(TITLES[outcome["target"]])
            elif _verdict(outcome) == "wrong":
                reasons.setdefault(_cell(outcome, row), []).append(TITLES[outcome["target"]])
        for words, targets in reasons.items():
            yield f"- **{row['name']}**, {', '.join(targets)}: {words}"


def _verdict_for(row: Row, target: str) -> str:
    """Of a file that is right EdgePress's own: "keeps" or "look"."""
    if row["broken"]:
        return _broken_as(row)
    outcome = next(outcome for outcome in row["outcomes"] if outcome["target"] == target)
    verdict = _verdict(outcome)
    return str(outcome["comparison"]["light"]) if verdict == "converted" else verdict


def _broken_as(row: Row) -> str:
    """Refused as a whole before anything was made; or failed, where the job crashed or took too long."""
    return str(row.get("broken_as", "refused"))


def _verdict(outcome: Mapping[str, Any]) -> str:
    if outcome["status"] != "converted":
        return str(outcome["status"])
    return "wrong" if outcome["check"]["wrong"] else "converted"


def _cell(outcome: Mapping[str, Any], row: Row) -> str:
    """What the table says of one target."""
    if outcome["status"] != "converted":
        return str(outcome["status"])
    check = outcome["check"]
    if check["wrong"]:
        return f"**wrong**: {check['wrong'][:120]}"
    share = outcome["size_bytes"] / row["source"]["size_bytes"]
    agreement = "" if check["agreement"] is None else f" · {check['agreement']:.1%}"
    column = "" if check["column"] is None else f" ({_short(check['column'])})"
    return f"{_short(check['cosine'])}{column}{agreement} · {share:.0%} · {outcome['seconds']:.0f} s"


def _short(cosine: float) -> str:
    return "1" if cosine >= 0.99995 else f"{cosine:.4f}".lstrip("0")
