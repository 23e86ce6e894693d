import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.common.progress import silent
from core.common.serialization import to_data
from core.kit.make import make_kit_here
from core.queue.job_folder import JobFolder
from core.runner import run_job

_SECONDS = 240


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """The Python of an environment that holds only these requirements; each is made once."""
    made: dict[str, Path] = {}

    def python(requirements: Path) -> Path:
        text = requirements.read_text(encoding="utf-8")
        if text not in made:
            folder = tmp_path_factory.mktemp("environment")
            _run(sys.executable, "-m", "venv", str(folder))
            found = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            _run(str(found), "-m", "pip", "install", "--quiet", "--retries", "1", "-r", str(requirements))
            made[text] = found
        return made[text]

    return python


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as exc:
        pytest.skip(f"no environment for the kit could be made here: {getattr(exc, 'stderr', exc)}")


@pytest.fixture(scope="session")
def run_program():
    """Runs a kit's program from another folder, without a trace of this environment."""

    def run(python: Path | str, kit: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
        environ = {name: value for name, value in os.environ.items() if name not in hidden}
        return subprocess.run(
            [str(python), str(kit / "python" / "run.py"), *map(str, arguments)],
            cwd=kit.parent,
            env={**environ, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=100,
        )

    return run


@pytest.fixture(scope="session")
def finish():
    """Runs a job into a folder, and gives the job's folder and its report."""

    def done(job, folder):
        made = JobFolder(folder)
        folder.mkdir()
        made.initialise(job)
        return folder, run_job(job, folder, silent)

    return done


@pytest.fixture(scope="session")
def kits_of(finish):
    """Runs a job, and makes the kits of all its files: target -> folder."""

    def make(job, folder):
        job_folder, report = finish(job, folder / "job")
        assert [outcome.status for outcome in report.outcomes] == ["converted"] * len(job.targets), to_data(
            report.outcomes
        )
        return {target: make_kit_here(job_folder, target, folder / "kits").folder for target in job.targets}

    return make
