import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from copies import copy_into
from core.common.errors import ToolError
from core.common.text import say
from core.setup import arm, openmmlab, toolchain, web_runtime

TOOL = Path(__file__).parents[2] / "tools" / "env_config.py"
FULL = ToolError(say("The disk is full."), next_step=say("Done."))


@pytest.fixture(autouse=True)
def no_openmmlab(tmp_path, monkeypatch):
    """No environment for PyTorch, whatever this computer has."""
    monkeypatch.setenv("EDGEPRESS_OPENMMLAB", str(tmp_path / "openmmlab"))
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EDGEPRESS_LANGUAGE", "en")


@pytest.fixture
def env_config(monkeypatch):
    monkeypatch.setattr("sys.path", list(sys.path))
    specification = importlib.util.spec_from_file_location("env_config_under_test", TOOL)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def all_there(monkeypatch):
    """A complete toolchain; the calls that would change it."""
    calls = []
    monkeypatch.setattr(toolchain, "check", lambda: (component("ready"),))
    monkeypatch.setattr(toolchain, "complete", lambda _, wheels: calls.append(("complete", wheels)))
    monkeypatch.setattr(openmmlab, "create", lambda _, wheels: calls.append(("create", wheels)))
    monkeypatch.setattr(openmmlab, "remove", lambda: calls.append(("remove",)))
    return calls


def component(status, **more):
    return toolchain.Component("part", "Part", None, say("everything"), status, say("Done."), **more)


def refuse(*_, **__):
    raise FULL


