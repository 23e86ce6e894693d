"""The worker with real torch and small models; skipped where the OpenMMLab environment is not there."""

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from core.common.errors import (
    Cancelled,
    CheckpointError,
    ConsentNeeded,
    ConversionError,
    EdgePressError,
    OptionError,
    ToolError,
)
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from core.pytorch.export import describe, export
from core.pytorch.file_kinds import kind_of
from core.pytorch.request import MAX_RELATIVE_DIFFERENCE, ExportRequest
from core.setup import openmmlab

pytestmark = pytest.mark.skipif(not openmmlab.is_ready(), reason="the OpenMMLab environment is not there")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torch")
    script = Path(__file__).with_name("make_files.py")
    subprocess.run([str(openmmlab.python()), str(script), str(folder)], check=True)
    return folder


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.py"
    path.write_text("model = dict(type='ImageClassifier')\ndefault_scope = 'mmpretrain'\n", encoding="utf-8")
    return path


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_torchscript_becomes_onnx_with_the_same_outputs(files, tmp_path):
    reported = []
    request = ExportRequest(files / "net.pt", shape=(32, 48), output=tmp_path / "new" / "net.onnx", dynamic_batch=True)
    request = replace(request, trust_checkpoint=True)
    exported = export(request, lambda fraction, message: reported.append((fraction, str(message))))
    assert exported.kind == "torchscript"
    assert exported.path == tmp_path / "new" / "net.onnx"
    assert files_in(tmp_path) == ["net.onnx"]
    assert [tensor.shape for tensor in exported.inputs] == [("batch", 3, 32, 48)]
    assert [tensor.name for tensor in exported.outputs] == ["output0", "output1"]
    assert 0 < exported.difference <= MAX_RELATIVE_DIFFERENCE
    assert {check.on for check in exported.checks} == {"random", "pictures"}
    assert [fraction for fraction, _ in reported] == sorted(fraction for fraction, _ in reported)
    assert reported[-1] == (1.0, "Done")
    session = onnxruntime.InferenceSession(str(exported.path))
    scores, _ = session.run(None, {"input": np.zeros((5, 3, 32, 48), np.float32)})
    assert scores.shape == (5, 3)
    assert inspect(exported.path).opset == 17


def test_a_torch_export_file_knows_its_shape(files, tmp_path):
    exported = export(ExportRequest(files / "net.pt2", output=tmp_path / "net.onnx", opset=13, trust_checkpoint=True))
    assert exported.kind == "torch.export"
    assert exported.inputs[0].shape == (1, 3, 32, 48)
    assert inspect(exported.path).opset == 13


def test_torchscript_without_a_shape_asks_for_one(files, tmp_path):
    with pytest.raises(OptionError, match="which size") as caught:
        export(ExportRequest(files / "net.pt", output=tmp_path / "net.onnx", trust_checkpoint=True))
    assert "--shape" in str(caught.value.next_step)
    assert files_in(tmp_path) == []


def test_another_shape_than_the_exported_one_is_named(files, tmp_path):
    with pytest.raises(OptionError, match="64,64"):
        export(ExportRequest(files / "net.pt2", shape=(64, 64), output=tmp_path / "net.onnx", trust_checkpoint=True))


def test_weights_without_a_config_ask_for_it(files, tmp_path):
    with pytest.raises(CheckpointError, match=r"weights\.pth.* weights only") as caught:
        export(ExportRequest(files / "weights.pth", output=tmp_path / "net.onnx"))
    assert "--config" in str(caught.value.next_step)


@pytest.mark.parametrize("name", ["text.pth", "cut.pth"])
def test_a_damaged_file_without_a_config_is_not_called_weights(files, tmp_path, name):
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        export(ExportRequest(files / name, output=tmp_path / "net.onnx"))


def test_a_config_that_exits_is_named(files, tmp_path):
    config = tmp_path / "config.py"
    config.write_text("import sys\nsys.exit(3)\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.py.* Running it failed"):
        export(ExportRequest(files / "weights.pth", config=config, output=tmp_path / "net.onnx", trust_config=True))


@pytest.mark.parametrize("name", ["evil.pth", "old_evil.pth", "older_evil.pth"])
def test_a_checkpoint_with_a_program_is_not_run_and_needs_consent(files, tmp_path, config, name):
    with pytest.raises(ConsentNeeded, match="can run any program") as caught:
        export(ExportRequest(files / name, config=config, output=tmp_path / "net.onnx", trust_config=True))
    assert "system" in caught.value.detail
    assert "--trust-checkpoint" in str(caught.value.next_step)
    assert not (files / "ran.txt").exists()
    assert files_in(tmp_path) == ["config.py"]


def test_with_consent_it_is_unpickled_without_restrictions(files, tmp_path, config):
    with pytest.raises(ConversionError, match="ImageClassifier"):  # opened, and then the config has no backbone
        export(ExportRequest(files / "evil.pth", config=config, output=tmp_path / "x.onnx", trust_checkpoint=True))
    (files / "ran.txt").unlink(missing_ok=True)  # it ran; where the system offers it, it could not write there


