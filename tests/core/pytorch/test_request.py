import json

import pytest

from core.common.errors import OptionError
from core.common.serialization import from_data, to_data
from core.common.text import say
from core.preprocessing import Preprocessing
from core.pytorch.request import (
    Description,
    Exported,
    ExportedTensor,
    ExportRequest,
    OutputCheck,
    shape_from_text,
    task_from_name,
)


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "model.pth"
    path.touch()
    return path


@pytest.mark.parametrize(("text", "shape"), [("112", (112, 112)), ("128,96", (128, 96)), ("128x96", (128, 96))])
def test_a_shape_is_height_and_width_or_a_square(text, shape):
    assert shape_from_text(text) == shape


@pytest.mark.parametrize("text", ["", "a", "1,2,3", "1.5", "128,"])
def test_other_texts_are_no_shape(text):
    with pytest.raises(OptionError, match="shape"):
        shape_from_text(text)


def test_the_old_name_of_a_task_means_the_same():
    assert task_from_name("mmpretrain") == task_from_name("mmcls") == "mmcls"
    with pytest.raises(OptionError, match="mmseg"):
        task_from_name("mmseg")


def test_the_file_appears_beside_the_checkpoint_unless_it_is_named(checkpoint, tmp_path):
    assert ExportRequest(checkpoint).target == tmp_path / "model.onnx"
    assert ExportRequest(checkpoint, output=tmp_path / "other.onnx").target == tmp_path / "other.onnx"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"opset": 9}, "opset"),
        ({"opset": 99}, "opset"),
        ({"shape": (0, 5)}, "shape 0,5"),
        ({"shape": (5, 10000)}, "shape"),
        ({"shape": (8192, 8192)}, "8192,8192 .* too large"),
    ],
)
def test_options_that_cannot_be_used_are_named_without_pytorch(checkpoint, options, reason):
    ExportRequest(checkpoint).check()
    with pytest.raises(OptionError, match=reason):
        ExportRequest(checkpoint, **options).check()


def test_missing_files_are_named(checkpoint, tmp_path):
    with pytest.raises(OptionError, match=r"gone\.pth"):
        ExportRequest(tmp_path / "gone.pth").check()
    with pytest.raises(OptionError, match=r"gone\.py"):
        ExportRequest(checkpoint, config=tmp_path / "gone.py").check()


def test_inputs_are_never_written_to(checkpoint):
    with pytest.raises(OptionError, match="never written to"):
        ExportRequest(checkpoint, output=checkpoint).check()


def test_requests_and_results_round_trip_through_json(checkpoint, tmp_path):
    request = ExportRequest(checkpoint, tmp_path / "c.py", "mmpose", (128, 96), tmp_path / "o.onnx", 13, True, True)
    assert from_data(ExportRequest, json.loads(json.dumps(to_data(request)))) == request
    exported = Exported(
        path=tmp_path / "o.onnx",
        kind="mmpose",
        inputs=(ExportedTensor("input", ("batch", 3, 128, 96)),),
        outputs=(ExportedTensor("output0", ("batch", 17, 192)),),
        opset=13,
        size_bytes=5,
        preprocessing=Preprocessing((128, 96)),
        classes=("猫",),
        checks=(OutputCheck("random", 4, "output0", 1e-6), OutputCheck("pictures", 4, "output0", 2e-6)),
        notes=(say("Done"),),
    )
    assert exported.difference == 2e-6
    assert from_data(Exported, json.loads(json.dumps(to_data(exported)))) == exported
    described = Description("mmpose", "X", (1, 2), Preprocessing((1, 2)), ("a",), 7, say("Done"), (say("Done"),))
    assert from_data(Description, json.loads(json.dumps(to_data(described)))) == described


def test_a_folder_is_no_output(checkpoint, tmp_path):
    with pytest.raises(OptionError, match="is a folder"):
        ExportRequest(checkpoint, output=tmp_path).check()