def run(*arguments, python=sys.executable, tool=TOOL, cwd=None):
    command = [str(python), str(tool), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", timeout=100, check=False)


def test_it_runs_from_any_folder_and_prints_json(tmp_path):
    ran = run("--check", "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    data = json.loads(ran.stdout)
    assert {"python", "onnxruntime", "ncnn", "pnnx", "ncnn2int8", "openmmlab"} <= {
        part["key"] for part in data["parts"]
    }
    assert (data["ready"], data["exit_code"], data["error"]) == (True, 0, None)
    assert Path(data["interpreter"]) == Path(sys.executable)


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


def test_openmmlab_counts_only_where_it_is_asked_for(env_config, all_there):
    assert env_config.main(["--check"]) == 0
    assert env_config.main(["--check", "--openmmlab"]) == 1
    assert all_there == []


def test_the_emulated_processor_counts_only_where_it_is_asked_for(env_config, all_there, monkeypatch, capsys):
    monkeypatch.setattr(arm, "unavailable", lambda: None)
    assert env_config.main(["--check"]) == 0
    assert "ARM emulator" in capsys.readouterr().out
    assert env_config.main(["--check", "--arm"]) == 1
    assert all_there == []


def test_where_it_cannot_be_had_it_is_not_listed_but_explained_if_asked_for(env_config, all_there, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert env_config.main(["--check"]) == 0
    assert "ARM emulator" not in capsys.readouterr().out
    assert env_config.main(["--check", "--arm"]) == 1
    assert "on Linux only" in capsys.readouterr().out


def test_it_is_fetched_and_removed_on_demand(env_config, all_there, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(arm, "status", lambda: "ready")
    monkeypatch.setattr(arm, "create", lambda _, wheels: calls.append(("create", wheels)))
    monkeypatch.setattr(arm, "remove", lambda: calls.append(("remove",)))
    assert env_config.main(["--arm", "--wheels", str(tmp_path)]) == 0
    assert env_config.main(["--remove-arm"]) == 0
    assert calls == [("create", tmp_path), ("remove",)]


def test_the_runtime_of_web_pages_comes_and_goes_on_demand(env_config, all_there, monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.setattr(web_runtime, "status", lambda: "absent")
    assert env_config.main(["--check"]) == 0
    assert "web pages in deployment kits" in capsys.readouterr().out
    assert env_config.main(["--check", "--web"]) == 1
    monkeypatch.setattr(web_runtime, "status", lambda: "ready")
    monkeypatch.setattr(web_runtime, "create", lambda _, wheels: calls.append(("create", wheels)))
    monkeypatch.setattr(web_runtime, "remove", lambda: calls.append(("remove",)))
    assert env_config.main(["--web", "--wheels", str(tmp_path)]) == 0
    assert env_config.main(["--remove-web"]) == 0
    assert calls == [("create", tmp_path), ("remove",)]


def test_check_installs_nothing(env_config, all_there, monkeypatch):
    monkeypatch.setattr(toolchain, "check", lambda: (component("missing"),))
    assert env_config.main(["--check"]) == 1
    assert all_there == []


def test_every_option_reaches_the_part_that_it_is_for(env_config, all_there, monkeypatch, tmp_path):
    monkeypatch.setattr(openmmlab, "status", lambda: "ready")
    assert env_config.main(["--wheels", str(tmp_path)]) == 0
    assert env_config.main(["--openmmlab", "--wheels", str(tmp_path)]) == 0
    assert env_config.main(["--remove-openmmlab"]) == 0
    assert all_there == [("complete", tmp_path), ("complete", tmp_path), ("create", tmp_path), ("remove",)]


def test_without_options_it_installs_what_is_missing_and_prints_its_progress(
    env_config, all_there, monkeypatch, capsys
):
    monkeypatch.setattr(
        toolchain, "complete", lambda progress, wheels: progress(0.5, say("Checking what is installed."))
    )
    assert env_config.main([]) == 0
    assert "[ 50%] Checking what is installed." in capsys.readouterr().out


def test_when_installing_fails_the_reason_and_the_table_are_shown(env_config, all_there, monkeypatch, capsys):
    monkeypatch.setenv("EDGEPRESS_LANGUAGE", "zh")
    monkeypatch.setattr(toolchain, "complete", refuse)
    monkeypatch.setattr(toolchain, "check", lambda: (component("missing"),))
    assert env_config.main([]) == 3
    printed = capsys.readouterr().out
    assert "磁盘已满。" in printed
    assert "缺失" in printed


def test_one_failure_does_not_keep_the_rest_from_being_tried(env_config, all_there, monkeypatch, capsys):
    monkeypatch.setattr(toolchain, "complete", refuse)
    assert env_config.main(["--openmmlab", "--json"]) == 3
    assert all_there == [("create", None)]
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"] == {"reason": "The disk is full.", "next_step": "Done.", "detail": ""}
    assert "The disk is full." in shown.err


def test_ctrl_c_ends_it_without_a_traceback(env_config, all_there, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(toolchain, "complete", interrupt)
    assert env_config.main([]) == 130
    assert capsys.readouterr().out == "Stopped.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--remove-openmmlab", "--openmmlab"],
        ["--arm", "--remove-arm"],
        ["--web", "--remove-web"],
        ["--check", "--remove-openmmlab"],
        ["--no-such-option"],
    ],
)
def test_a_command_line_that_makes_no_sense_ends_with_two(env_config, arguments):
    with pytest.raises(SystemExit) as ended:
        env_config.main(arguments)
    assert ended.value.code == 2


def test_a_folder_of_wheels_that_is_not_there_ends_with_two():
    ran = run("--wheels", "no-such-folder")
    assert ran.returncode == 2
    assert "There is no folder no-such-folder to install from." in ran.stdout


def test_the_exit_codes_are_in_the_help(env_config, capsys):
    with pytest.raises(SystemExit):
        env_config.main(["--help"])
    shown = capsys.readouterr().out
    assert all(code in shown for code in ("0 ready", "1 something", "2 wrong", "3 installing", "130 stopped"))


@pytest.mark.skipif(not hasattr(sys, "_base_executable"), reason="this Python does not know its origin")
def test_a_bare_python_is_left_alone_and_an_environment_is_made_without_internet(tmp_path, monkeypatch):
    base = Path(sys._base_executable)
    if run("-c", "import streamlit", python=base, tool="-I").returncode == 0 or os.environ.get("CONDA_PREFIX"):
        pytest.skip("the Python behind this one holds EdgePress's packages itself")
    monkeypatch.setenv("PYTHONUTF8", "1")
    root = copy_into(tmp_path)
    tool = root / "tools" / "env_config.py"
    checked = run("--check", "--json", python=base, tool=tool)
    assert checked.returncode == 1
    assert not (root / ".venv").exists()

    made = run("--wheels", str(tmp_path / "wheels"), python=base, tool=tool)
    assert "streamlit 9.9" in made.stdout
    assert made.returncode == 3, made.stdout  # what this copy's list leaves out is not among the wheels either
    assert "There is no ready-made" in made.stdout

    again = json.loads(run("--check", "--json", python=base, tool=tool).stdout)
    assert Path(again["interpreter"]).is_relative_to(root / ".venv")
    assert {part["key"]: part["status"] for part in again["parts"]}["streamlit"] == "ready"


def test_an_old_python_gets_a_readable_message():
    pretend = "import sys, runpy; sys.version_info = (3, 8, 1, 'final', 0); sys.version = '3.8.1 (old)';"
    pretend += f"runpy.run_path({str(TOOL)!r}, run_name='__main__')"
    ran = subprocess.run([sys.executable, "-c", pretend], capture_output=True, encoding="utf-8", check=False)
    assert ran.returncode == 1
    assert "needs Python 3.10 to 3.13 (64-bit); this one is 3.8.1" in ran.stdout
    assert ran.stderr == ""


def test_what_nobody_expected_is_told_in_words(env_config, all_there, monkeypatch, capsys):
    def fail(*_, **__):
        raise LookupError("odd")

    monkeypatch.setattr(toolchain, "complete", fail)
    assert env_config.main([]) == 3
    output = capsys.readouterr()
    assert "did not expect: LookupError: odd" in output.out and "Traceback" not in output.out + output.err
    monkeypatch.setattr(toolchain, "check", fail)
    assert env_config.main(["--check", "--json"]) == 3
    output = capsys.readouterr()
    assert "odd" in json.loads(output.out)["error"]["reason"] and "odd" in output.err


def test_ctrl_c_while_the_parts_are_looked_at_is_told_too(env_config, all_there, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(toolchain, "check", interrupt)
    assert env_config.main(["--check"]) == 130
    assert "Stopped." in capsys.readouterr().out
