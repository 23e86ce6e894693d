"""A real worker process whose work is chosen by the name of the job's source; run by the queue's tests."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.common.errors import ImagesError
from core.common.json_files import write_json
from core.common.progress import Progress
from core.common.publish import stage
from core.common.text import say
from core.job.job import Job
from core.process.lifecycle import exit_immediately
from core.queue.worker import main
from core.report import transaction
from report_examples import comparison, made, report


def work(job: Job, folder: Path, progress: Progress) -> None:
    sys.stdout.write("output of a tool\n")
    job.out.mkdir(parents=True, exist_ok=True)
    progress(0.3, say("Doing {name}", name=job.source.stem))
    {
        "done": _done,
        "busy": _busy,
        "refuse": _refuse,
        "bug": _bug,
        "crash": _crash,
        "vanish": lambda *_: os._exit(0),
        "die": _die_while_publishing,
        "full": _disk_is_full_while_publishing,
    }[job.source.stem](job, folder, progress)


def _done(job: Job, folder: Path, progress: Progress) -> None:
    with (job.out / "runs.txt").open("a", encoding="utf-8") as runs:
        runs.write(folder.name + "\n")
    write_json(folder / "report.json", {"outcomes": []})
    write_json(folder / "gallery.json", [{"file": "a.png"}])


def _busy(job: Job, folder: Path, progress: Progress) -> None:
    _leave_parts(job, folder)
    # Grandchildren in a chain: the inner one is what a native tool started by a tool would be.
    code = (
        "import subprocess, sys, time, pathlib;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"pathlib.Path({str(folder / 'grandchild.txt')!r}).write_text(str(child.pid));"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code]):
        for step in range(600):
            progress(0.3 + step / 1000, say("Step {step}", step=step))
            time.sleep(0.1)


def _refuse(job: Job, folder: Path, progress: Progress) -> None:
    raise ImagesError(say("No pictures."), next_step=say("Add pictures."), detail="0 files")


def _bug(job: Job, folder: Path, progress: Progress) -> None:
    raise RuntimeError("a bug")


def _crash(job: Job, folder: Path, progress: Progress) -> None:
    _leave_parts(job, folder)
    ctypes.string_at(0)


def _die_while_publishing(job: Job, folder: Path, progress: Progress) -> None:
    _begin_publishing(job, folder)
    ctypes.string_at(0)


def _disk_is_full_while_publishing(job: Job, folder: Path, progress: Progress) -> None:
    _begin_publishing(job, folder)
    raise OSError(errno.ENOSPC, "no space left")


def _begin_publishing(job: Job, folder: Path) -> None:
    made_file = folder / "net_fp16.onnx"
    made_file.write_bytes(b"half")
    staged = stage([made_file], job.out, tag=folder.name)
    entry = made("onnx_fp16", comparison(), staged[0].final)
    transaction.begin(folder, {"onnx_fp16": staged}, report(entry))


def _leave_parts(job: Job, folder: Path) -> None:
    (folder / "work").mkdir()
    (folder / "work" / "big.bin").write_bytes(b"x")
    (job.out / f".x.onnx.{folder.name}.part").write_bytes(b"x")
    (job.out / "finished.onnx").write_bytes(b"x")


if __name__ == "__main__":
    exit_immediately(main(Path(sys.argv[1]), run=work))
