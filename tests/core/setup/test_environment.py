import subprocess
import sys
from collections import namedtuple

import pytest

from core.common.errors import OptionError, ToolError
from core.common.text import say
from core.setup import environment
from core.setup.environment import Environment, InstallPlan

Usage = namedtuple("Usage", "total used free")
PLAN = InstallPlan(environment.RUN)


@pytest.fixture
def copy(tmp_path):
    """A copy of EdgePress that needs nothing."""
    for name in environment.TEST:
        (tmp_path / name).write_text("# nothing\n", encoding="utf-8")
    return Environment(tmp_path)


@pytest.fixture
def installed(monkeypatch):
    """The arguments of pip; nothing is installed."""
    calls = []
    monkeypatch.setattr("core.setup.installer.install", lambda arguments, **_: calls.append(list(arguments)))
    return calls


@pytest.fixture
def quick(monkeypatch):
    """Environments without pip, which take half a second instead of four."""

    def make_empty(folder):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", str(folder)], check=True)

    monkeypatch.setattr("core.setup.virtual_environment.make_empty", make_empty)


def test_a_prepared_environment_is_ready_until_a_requirement_changes(copy, installed, quick):
    assert not environment.is_ready(copy, PLAN)
    assert environment.prepare(copy, PLAN) == ()
    assert environment.is_ready(copy, PLAN)
    assert not environment.is_ready(copy, InstallPlan(environment.TEST))
    (copy.root / "requirements.txt").write_text("something==1\n", encoding="utf-8")
    assert not environment.is_ready(copy, PLAN)


def test_an_environment_whose_python_is_gone_is_made_anew(copy, installed, quick):
    environment.prepare(copy, PLAN)
    copy.python.unlink()
    assert not environment.is_ready(copy, PLAN)
    environment.prepare(copy, PLAN)
    assert environment.is_ready(copy, PLAN)


def test_only_the_ncnn_converter_is_installed_without_its_dependencies(copy, installed, quick):
    environment.prepare(copy, InstallPlan(environment.TEST, copy.root))
    by_file = {arguments[-1].rpartition("requirements")[2]: arguments for arguments in installed}
    assert set(by_file) == {".txt", "-test.txt", "-nodeps.txt"}
    assert [name for name, arguments in by_file.items() if "--no-deps" in arguments] == ["-nodeps.txt"]
    assert all(arguments[:3] == ["--no-index", "--find-links", str(copy.root)] for arguments in installed)


def test_without_the_ncnn_converter_edgepress_starts_and_tries_again_next_time(copy, quick, monkeypatch):
    def install(arguments, **_):
        if "--no-deps" in arguments:
            raise ToolError(say("The disk is full."), next_step=say("Done."))

    monkeypatch.setattr("core.setup.installer.install", install)
    (failure,) = environment.prepare(copy, PLAN)
    assert str(failure.reason) == "The disk is full."
    assert not environment.is_ready(copy, PLAN)


def test_a_folder_of_wheels_that_does_not_exist_is_named(copy, installed):
    with pytest.raises(OptionError, match=r"no folder .*elsewhere"):
        environment.prepare(copy, InstallPlan(environment.RUN, copy.root / "elsewhere"))
    assert installed == []


def test_a_nearly_full_disk_is_refused_before_anything_is_downloaded(copy, installed, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**12, 10**12, 400_000_000))
    with pytest.raises(ToolError, match=r"0\.4 GB are free"):
        environment.prepare(copy, PLAN)
    assert installed == []
    assert not copy.folder.exists()


def test_the_launcher_needs_the_standard_library_only():
    modules = ("environment", "instance", "server", "checks", "own_python", "console_progress")
    code = f"import core.common.console, {', '.join(f'core.setup.{module}' for module in modules)}"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=environment.Path(__file__).parents[3], check=True)
