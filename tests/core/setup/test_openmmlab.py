import os
import subprocess
import sys
from collections import namedtuple

import pytest

from core.common.errors import OptionError, ToolError
from core.common.text import say
from core.setup import openmmlab
from core.setup.fetched_folder import lock_of

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEPRESS_OPENMMLAB", str(tmp_path / "openmmlab"))
    return tmp_path / "openmmlab"


@pytest.fixture
def installed(monkeypatch):
    """The arguments of pip; nothing is installed, and nothing is imported as a check."""
    calls = []
    monkeypatch.setattr("core.setup.installer.install", lambda arguments, **_: calls.append(list(arguments)))
    monkeypatch.setattr(openmmlab, "_check_imports", lambda: None)
    return calls


@pytest.fixture
def quick(monkeypatch):
    """Environments without pip, which take half a second instead of four."""

    def make_empty(folder):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", str(folder)], check=True)

    monkeypatch.setattr("core.setup.virtual_environment.make_empty", make_empty)
    monkeypatch.setattr("core.setup.virtual_environment.has_pip", lambda python: python.is_file())


def test_it_lives_where_the_variable_points_else_in_the_data_folder(folder, monkeypatch, tmp_path):
    assert openmmlab.folder() == folder
    monkeypatch.delenv("EDGEPRESS_OPENMMLAB")
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path))
    assert openmmlab.folder() == tmp_path / "openmmlab"


def test_it_is_absent_then_ready_then_absent_again(folder, installed, quick):
    assert openmmlab.status() == "absent"
    assert openmmlab.size() == 0
    openmmlab.create()
    assert openmmlab.status() == "ready"
    assert openmmlab.size() > 500
    openmmlab.remove()
    assert openmmlab.status() == "absent"
    assert not folder.exists()


def test_only_the_openmmlab_packages_are_installed_without_their_dependencies(folder, installed, quick):
    openmmlab.create()
    first, second = installed
    assert "--no-deps" not in first
    assert "--no-deps" in second
    assert second[-1].endswith("requirements-nodeps.txt")


def test_a_ready_environment_is_not_changed(folder, installed, quick):
    openmmlab.create()
    installed.clear()
    openmmlab.create()
    assert installed == []


def test_a_second_call_continues_after_an_interruption(folder, installed, quick, monkeypatch):
    def fail(arguments, **_):
        raise ToolError(say("The disk is full."), next_step=say("Done."))

    with monkeypatch.context() as failing:
        failing.setattr("core.setup.installer.install", fail)
        with pytest.raises(ToolError, match="full"):
            openmmlab.create()
    assert openmmlab.status() == "unfinished"
    (folder / "kept").touch()
    openmmlab.create()
    assert openmmlab.status() == "ready"
    assert (folder / "kept").exists()


def test_other_pins_make_it_unfinished(folder, installed, quick, monkeypatch, tmp_path):
    openmmlab.create()
    pins = tmp_path / "requirements.txt"
    pins.write_text("torch==3\n", encoding="utf-8")
    monkeypatch.setattr(openmmlab, "_REQUIREMENTS", pins)
    assert openmmlab.status() == "unfinished"


def test_packages_that_do_not_start_are_not_called_ready(folder, quick, monkeypatch):
    monkeypatch.setattr("core.setup.installer.install", lambda *_, **__: None)
    with pytest.raises(ToolError, match="do not start") as caught:
        openmmlab.create()  # nothing was installed, so nothing can be imported
    assert "No module named" in caught.value.detail
    assert openmmlab.status() == "unfinished"


def test_a_folder_of_wheels_replaces_the_internet(folder, installed, quick, tmp_path):
    openmmlab.create(wheels=tmp_path)
    assert all(arguments[:3] == ["--no-index", "--find-links", str(tmp_path)] for arguments in installed)


def test_a_folder_of_wheels_that_does_not_exist_is_named(folder, installed, tmp_path):
    with pytest.raises(OptionError, match="elsewhere"):
        openmmlab.create(wheels=tmp_path / "elsewhere")
    assert installed == []


def test_a_folder_with_other_things_is_neither_used_nor_removed(folder, installed):
    folder.mkdir()
    (folder / "thesis.txt").touch()
    for action in (openmmlab.create, openmmlab.remove):
        with pytest.raises(OptionError, match="something else"):
            action()
    assert (folder / "thesis.txt").exists()
    assert installed == []


def test_too_little_disk_space_is_refused_before_anything_is_downloaded(folder, installed, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**12, 10**12, 2_000_000_000))
    needed = openmmlab.needed_bytes() / 1e9
    with pytest.raises(ToolError, match=rf"2\.0 GB are free, {needed:.1f} GB are needed") as caught:
        openmmlab.create()
    assert "EDGEPRESS_OPENMMLAB" in str(caught.value.next_step)
    assert installed == []


def test_on_linux_the_disk_must_have_room_for_the_cuda_build_of_pytorch(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    large = openmmlab.NEEDED_BYTES_WITH_CUDA
    assert openmmlab.needed_bytes() == openmmlab.needed_bytes(tmp_path) == large
    monkeypatch.setattr("sys.platform", "win32")
    assert openmmlab.needed_bytes() == openmmlab.NEEDED_BYTES


def test_a_pip_that_takes_the_cpu_build_of_pytorch_needs_less(folder, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl").touch()
    assert openmmlab.needed_bytes(tmp_path) == openmmlab.NEEDED_BYTES
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://example.org/whl/cpu")
    assert openmmlab.needed_bytes() == openmmlab.NEEDED_BYTES


def test_going_on_after_pytorch_is_there_needs_less(folder, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    version = folder / "lib" / "python3.11" / "site-packages" / "torch" / "version.py"
    version.parent.mkdir(parents=True)
    version.touch()
    assert openmmlab.needed_bytes() == openmmlab.NEEDED_BYTES


def test_two_windows_do_not_make_it_at_once(folder, installed, quick):
    lock = lock_of(folder)
    assert lock.acquire()
    with pytest.raises(ToolError, match="another window"):
        openmmlab.create()
    lock.release()
    openmmlab.create()


def test_the_error_where_it_is_missing_names_the_command_that_makes_it(folder):
    with pytest.raises(ToolError, match="not ready") as caught:
        openmmlab.require()
    assert openmmlab.COMMAND in str(caught.value.next_step)


def test_every_pin_is_exact():
    for path in (openmmlab._REQUIREMENTS, openmmlab._WITHOUT_DEPENDENCIES):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        assert lines
        assert [line for line in lines if "==" not in line.partition(";")[0]] == []
