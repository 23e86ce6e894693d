"""The gallery: thumbnails of the test images with every model's prediction, most changed first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.common.json_files import write_json
from core.evaluation.paired_comparison import SampleResult
from core.tasks.base import Task

_THUMBNAIL = (256, 256)


class Gallery:
    """Collects the predictions of a comparison; thumbnails are written at once, so that no image stays in memory.

    Args:
        folder: the job's folder; ``gallery/`` and ``gallery.json`` are written into it.
        task: gives the names of the classes.
    """

    def __init__(self, folder: Path, task: Task) -> None:
        self._folder = folder
        self._task = task
        self._entries: list[dict[str, Any]] = []
        (folder / "gallery").mkdir(exist_ok=True)

    def add(self, result: SampleResult) -> None:
        """Add the predictions for one sample; synthetic samples and arrays are not shown."""
        if result.sample.image is None or result.sample.file is None:
            return
        name = f"{len(self._entries):05d}.jpg"
        thumbnail = result.sample.image.convert("RGB")
        thumbnail.thumbnail(_THUMBNAIL)
        thumbnail.save(self._folder / "gallery" / name, quality=85)
        self._entries.append(
            {
                "file": str(result.sample.file),
                "thumbnail": name,
                "truth": None if result.truth is None else self._task.class_name(result.truth),
                "source": result.source.to_json(),
                "answers": {
                    target: {
                        **prediction.to_json(),
                        "cosine": cosine,
                        "changed": prediction.ranking[:1] != result.source.ranking[:1],
                    }
                    for target, (prediction, cosine) in result.candidates.items()
                },
            }
        )

    def write(self) -> None:
        """Sort and write ``gallery.json``."""
        self._entries.sort(key=_most_changed_first)
        write_json(self._folder / "gallery.json", self._entries)


def _most_changed_first(entry: dict[str, Any]) -> tuple[int, float]:
    """Sort key: how many models predict another class than the source, then the lowest cosine."""
    predictions = entry["answers"].values()
    changed = sum(prediction["changed"] for prediction in predictions)
    return -changed, min((prediction["cosine"] for prediction in predictions), default=1.0)
