"""Models of the zoo through the real worker, on demand: ``pytest -m openmmlab`` where the environment is ready."""

import subprocess
from pathlib import Path

import pytest

from core.common.errors import CheckpointError, OptionError
from core.onnx_model.inspect import inspect
from core.pytorch import zoo
from core.pytorch.export import describe, export
from core.pytorch.request import MAX_RELATIVE_DIFFERENCE, ExportRequest
from core.setup import openmmlab

pytestmark = [pytest.mark.openmmlab, pytest.mark.timeout(600)]

RESNET = "resnet18_8xb32_in1k"
YOLOX = "yolox_nano_8xb8-300e_coco"
RTMPOSE = "rtmpose-t_8xb256-420e_coco-256x192"
SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "random_checkpoint.py"


def config(name):
    root = openmmlab.site_packages()
    return next(path for path in root.glob("mm*/.mim/configs/**/*.py") if path.stem == name)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Checkpoints with random weights, each made once."""
    openmmlab.require()
    folder = tmp_path_factory.mktemp("checkpoints")

    def checkpoint(name):
        path = folder / f"{name}.pth"
        if not path.exists():
            command = [str(openmmlab.python()), str(SCRIPT), str(config(name)), str(path)]
            subprocess.run(command, check=True, capture_output=True)
        return path

    return checkpoint


def test_preprocessing_and_classes_are_in_the_file(checkpoints, tmp_path):
    request = ExportRequest(
        checkpoints(RESNET), config(RESNET), "mmcls", output=tmp_path / "r.onnx", dynamic_batch=True
    )
    exported = export(request)
    source = inspect(exported.path)
    assert source.own_preprocessing == exported.preprocessing
    assert source.own_preprocessing.mean == (123.675, 116.28, 103.53)
    assert (source.own_preprocessing.color, source.own_preprocessing.fit) == ("rgb", "crop")
    assert len(source.class_names) == 1000
    assert source.class_names[0].startswith("tench")
    assert source.inputs[0].shape == ("batch", 3, 224, 224)
    assert exported.difference <= MAX_RELATIVE_DIFFERENCE


def test_a_detector_has_its_outputs_and_its_colour_order(checkpoints, tmp_path):
    exported = export(ExportRequest(checkpoints(YOLOX), config(YOLOX), shape=(416, 320), output=tmp_path / "y.onnx"))
    assert exported.inputs[0].shape == (1, 3, 416, 320)
    assert len(exported.outputs) == 9
    assert (exported.preprocessing.color, exported.preprocessing.fit) == ("bgr", "pad")
    assert exported.preprocessing.std == (1.0, 1.0, 1.0)
    assert exported.classes[0] == "person"


def test_the_file_of_a_top_down_pose_model_says_that_it_gives_keypoints(checkpoints, tmp_path):
    exported = export(ExportRequest(checkpoints(RTMPOSE), config(RTMPOSE), output=tmp_path / "p.onnx"))
    assert inspect(exported.path).metadata["edgepress.task"] == "keypoints"


def test_a_shape_that_does_not_divide_names_those_beside_it(checkpoints, tmp_path):
    with pytest.raises(OptionError, match="multiples of 32") as caught:
        export(ExportRequest(checkpoints(YOLOX), config(YOLOX), shape=(100, 100), output=tmp_path / "y.onnx"))
    assert "96,96  128,128" in str(caught.value.next_step)


def test_weights_that_depend_on_the_size_are_explained(checkpoints, tmp_path):
    with pytest.raises(CheckpointError, match="another shape") as caught:
        export(ExportRequest(checkpoints(RTMPOSE), config(RTMPOSE), shape=(128, 96), output=tmp_path / "p.onnx"))
    assert "trained for: 256,192 (height,width)" in str(caught.value.next_step)


def test_the_wrong_task_names_the_right_one(checkpoints):
    with pytest.raises(CheckpointError, match="one of mmdet, not of mmcls") as caught:
        export(ExportRequest(checkpoints(RESNET), config(YOLOX), "mmcls"))
    assert "task mmdet" in str(caught.value.next_step)


def test_a_checkpoint_of_another_model_is_refused(checkpoints):
    with pytest.raises(CheckpointError, match="belongs to another model"):
        export(ExportRequest(checkpoints(RESNET), config(YOLOX)))


def test_a_missing_weight_and_one_of_another_shape_are_named(checkpoints, tmp_path):
    code = (
        "import torch, sys; c = torch.load(sys.argv[1], weights_only=False); s = c['state_dict']\n"
        "del s['backbone.conv1.weight']; torch.save(s, sys.argv[2])"
    )
    path = tmp_path / "less.pth"
    subprocess.run([str(openmmlab.python()), "-c", code, str(checkpoints(RESNET)), str(path)], check=True)
    with pytest.raises(CheckpointError, match=r"1 weight is missing .*backbone\.conv1\.weight"):
        export(ExportRequest(path, config(RESNET)))
    three = tmp_path / "three.py"
    three.write_text(f"_base_ = {str(config(RESNET))!r}\nmodel = dict(head=dict(num_classes=3))\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"head\.fc\.weight: \(1000, 512\) in the checkpoint, \(3, 512\) here"):
        export(ExportRequest(checkpoints(RESNET), three, trust_config=True))


@pytest.mark.parametrize(
    ("name", "obstacle"),
    [
        ("faster-rcnn_r50_fpn_1x_coco", "two-stage"),
        ("detr_r50_8xb2-150e_coco", "wants more inputs"),
        ("vfnet_r50-mdconv-c3-c5_fpn_ms-2x_coco", "compiled mmcv: modulated_deform_conv_forward"),
        (RESNET, None),
    ],
)
def test_a_description_says_whether_a_config_can_be_exported(name, obstacle):
    described = describe(config(name))
    assert (obstacle in str(described.obstacle)) if obstacle else described.obstacle is None


def test_a_two_stage_detector_is_refused(checkpoints):
    with pytest.raises(CheckpointError, match="two-stage") as caught:
        export(ExportRequest(checkpoints(RESNET), config("faster-rcnn_r50_fpn_1x_coco")))
    assert "RTMDet" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model = dict(\n", r"not valid Python \(line 1\)"),
        ("lr = 1\n", "describes no model"),
        ("_base_ = './gone.py'\n", r"missing: .*gone\.py"),
        ("lr = 1 / 0\n", "Running it failed"),
        ("custom_imports = dict(imports=['gone'], allow_failed_imports=False)\nmodel = dict(type='X')\n", "not here"),
        ("default_scope = 'mmseg'\nmodel = dict(type='X')\n", "one of mmseg"),
        ("model = dict(type='X')\n", "does not say which"),
    ],
)
def test_a_config_that_cannot_be_used_says_why(tmp_path, text, reason):
    path = tmp_path / "config.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=reason):
        describe(path, trust_config=True)


def test_own_code_beside_the_config_is_found_and_missing_code_is_named(tmp_path):
    (tmp_path / "own_net.py").write_text(
        "from mmengine.registry import MODELS\nfrom torch import nn\n"
        "@MODELS.register_module()\nclass OwnNet(nn.Module):\n"
        "    def forward(self, images, samples=None, mode='tensor'):\n        return images * 2\n",
        encoding="utf-8",
    )
    path = tmp_path / "config.py"
    text = "default_scope = 'mmdet'\nmodel = dict(type='OwnNet')\n"
    path.write_text(f"custom_imports = dict(imports=['own_net'])\n{text}", encoding="utf-8")
    assert describe(path, trust_config=True).obstacle is None
    path.write_text(text, encoding="utf-8")
    assert str(describe(path, trust_config=True).obstacle).endswith("OpenMMLab packages: OwnNet")


def test_a_file_that_is_no_config_is_named(checkpoints):
    with pytest.raises(CheckpointError, match=r"must end in \.py"):
        describe(checkpoints(RESNET), trust_config=True)


def test_the_zoo_knows_a_thousand_models():
    assert len(zoo.entries()) > 900
    assert RTMPOSE in [entry.name for entry in zoo.entries("mmpose", "rtmpose-t coco")]


def test_a_model_that_cannot_be_built_says_so(tmp_path):
    path = tmp_path / "config.py"
    path.write_text("default_scope = 'mmpretrain'\nmodel = dict(type='ImageClassifier')\n", encoding="utf-8")
    assert "could not be built" in str(describe(path, trust_config=True).obstacle)
