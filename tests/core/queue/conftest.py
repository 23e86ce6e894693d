from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.job.job import Job
from core.preprocessing import Preprocessing
from core.queue.store import JobStore
from core.queue.supervisor import Supervisor

HERE = Path(__file__).parent


@pytest.fixture
def command() -> list[str]:
    return [sys.executable, str(HERE / "queue_worker.py")]


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "home")


@pytest.fixture
def job(tmp_path: Path) -> Callable[[str], Job]:
    """Makes a job by what its worker is to do."""
    return lambda work: Job(tmp_path / f"{work}.onnx", ("onnx_fp16",), Preprocessing((8, 8)), tmp_path / "out")


@pytest.fixture
def supervisor(store: JobStore, command: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(store, command)
    yield made
    made.stop()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Waits for something to become true, and fails when it does not."""

    def wait(condition: Callable[[], object], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it never became true"
            time.sleep(0.02)

    return wait
