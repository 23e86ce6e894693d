import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from core import toolchain
from core.errors import ToolError
from core.text import say

TOOL = Path(__file__).parents[2] / "tools" / "env_config.py"


@pytest.fixture
def env_config(monkeypatch):
    monkeypatch.setattr("sys.path", list(sys.path))
    specification = importlib.util.spec_from_file_location("env_config_under_test", TOOL)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def component(status, **more):
    return toolchain.Component("part", "Part", None, say("everything"), status, say("Done."), **more)


def test_it_runs_from_anywhere_and_answers_in_json(tmp_path):
    ran = subprocess.run(
        [sys.executable, str(TOOL), "--check", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert {"python", "onnxruntime", "ncnn", "pnnx"} <= {part["key"] for part in json.loads(ran.stdout)}


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (component("ready"), 0),
        (component("missing"), 1),
        (component("broken"), 1),
        (component("missing", optional=True), 0),
    ],
)
def test_the_exit_code_is_zero_only_if_every_needed_part_is_ready(env_config, part, code, monkeypatch, capsys):
    monkeypatch.setattr(toolchain, "check", lambda: (part,))
    assert env_config.main(["--check"]) == code
    assert "Part" in capsys.readouterr().out


def test_check_installs_nothing(env_config, monkeypatch):
    monkeypatch.setattr(toolchain, "check", lambda: (component("missing"),))
    monkeypatch.setattr(toolchain, "complete", lambda _: pytest.fail("it installed"))
    assert env_config.main(["--check"]) == 1


def test_without_options_it_completes_what_is_missing(env_config, monkeypatch, capsys):
    def complete(progress):
        progress(0.5, say("Looking at what is there."))
        return (component("ready"),)

    monkeypatch.setenv("EDGEPRESS_LANGUAGE", "en")
    monkeypatch.setattr(toolchain, "complete", complete)
    assert env_config.main([]) == 0
    assert "[ 50%] Looking at what is there." in capsys.readouterr().out


def test_when_installing_fails_the_reason_and_the_table_are_shown(env_config, monkeypatch, capsys):
    def fail(_):
        raise ToolError(say("The disk is full."), next_step=say("Done."))

    monkeypatch.setenv("EDGEPRESS_LANGUAGE", "zh")
    monkeypatch.setattr(toolchain, "complete", fail)
    monkeypatch.setattr(toolchain, "check", lambda: (component("missing"),))
    assert env_config.main([]) == 1
    printed = capsys.readouterr().out
    assert "磁盘已满。" in printed
    assert "缺失" in printed
