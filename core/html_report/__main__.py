"""``python -m core.html_report FOLDER``: the process in which a report is written."""

from __future__ import annotations

import sys
from pathlib import Path

from core.html_report.write import write_report_here
from core.process.lifecycle import exit_immediately
from core.process.subprocess_entry import serve


def _write(folder: str, html: str, language: str) -> None:
    write_report_here(Path(folder), Path(html), language)


if __name__ == "__main__":
    exit_immediately(serve(Path(sys.argv[1]), {"write": _write}))
