import importlib.util
import sys

import pytest

from core.common.errors import ToolError
from core.common.text import say
from core.setup import computer


def check(folder):
    computer.check_computer(folder, needed_bytes=1, disk_advice=say("Done."))


def test_a_python_without_venv_is_told_which_debian_package_to_install(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ensurepip" else find(name))
    with pytest.raises(ToolError) as caught:
        check(tmp_path)
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in str(caught.value.next_step)


def test_a_32_bit_python_is_refused(tmp_path, monkeypatch):
    check(tmp_path)
    monkeypatch.setattr("sys.maxsize", 2**31 - 1)
    with pytest.raises(ToolError, match="32-bit"):
        check(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ToolError, match="gone"):
        check(tmp_path / "gone")


@pytest.mark.parametrize(("version", "warned"), [((3, 10), False), ((3, 13), False), ((3, 14), True)])
def test_only_a_python_newer_than_the_tested_ones_is_warned_of(version, warned, monkeypatch):
    monkeypatch.setattr("sys.version_info", (*version, 0, "final", 0))
    assert (computer.untested_python() is not None) == warned
