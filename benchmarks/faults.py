"""Kill jobs at random moments, start EdgePress again, and check what is on the disk.

    python benchmarks/faults.py --kills 200 --table docs/faults.md

Each job makes all six targets of the bundled sample in a folder that holds earlier files of the same names. It is run
by the command line or by the queue, as the app does; then the whole tree of processes, its head alone, or its worker
alone is killed (SIGKILL): half of the times at any moment, half of them while files are published. After the next start
the job's state and the files must agree: all files are new, byte for byte those of a job that nobody killed, or all are
the earlier ones. Not for Windows.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.common.paths import ASSETS, PROJECT_ROOT
from core.inputs.infer_in_subprocess import infer_in_subprocess
from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.queue.job_folder import JobFolder
from core.queue.recovery import recover
from core.queue.store import JobStore
from core.queue.supervisor import Supervisor
from core.targets import TARGET_IDS

_INTRODUCTION = """# What is left when a job is killed

Written by `benchmarks/faults.py`, which says how to repeat it: jobs of six targets, killed at random moments or while
they publish their files, then EdgePress was started again. *New*: the job is done, and all nine files are byte for byte
those of a job that nobody killed. *Earlier*: the job is told as interrupted or failed, and all files are those from
before. *Some targets*: the worker died while one target was made; the others are new, and the report says so. *Wrong*:
anything else: a torn pair, half a file, a lost one, a temporary file, a process that goes on, a state that does not
agree with the files.
"""
_HEADS = ("command line", "queue")
_VICTIMS = ("all", "head", "worker")
_TIMEOUT = 120.0


@dataclass(frozen=True)
class Fault:
    """Whom to kill, and when."""

    head: str
    victim: str
    seconds: float | None
    """After the start; None: a few milliseconds after the first file is being published."""


def main() -> int:
    """Run the benchmark; 1 where something was wrong."""
    parser = argparse.ArgumentParser(description="Kill jobs, start again, check what is on the disk.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    counts, problems = run(options.kills, options.seed)
    table = document(counts, problems)
    sys.stdout.write(table)
    if options.table is not None:
        options.table.write_text(table, encoding="utf-8")
    return 1 if problems else 0


def run(kills: int, seed: int) -> tuple[Counter[tuple[str, str, str]], list[str]]:
    """Kill that many jobs.

    Returns:
        How often (head and victim, moment, result) was seen, and a line for each job that was not as it should be.
    """
    choose = random.Random(seed)
    counts: Counter[tuple[str, str, str]] = Counter()
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(Path(temporary))
        seconds = bench.make_reference()
        for number in range(kills):
            moment = choose.uniform(0, seconds) if number % 2 else None
            fault = Fault(choose.choice(_HEADS), choose.choice(_VICTIMS), moment)
            result = bench.kill(fault, choose.uniform(0, 0.1))
            if result.startswith("wrong"):
                problems.append(f"{number} {fault}: {result}")
            when = "any moment" if moment is not None else "publishing"
            counts[f"{fault.victim} of the {fault.head}", when, result.partition(":")[0]] += 1
            sys.stderr.write(f"{number + 1}/{kills} {fault.head}, {fault.victim}, {when}: {result}\n")
    return counts, problems


def document(counts: Mapping[tuple[str, str, str], int], problems: Sequence[str]) -> str:
    """The table as Markdown."""
    results = ("new", "earlier", "some targets", "wrong")
    lines = [_INTRODUCTION, f"| killed | when | kills | {' | '.join(results)} |", "|---" * (len(results) + 3) + "|"]
    for killed, when in sorted({(killed, when) for killed, when, _ in counts}):
        row = [counts.get((killed, when, result), 0) for result in results]
        lines.append(f"| {killed} | {when} | {sum(row)} | {' | '.join(map(str, row))} |")
    total = [sum(count for (_, _, one), count in counts.items() if one == result) for result in results]
    lines.append(f"| **together** | | {sum(total)} | {' | '.join(map(str, total))} |")
    return "\n".join([*lines, *(f"\n- {problem}" for problem in problems)]) + "\n"


class Bench:
    """A home, a model and an output folder with earlier files, anew for each job."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._model = folder / "model" / "sample.onnx"
        self._model.parent.mkdir()
        shutil.copy(ASSETS / "sample" / "sample.onnx", self._model)
        self._out, self._home = folder / "out", folder / "home"
        self._images = folder / "images"
        self._images.mkdir()
        for picture in sorted((ASSETS / "sample" / "images").iterdir())[::4]:
            shutil.copy(picture, self._images)
        os.environ["EDGEPRESS_HOME"] = str(self._home)  # for what this process and its children do
        self._store = JobStore(self._home)
        source = inspect(self._model)
        preprocessing = infer_in_subprocess(source, self._images, timeout=_TIMEOUT).preprocessing
        self._job = Job(source.path, TARGET_IDS, preprocessing, self._out, images=self._images, model=source)
        self._reference: dict[str, str] = {}
        self._untouched = content(self._model.parent) | content(self._images)

    def make_reference(self) -> float:
        """Run a job that nobody kills, twice, since the first one starts slowly; the seconds that the second took."""
        for _ in range(2):
            self._prepare()
            start = time.monotonic()
            with self._started("command line") as process:
                process.wait(_TIMEOUT)
            self._reference = content(self._out)
        return time.monotonic() - start

    def kill(self, fault: Fault, delay: float) -> str:
        """Run a job, kill it, start again, and say what is left: the result, with what is wrong after a colon."""
        self._prepare()
        with self._started(fault.head) as process:
            try:
                self._wait(fault, delay, process)
                _kill(process, fault.victim)
                if fault.victim == "worker":
                    self._wait_until_ended(process, fault.head)
            finally:
                processes = _tree(process)
                process.kill()
        _, alive = psutil.wait_procs(processes, timeout=10)
        recover(self._store)
        return self._result(alive)

    def _prepare(self) -> None:
        for folder in (self._home, self._out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        for name in self._reference:
            (self._out / name).write_text(f"earlier {name}")
        self._earlier = content(self._out)

    def _started(self, head: str) -> subprocess.Popen[bytes]:
        if head == "queue":
            self._store.create(self._job)
            command = [__file__, "serve"]
        else:
            given = [str(self._model), "--images", str(self._images), "--out", str(self._out)]
            command = [str(PROJECT_ROOT / "tools" / "export_quantize.py"), *given, "--type", *TARGET_IDS]
        quiet = subprocess.DEVNULL
        return subprocess.Popen([sys.executable, *command], stdin=quiet, stdout=quiet, stderr=quiet, cwd=PROJECT_ROOT)

    def _wait(self, fault: Fault, delay: float, process: subprocess.Popen[bytes]) -> None:
        if fault.seconds is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(fault.seconds)
            return
        deadline = time.monotonic() + _TIMEOUT
        while not any(self._out.glob(".*.part")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(delay)

    def _wait_until_ended(self, process: subprocess.Popen[bytes], head: str) -> None:
        """The head goes on without the worker that was killed."""
        deadline = time.monotonic() + _TIMEOUT
        while process.poll() is None and time.monotonic() < deadline:
            if head == "queue" and not any(self._store.state(one).is_active for one in self._store.ids()):
                return
            time.sleep(0.05)

    def _result(self, alive: Sequence[psutil.Process]) -> str:
        wrong = list(self._wrong(alive))
        if wrong:
            return f"wrong: {'; '.join(wrong)}"
        after = content(self._out)
        if after == self._earlier:
            return "earlier"
        return "new" if after == self._reference else "some targets"

    def _wrong(self, alive: Sequence[psutil.Process]) -> Iterator[str]:
        if alive:
            yield f"{len(alive)} processes go on"
        if content(self._model.parent) | content(self._images) != self._untouched:
            yield "the source was touched"
        after = content(self._out)
        made: set[str] = set()
        for folder in map(self._store.open, self._store.ids()):
            status = folder.state().status
            if folder.state().is_active and not (status == "queued" and after == self._earlier):
                yield f"the job is {status}"
            yield from (f"{path.name} is left in the job's folder" for path in _leftovers(folder))
            if status == "done":
                made |= {Path(file).name for entry in (folder.report() or {})["outcomes"] for file in entry["files"]}
        for name in sorted(after.keys() | self._earlier.keys()):
            expected = (self._reference if name in made else self._earlier).get(name)
            if after.get(name) != expected:
                yield f"{name} is {'made' if name in made else 'not made'} by the report, but not on the disk"


def content(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _leftovers(folder: JobFolder) -> list[Path]:
    return [path for pattern in ("*.part", ".*.part", "work", "publish.json") for path in folder.path.glob(pattern)]


def _tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        head = psutil.Process(process.pid)
        return [head, *head.children(recursive=True)]
    except psutil.Error:
        return []


def _kill(process: subprocess.Popen[bytes], victim: str) -> None:
    """Kill the head alone (its children must follow by themselves), the worker alone, or all at once."""
    head, *others = _tree(process) or [None]
    chosen = {"head": [head], "all": [head, *others], "worker": [one for one in others if _is_worker(one)]}[victim]
    for one in chosen:
        with suppress(psutil.Error, AttributeError):
            one.send_signal(signal.SIGKILL)


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "core.queue.worker" in process.cmdline()
    return False


def serve() -> None:
    """Run the queue until killed, as the app does."""
    Supervisor(JobStore(Path(os.environ["EDGEPRESS_HOME"]))).start()
    time.sleep(_TIMEOUT)


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1:] == ["serve"] else main())
