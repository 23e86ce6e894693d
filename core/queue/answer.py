"""The process that answers one question: ``python -m core.queue.answer FOLDER``; see :mod:`core.queue.call`."""

from __future__ import annotations

import faulthandler
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import ConversionError, EdgePressError
from core.progress import Progress
from core.queue.call import ANSWER_FILE, QUESTION
from core.queue.files import read_json, write_json
from core.queue.lines import ProgressLines
from core.queue.parent import die_with_parent
from core.queue.wire import error_to_json
from core.queue.worker import leave
from core.unexpected import unexpected


def guess(source: str, images: str | None = None, size: Sequence[int] | None = None) -> Any:
    """Propose the preprocessing of a model.

    Args:
        source: path of the ONNX file.
        images: path of a folder of example pictures.
        size: height and width in pixels, for a model that takes any.

    Returns:
        :meth:`core.guess.Proposal.to_json`.

    Raises:
        EdgePressError: the model or the pictures cannot be used.
    """
    from core.guess import propose
    from core.source import inspect as read

    return propose(
        read(Path(source)),
        None if images is None else Path(images),
        size=None if size is None else (size[0], size[1]),
    ).to_json()


TABLE: Mapping[str, Callable[..., Any]] = {"guess": guess}
"""Everything that can be called this way: each takes and returns plain data, and may listen to ``progress``."""


def main(folder: Path, table: Mapping[str, Callable[..., Any]] = TABLE) -> int:
    """Answer the question in a folder.

    Args:
        folder: holds the question, and takes the answer.
        table: name -> function.

    Returns:
        The exit code: 0, since an error is an answer too.
    """
    faulthandler.enable()
    die_with_parent()
    answer = _answer(read_json(folder / QUESTION), table, ProgressLines(folder))
    write_json(folder / ANSWER_FILE, answer)
    return 0


def _answer(question: Mapping[str, Any], table: Mapping[str, Callable[..., Any]], progress: Progress) -> dict[str, Any]:
    try:
        function = table[question["name"]]
        listening = {"progress": progress} if "progress" in inspect.signature(function).parameters else {}
        return {"value": function(**question["arguments"], **listening)}
    except EdgePressError as exc:
        return {"error": error_to_json(exc)}
    # The last place that can turn it into words.
    except Exception as exc:  # noqa: BLE001
        reason, next_step, detail = unexpected(exc)
        return {"error": error_to_json(ConversionError(reason, next_step=next_step, detail=detail))}


if __name__ == "__main__":
    leave(main(Path(sys.argv[1])))
