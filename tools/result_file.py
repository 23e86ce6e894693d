"""The files that ``--json`` and ``--report`` ask for."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from core.common.errors import OptionError
from core.common.json_files import write_json
from core.common.publish import check_output_folder
from core.common.text import say
from core.html_report.write import ReportFiles


def check_result_file(path: Path | None) -> None:
    """Check that the result can be written, before anything runs; its folder is made.

    Args:
        path: the file; nothing happens without one.

    Raises:
        OptionError: it cannot.
    """
    if path is None:
        return
    check_output_folder(path.absolute().parent)
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as exc:  # the name is too long, or links go round in a circle
        raise _unwritable(path, str(exc)) from exc
    # In the place of a device or a pipe, which the administrator may replace, there would be a file from then on.
    if not stat.S_ISREG(found.st_mode):
        raise _unwritable(path, "no regular file")


def check_report_file(path: Path | None, *, also_asked: Path | None = None) -> None:
    """The same for the HTML file of a report, and those that are written beside it.

    Args:
        path: the HTML file; nothing happens without one.
        also_asked: another file that the person asked for, and that may be one of those.

    Raises:
        OptionError: one cannot be written, or is something else of the person's, or the name has another ending.
    """
    if path is None:
        return
    if path.suffix.lower() not in (".html", ".htm"):
        raise OptionError(
            say('The report "{path}" needs a name that ends in .html.', path=path.name),
            next_step=say("For example: --report report.html"),
        )
    for file in ReportFiles(path).all:
        check_result_file(file)
    if path.exists():  # an earlier report
        return
    for file in ReportFiles(path).data:
        if file.exists() and (also_asked is None or file.absolute() != also_asked.absolute()):
            raise OptionError(
                say('"{file}" is there already, and the report would put its own file in its place.', file=file.name),
                next_step=say("Give the report another name, or move that file away."),
            )


def write_result(path: Path | None, data: Any) -> None:
    """Write the result for other programs, as a whole or not at all; nothing happens without a path.

    Args:
        path: the file; its folder is made.
        data: what :mod:`json` can write.

    Raises:
        OptionError: it cannot be written.
    """
    if path is None:
        return
    check_result_file(path)
    try:
        write_json(Path(os.path.realpath(path)), data, indent=2)
    except (OSError, ValueError) as exc:
        raise _unwritable(path, str(exc)) from exc


def _unwritable(path: Path, detail: str) -> OptionError:
    return OptionError(
        say('The result cannot be written to "{path}".', path=path),
        next_step=say("Choose another file, in a folder where you may write."),
        detail=detail,
    )
