"""The gallery: small copies of the test pictures with everybody's answer, most changed first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.common.json_files import write_json
from core.evaluation.paired_comparison import SampleResult
from core.tasks.base import Task

_THUMBNAIL = (256, 256)


class Gallery:
    """Gathers the rounds of a comparison; pictures go to disk at once.

    Args:
        folder: the job's folder; ``gallery/`` and ``gallery.json`` are written into it.
        task: knows the names of the classes.
    """

    def __init__(self, folder: Path, task: Task) -> None:
        self._folder = folder
        self._task = task
        self._entries: list[dict[str, Any]] = []
        (folder / "gallery").mkdir(exist_ok=True)

    def add(self, result: SampleResult) -> None:
        """Take in everybody's answer to one input; random stand-ins are not shown."""
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
                        **answer.to_json(),
                        "cosine": cosine,
                        "changed": answer.ranking[:1] != result.source.ranking[:1],
                    }
                    for target, (answer, cosine) in result.candidates.items()
                },
            }
        )

    def write(self) -> None:
        """Sort and write ``gallery.json``."""
        self._entries.sort(key=_changes)
        write_json(self._folder / "gallery.json", self._entries)


def _changes(entry: dict[str, Any]) -> tuple[int, float]:
    answers = entry["answers"].values()
    return (-sum(answer["changed"] for answer in answers), min((answer["cosine"] for answer in answers), default=1.0))
