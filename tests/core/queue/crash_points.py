"""Runs a real job up to where its files are published, then dies once at every change of the disk from there on.

A program of its own: ``crash_points.py FOLDER EVERY``, with a model and pictures in the folder. Each death happens in a
fork, so that the files are made once; after it the job is recovered as at the next start, and what is on the disk is
checked. After every EVERY-th death the recovery dies at each of its own points, too. Prints the counts as JSON; not for
Windows, which has no forks.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

from core.common.paths import home
from core.common.text import Text
from core.job.job import Job
from core.process.lifecycle import exit_immediately
from core.queue import worker
from core.queue.recovery import recover
from core.queue.store import JobStore
from core.runner import run_job
from small import PREPROCESSING

_CHANGES = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir")
DEAD = 137


def die_at(number: int) -> None:
    """End this process at once, as a power cut does, before its ``number``-th change of the disk from now on."""
    left = itertools.count(number, -1)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in _CHANGES or writes) and next(left) == 0:
            os._exit(DEAD)

    sys.addaudithook(hook)


class Disk:
    """The folders that a job changes, and a copy of them from before its files are published."""

    def __init__(self, folders: tuple[Path, ...], copies: Path) -> None:
        self._pairs = [(folder, copies / str(index)) for index, folder in enumerate(folders)]
        for folder, copy in self._pairs:
            shutil.copytree(folder, copy, symlinks=True)

    def restore(self) -> None:
        for folder, copy in self._pairs:
            shutil.rmtree(folder)
            shutil.copytree(copy, folder, symlinks=True)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class CrashPoints:
    """Stops a job where its files are to be published, and lets forks of this process die there."""

    def __init__(self, folder: Path, every: int) -> None:
        self.counts: Counter[str] = Counter()
        self.is_fork = False
        self._every = every
        self._copies = folder / "copies"
        self._out = folder / "out"
        self._out.mkdir()
        for name in ("net.param", "net.bin"):  # an earlier result, to be replaced
            (self._out / name).write_bytes(b"earlier")
        self._before = content(self._out)
        self._store = JobStore(home())
        targets = ("onnx_fp16", "ncnn")
        job = Job(folder / "net.onnx", targets, PREPROCESSING, self._out, images=folder / "pictures")
        self.job_folder = self._store.open(self._store.create(job))

    def run(self, job: Job, path: Path, writer: worker.StateWriter) -> object:
        """Run the job, as the worker does."""

        def progress(fraction: float, message: Text) -> None:
            writer(fraction, message)
            if message.template == "Putting the files in their place":
                self._die_everywhere()

        return run_job(job, path, progress, on_targets_made=writer.on_targets_made, at_target=writer.at_target)

    def _die_everywhere(self) -> None:
        disk = self._disk("before")
        for number in itertools.count():
            child = os.fork()
            if not child:
                self.is_fork = True
                die_at(number)
                return  # the job goes on in this fork
            exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if exit_code != DEAD:
                self._expect(exit_code == 0, f"exit code {exit_code}")
                self._count_state("to the end: ")
                return
            self.counts["crash points"] += 1
            if number % self._every == 0:
                self._die_in_recovery(self._disk(f"crashed-{number}"))
            recover(self._store)
            self._count_state()
            disk.restore()

    def _die_in_recovery(self, crashed: Disk) -> None:
        for number in itertools.count():
            child = os.fork()
            if not child:
                die_at(number)
                recover(self._store)
                os._exit(0)
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
                return
            self.counts["crash points of the recovery"] += 1
            recover(self._store)
            self._state()
            crashed.restore()

    def _disk(self, name: str) -> Disk:
        return Disk((home(), self._out), self._copies / name)

    def _count_state(self, what: str = "") -> None:
        self.counts[what + self._state()] += 1

    def _state(self) -> str:
        """What the job's state is; ends the program where it does not agree with the files."""
        folder, after = self.job_folder, content(self._out)
        state = folder.state()
        leftovers = [*folder.path.glob("*.part"), *folder.path.glob("work"), *folder.path.glob("publish.json")]
        self._expect(not leftovers, f"left: {leftovers}")
        if state.status == "interrupted":
            self._expect(after == self._before, "interrupted, but files were changed")
            return state.status
        self._expect(state.status == "done", f"state {state}")
        outcomes = (folder.report() or {})["outcomes"]
        names = [Path(file).name for outcome in outcomes for file in outcome["files"]]
        self._expect(len(names) == 3 and sorted(after) == sorted(names), f"files {sorted(after)}, report {names}")
        self._expect(b"earlier" not in after.values(), "done, but a file is the earlier one")
        return state.status

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            sys.stderr.write(f"{what}\n{dict(self.counts)}\n")
            sys.stderr.flush()
            os._exit(1)  # an exception would only be the end of the job


def main(folder: Path, every: int) -> None:
    """Run everything and print the counts."""
    points = CrashPoints(folder, every)
    os.fsync = lambda _: None  # the death of a process loses nothing that was written, and disks are slow
    code = worker.main(points.job_folder.path, points.run)
    if not points.is_fork:
        sys.stdout.write(json.dumps(points.counts))
    exit_immediately(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
