"""Progress from a worker to its parent: one line of JSON after the other, in a file that only grows."""

from __future__ import annotations

import json
from pathlib import Path

from core.common.progress import Progress
from core.common.text import Text

PROGRESS = "progress.jsonl"


class ProgressLines:
    """The worker's end: a :class:`~core.common.progress.Progress` that writes into a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PROGRESS

    def __call__(self, fraction: float, message: Text) -> None:
        """Add one line."""
        line = json.dumps({"fraction": fraction, "message": message.to_json()})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class ProgressReader:
    """The parent's end: passes on what is new, and keeps the last sentence in case of a crash."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._path = folder / PROGRESS
        self._progress = progress
        self._read = 0
        self.last: Text | None = None

    def pass_on(self) -> None:
        """Tell the listener what was added since the last time; a line that is not finished yet has to wait."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                lines = file.read().rpartition(b"\n")[0]
        except OSError:  # nothing was said yet
            return
        self._read += len(lines) + 1 if lines else 0
        for line in lines.splitlines():
            entry = json.loads(line)
            self.last = Text.from_json(entry["message"])
            self._progress(float(entry["fraction"]), self.last)
