import os
import platform
import re
from importlib.metadata import version

import pytest

from core.common.paths import PROJECT_ROOT
from core.common.version import VERSION
from core.report import environment as module
from core.report.environment import this_environment


def test_the_version_is_the_project_s():
    text = (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.+)"$', text, re.MULTILINE)[1] == VERSION


def test_versions_and_computer_are_this_one_s():
    found = this_environment(3)
    assert (found.edgepress, found.python, found.threads) == (VERSION, platform.python_version(), 3)
    assert found.packages["onnxruntime"] == version("onnxruntime") and found.packages["ncnn"] == version("ncnn")
    assert found.system and found.machine and found.memory_bytes > 1e8


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n", "Some CPU @ 2 GHz"),
        ("processor\t: 0\nBogoMIPS: 108\n\nModel\t\t: Raspberry Pi 5\n", "Raspberry Pi 5"),
        ("model name\t:\n", platform.processor()),
        ("", platform.processor()),
    ],
)
def test_the_processor_has_the_name_that_linux_gives_it(text, name):
    assert module._from_proc(text) == name


@pytest.mark.skipif(os.name != "posix" or platform.system() != "Linux", reason="reads /proc")
def test_a_system_without_that_file_has_a_processor_without_a_name(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_PROCESSORS", tmp_path / "none")
    assert this_environment(1).processor == platform.processor()
