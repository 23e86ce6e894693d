import pytest

from core.pytorch import zoo


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """A small environment with the folders of three packages."""
    monkeypatch.setenv("EDGEPRESS_OPENMMLAB", str(tmp_path))
    packages = tmp_path / "lib" / "python3.11" / "site-packages"

    def write(place, text):
        path = packages / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    write("mmdet/.mim/configs/_base_/models/one.py", "model = dict(type='RetinaNet', backbone=dict(type='ResNet'))")
    write("mmdet/.mim/configs/_base_/models/two.py", "model = dict(type='FasterRCNN', roi_head=dict(type='X'))")
    write("mmdet/.mim/configs/retinanet/retina_r50.py", "_base_ = ['../_base_/models/one.py']\nlr = 1")
    write(
        "mmdet/.mim/configs/retinanet/retina_r18.py",
        "_base_ = './retina_r50.py'\nmodel = dict(backbone=dict(depth=18))",
    )
    write("mmdet/.mim/configs/faster_rcnn/faster_r50.py", "_base_ = '../_base_/models/two.py'")
    write("mmdet/.mim/configs/x/broken.py", "model = dict(")
    write("mmdet/.mim/configs/x/loop.py", "_base_ = './loop.py'")
    write("mmdet/.mim/configs/x/settings.py", "lr = 1")
    write("mmpretrain/.mim/configs/resnet/resnet18.py", "model = dict(type='ImageClassifier')")
    write("mmpose/.mim/configs/body/rtm/rtm.py", "model = dict(type='TopdownPoseEstimator')")
    write("mmpose/.mim/configs/body/lift/lift.py", "model = dict(type='PoseLifter')")
    zoo._read.cache_clear()
    return packages


def test_only_models_that_can_be_exported_are_shown_with_what_they_inherit(configs):
    found = zoo.entries()
    assert [(entry.task, entry.name, entry.model) for entry in found] == [
        ("mmcls", "resnet18", "ImageClassifier"),
        ("mmdet", "retina_r18", "RetinaNet"),
        ("mmdet", "retina_r50", "RetinaNet"),
        ("mmpose", "rtm", "TopdownPoseEstimator"),
    ]
    assert found[3].family == "body/rtm"
    assert found[3].path == configs / "mmpose/.mim/configs/body/rtm/rtm.py"


def test_every_term_of_a_search_must_occur(configs):
    assert [entry.name for entry in zoo.entries(search="RETINA r18")] == ["retina_r18"]
    assert [entry.name for entry in zoo.entries(search="body")] == ["rtm"]
    assert [entry.name for entry in zoo.entries("mmcls")] == ["resnet18"]
    assert zoo.entries("mmcls", "retina") == ()


def test_a_base_in_another_package_is_found(configs):
    path = configs / "mmpose/.mim/configs/det/det.py"
    path.parent.mkdir()
    path.write_text("_base_ = 'mmdet::retinanet/retina_r50.py'", encoding="utf-8")
    zoo._read.cache_clear()
    assert [entry.model for entry in zoo.entries("mmpose", "mmpose det")] == ["RetinaNet"]


def test_without_the_environment_the_zoo_is_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEPRESS_OPENMMLAB", str(tmp_path / "none"))
    assert zoo.entries() == ()
