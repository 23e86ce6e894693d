import platform
import re
from importlib.metadata import version

from core.common.paths import PROJECT_ROOT
from core.common.version import VERSION
from core.report.environment import this_environment


def test_the_version_is_the_project_s():
    text = (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.+)"$', text, re.MULTILINE)[1] == VERSION


def test_versions_and_computer_are_this_one_s():
    found = this_environment(3)
    assert (found.edgepress, found.python, found.threads) == (VERSION, platform.python_version(), 3)
    assert found.packages["onnxruntime"] == version("onnxruntime") and found.packages["ncnn"] == version("ncnn")
    assert found.system and found.machine and found.memory_bytes > 1e8
