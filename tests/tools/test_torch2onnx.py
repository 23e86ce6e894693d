import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import torch2onnx


@pytest.fixture(autouse=True)
def english(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEPRESS_LANGUAGE", "en")
    monkeypatch.setenv("EDGEPRESS_OPENMMLAB", str(tmp_path / "no-environment"))


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "model.pth"
    path.touch()
    return str(path)


def run(*arguments):
    return torch2onnx.main([str(argument) for argument in arguments])


def test_without_the_environment_it_names_the_command_that_makes_it(checkpoint, tmp_path, capsys):
    config = tmp_path / "config.py"
    config.touch()
    options = ["--config", config, "--checkpoint", checkpoint, "--shape", "128,96", "--task", "mmpose"]
    assert run(*options) == 2
    assert "--trust-config" in capsys.readouterr().err
    assert run(*options, "--trust-config") == 2
    assert "python tools/env_config.py --openmmlab" in capsys.readouterr().err
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--shape", "128,96,3"], "shape 128,96,3"),
        (["--shape", "big"], "shape big"),
        (["--opset", "99"], "opset"),
        (["--config", "gone.py"], "gone.py"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(checkpoint, capsys, arguments, reason):
    assert run("--checkpoint", checkpoint, *arguments) == 2
    assert reason in capsys.readouterr().err


def test_a_missing_checkpoint_is_named(capsys):
    assert run("--checkpoint", "nowhere.pth") == 2
    assert "nowhere.pth" in capsys.readouterr().err


def test_a_foreign_task_is_refused_with_the_choices(checkpoint, capsys):
    with pytest.raises(SystemExit) as caught:
        run("--checkpoint", checkpoint, "--task", "mmseg")
    assert caught.value.code == 2
    assert "mmpretrain" in capsys.readouterr().err


def test_an_error_is_in_the_json_too(checkpoint, tmp_path):
    result = tmp_path / "new" / "result.json"
    assert run("--checkpoint", checkpoint, "--opset", "3", "--json", result) == 2
    assert json.loads(result.read_text(encoding="utf-8"))["error"]["kind"] == "OptionError"


def test_every_option_reaches_the_request(checkpoint, tmp_path):
    output = tmp_path / "other.onnx"
    text = f"--config c.py --checkpoint {checkpoint} --shape 112 --task mmpretrain --opset 13 --dynamic-batch"
    more = ["--output", str(output), "--trust-checkpoint", "--trust-config"]
    options = torch2onnx._parser().parse_args([*text.split(), *more])
    request = torch2onnx._request(options)
    assert (str(request.config), str(request.checkpoint)) == ("c.py", checkpoint)
    assert (request.task, request.shape, request.opset) == ("mmcls", (112, 112), 13)
    assert (request.dynamic_batch, request.trust_checkpoint, request.target) == (True, True, output)
    assert request.trust_config


def test_a_json_file_that_cannot_be_written_is_named_before_the_work(checkpoint, capsys):
    assert run("--checkpoint", checkpoint, "--json", Path(checkpoint) / "result.json") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_what_nobody_expected_is_told_in_words(checkpoint, tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise LookupError("odd")

    monkeypatch.setattr(torch2onnx, "export", fail)
    result = tmp_path / "result.json"
    assert run("--checkpoint", checkpoint, "--json", result) == 1
    error = capsys.readouterr().err
    assert "did not expect: LookupError: odd" in error and "Traceback" not in error
    assert "in fail" in json.loads(result.read_text(encoding="utf-8"))["error"]["detail"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a whole group of processes")
@pytest.mark.parametrize("tool", ["torch2onnx.py", "env_config.py"])
def test_ctrl_c_while_a_command_is_loaded_ends_it_with_a_sentence(tool):
    program = f"""
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "core.common.progress":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["{tool}", "--checkpoint", "x"]
runpy.run_path("tools/{tool}", run_name="__main__")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (130, "Stopped.\n")
