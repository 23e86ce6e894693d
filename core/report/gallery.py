"""The gallery: the test images with every model's prediction, most changed first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.common.format_version import write_versioned
from core.evaluation.paired_comparison import SampleResult
from core.job.target_id import target_of
from core.tasks.base import AnyTask
from core.tasks.predictions import ClassTruth, TextTruth, Truth

_MAX_STORED = 200
"""Images that are stored, those that changed most."""

_MAX_SIDE = (1024, 1024)
_QUALITY = 85


class Gallery:
    """Collects the predictions of a comparison; images are written at once, so that none stays in memory.

    Args:
        folder: the job's folder; ``gallery/`` and ``gallery.json`` are written into it.
        task: turns predictions into what is stored of them.
    """

    def __init__(self, folder: Path, task: AnyTask) -> None:
        self._folder = folder
        self._task = task
        self._entries: list[dict[str, Any]] = []
        self._seen = 0
        (folder / "gallery").mkdir(exist_ok=True)

    def add(self, result: SampleResult) -> None:
        """Add the predictions for one sample; synthetic samples and arrays are not shown."""
        if result.sample.image is None or result.sample.file is None:
            return
        entry = self._entry(result)
        self._seen += 1
        if len(self._entries) == _MAX_STORED and not self._make_room(entry):
            return
        picture = result.sample.image.convert("RGB")
        picture.thumbnail(_MAX_SIDE)
        picture.save(self._folder / "gallery" / entry["picture"], quality=_QUALITY)
        self._entries.append(entry)

    def write(self) -> None:
        """Sort and write ``gallery.json``."""
        self._entries.sort(key=_most_changed_first)
        write_versioned(self._folder / "gallery.json", {"entries": self._entries})

    def _make_room(self, entry: dict[str, Any]) -> bool:
        """Remove the entry that changed least, if it changed less than the new one."""
        least = max(self._entries, key=_most_changed_first)
        if _most_changed_first(entry) >= _most_changed_first(least):
            return False
        self._entries.remove(least)
        (self._folder / "gallery" / least["picture"]).unlink(missing_ok=True)
        return True

    def _entry(self, result: SampleResult) -> dict[str, Any]:
        image = result.sample.image
        assert image is not None
        return {
            "file": str(result.sample.file),
            "picture": f"{self._seen:05d}.jpg",
            "size": [image.height, image.width],
            "truth": _truth_text(result.sample.truth, self._task.name),
            "source": self._task.to_json(result.source),
            "answers": {
                file: {
                    "prediction": self._task.to_json(one.prediction),
                    "agreement": one.agreement,
                    "cosine": one.cosine,
                    "changed": one.agreement < 1.0,
                }
                for file, one in result.candidates.items()
            },
        }


def _truth_text(truth: Truth | None, task: str) -> str | None:
    """What the label says, where it is short and answers the task: pictures of a detector may have classes too."""
    if isinstance(truth, ClassTruth) and task == "classification":
        return ", ".join(truth.labels)
    return truth.text if isinstance(truth, TextTruth) and task == "text" else None


def _most_changed_first(entry: dict[str, Any]) -> tuple[float, float]:
    """Sort key: the agreements of all chosen files together, then the lowest cosine."""
    answers = [answer for file, answer in entry["answers"].items() if file == target_of(file)]
    cosines = [answer["cosine"] for answer in answers if answer["cosine"] is not None]
    return sum(answer["agreement"] for answer in answers) / max(1, len(answers)), min(cosines, default=1.0)