def test_a_config_of_ones_own_is_not_run_without_consent(files, tmp_path, config):
    config.write_text(f"open({str(tmp_path / 'ran.txt')!r}, 'w')\n", encoding="utf-8")
    for ask in (
        lambda: export(ExportRequest(files / "weights.pth", config=config, output=tmp_path / "net.onnx")),
        lambda: describe(config),
    ):
        with pytest.raises(ConsentNeeded, match="a config is a program") as caught:
            ask()
        assert "--trust-config" in str(caught.value.next_step)
    assert files_in(tmp_path) == ["config.py"]


@pytest.mark.parametrize("name", ["overwriting.pt", "planted.pt2", "planted.pth"])
def test_a_file_that_acts_is_not_opened_without_consent_and_confined_with_it(files, tmp_path, name):
    kept = (files / "kept.txt").read_bytes()
    request = ExportRequest(files / name, shape=(32, 48), output=tmp_path / "net.onnx")
    with pytest.raises(ConsentNeeded, match="Nothing of it was run"):
        export(request)
    assert (files / "kept.txt").read_bytes() == kept
    with suppress(EdgePressError):
        export(replace(request, trust_checkpoint=True))
    if sys.platform == "linux":  # with Landlock, as every Linux since 2021
        assert (files / "kept.txt").read_bytes() == kept


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cut.pth", "damaged or cut off"),
        ("text.pth", "damaged or cut off"),
        ("empty.pth", "no weights"),
        ("list.pth", "not a checkpoint"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named(files, tmp_path, config, name, reason):
    with pytest.raises(CheckpointError, match=reason) as caught:
        export(ExportRequest(files / name, config=config, output=tmp_path / "net.onnx", trust_config=True))
    assert not isinstance(caught.value, ConsentNeeded)
    assert name in str(caught.value.reason)


def test_a_model_whose_outputs_are_not_finite_is_not_exported(files, tmp_path):
    with pytest.raises(ConversionError, match="not finite"):
        export(ExportRequest(files / "nan.pt", shape=(32, 48), output=tmp_path / "net.onnx", trust_checkpoint=True))
    assert files_in(tmp_path) == []


def test_cancelling_leaves_nothing(files, tmp_path):
    steps = []
    with pytest.raises(Cancelled):
        export(
            ExportRequest(files / "net.pt", shape=(32, 48), output=tmp_path / "net.onnx", trust_checkpoint=True),
            lambda fraction, _: steps.append(fraction),
            cancelled=lambda: bool(steps) and steps[-1] > 0.05,
        )
    assert files_in(tmp_path) == []


def test_an_ultralytics_checkpoint_asks_for_consent_then_for_its_package(tmp_path, files):
    import zipfile

    path = tmp_path / "yolo.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("yolo/data.pkl", b"cultralytics.nn.tasks\nDetectionModel\n.")
    assert kind_of(path) == "ultralytics"
    with pytest.raises(ConsentNeeded, match="Ultralytics"):
        export(ExportRequest(path, output=tmp_path / "net.onnx"))
    try:
        import_command = [str(openmmlab.python()), "-c", "import ultralytics"]
        subprocess.run(import_command, check=True, capture_output=True)
    except subprocess.CalledProcessError:
        with pytest.raises(ToolError, match="package ultralytics") as caught:
            export(ExportRequest(path, output=tmp_path / "net.onnx", trust_checkpoint=True))
        assert f"{openmmlab.python()} -m pip install --no-deps ultralytics" in caught.value.detail


def test_an_ultralytics_checkpoint_is_exported_under_any_name_and_nothing_else_is_left(tmp_path):
    script = Path(__file__).with_name("make_yolo.py")
    path = tmp_path / "yolov5n 的.pt"
    made = subprocess.run([str(openmmlab.python()), str(script), str(path)], capture_output=True, check=False)
    if b"No module named 'ultralytics'" in made.stderr:
        pytest.skip("ultralytics is not in the environment")
    assert made.returncode == 0, made.stderr
    kept = path.read_bytes()
    exported = export(ExportRequest(path, shape=(64, 96), trust_checkpoint=True))
    assert exported.preprocessing == Preprocessing((64, 96), fit="pad")
    assert len(exported.classes) == 80
    assert exported.difference < 1e-4
    assert files_in(tmp_path) == ["yolov5n 的.onnx", "yolov5n 的.pt"]
    assert path.read_bytes() == kept
    with pytest.raises(OptionError, match="multiples of 32") as caught:
        export(ExportRequest(path, shape=(100, 100), trust_checkpoint=True))
    assert "96,96" in str(caught.value.next_step)


def test_the_kind_of_a_file_is_told_without_unpickling_it(files):
    kinds = {name: kind_of(files / name) for name in ("net.pt", "net.pt2", "weights.pth", "evil.pth", "text.pth")}
    assert kinds == {
        "net.pt": "torchscript",
        "net.pt2": "torch.export",
        "weights.pth": "weights",
        "evil.pth": "weights",
        "text.pth": "weights",
    }
