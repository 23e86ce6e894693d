"""Progress from a worker process to its parent, as JSON Lines in a file that is only appended to."""

from __future__ import annotations

import json
from pathlib import Path

from core.common.progress import Progress
from core.common.text import Text

PROGRESS = "progress.jsonl"


class ProgressWriter:
    """The worker's side: a :class:`~core.common.progress.Progress` that appends to the file in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PROGRESS

    def __call__(self, fraction: float, message: Text) -> None:
        """Append one line."""
        line = json.dumps({"fraction": fraction, "message": message.to_json()})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class ProgressReader:
    """The parent's side: forwards new lines, and keeps the last message in case of a crash."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._path = folder / PROGRESS
        self._progress = progress
        self._offset = 0
        self.last_message: Text | None = None

    def forward_new_lines(self) -> None:
        """Call ``progress`` for every line added since the last call; an unfinished line is left for the next."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                lines = file.read().rpartition(b"\n")[0]
        except OSError:  # nothing was reported yet
            return
        self._offset += len(lines) + 1 if lines else 0
        for line in lines.splitlines():
            entry = json.loads(line)
            self.last_message = Text.from_json(entry["message"])
            self._progress(float(entry["fraction"]), self.last_message)
