"""Reports of earlier versions, brought to the present form, so that older jobs open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.metrics.intervals import wilson


def upgraded(data: Any) -> Any:
    """A report as it is written today; one of today's comes back unchanged.

    Up to version 0.1 ``task`` was a name, ``agreement`` the share of samples with the same best class, and ``top1`` and
    ``top5`` stood beside it.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("task"), str):
        return data
    images = data.get("images") or {}
    count = int(images.get("test") or 0)
    task = {"name": data["task"], "reason": "", "words": {"template": "", "values": {}}}
    return {
        **data,
        "task": {**task, "class_names": data.get("classes") or []},
        "source": {**data["source"], "truth": _truth(data["source"], None, count)},
        "outcomes": [_outcome(outcome, data["source"], count) for outcome in data["outcomes"]],
    }


def _outcome(outcome: Mapping[str, Any], source: Mapping[str, Any], count: int) -> Mapping[str, Any]:
    comparison = outcome.get("comparison")
    if comparison is None:
        return outcome
    verdict = {"light": "look", "verdict": "", "words": {"template": "", "values": {}}}
    agreement = _agreement(comparison.get("agreement"), int(comparison.get("images") or 0))
    truth = _truth(comparison, source, count)
    return {**outcome, "comparison": {**comparison, **verdict, "agreement": agreement, "truth": truth}}


def _agreement(share: float | None, count: int) -> Mapping[str, Any] | None:
    if share is None or not count:
        return None
    low, high = wilson(round(share * count), count)
    return {"metric": "top-1", "value": share, "low": low, "high": high, "samples": count, "counted": count}


def _truth(model: Mapping[str, Any], source: Mapping[str, Any] | None, count: int) -> list[Mapping[str, Any]]:
    """Top-1 and top-5 accuracy; the intervals of their differences are not known."""
    figures: list[Mapping[str, Any]] = []
    for metric, key in (("top-1", "top1"), ("top-5", "top5")):
        value, before = model.get(key), None if source is None else source.get(key)
        if value is not None:
            difference = None if before is None else value - before
            figures.append({"metric": metric, "value": value, "samples": count, "difference": difference})
    return figures
