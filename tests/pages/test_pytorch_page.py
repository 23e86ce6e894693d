"""The page From PyTorch in every state that can be reached without PyTorch; the whole walk is a browser test."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from page_reading import page_text

from core.common.errors import Cancelled, CheckpointError, ConsentNeeded
from core.common.text import say
from core.preprocessing import Preprocessing
from core.pytorch.request import Description, Exported, ExportedTensor, OutputCheck
from core.pytorch.zoo import ZooEntry
from core.setup import openmmlab
from pages.parts.pytorch import config_step
from pages.parts.pytorch.background_tasks import EXPORT, OPENMMLAB_INSTALLATION

DESCRIPTION = Description(
    task="mmdet",
    model="RTMDet",
    shape=(320, 640),
    preprocessing=Preprocessing((320, 640)),
    classes=("cat", "dog"),
    parameters=4_900_000,
    obstacle=None,
    notes=(),
)
CONSENT = ConsentNeeded(say("The disk is full."), next_step=say("Done."), detail="GLOBAL os.system")


@pytest.fixture(autouse=True)
def no_task_running():
    yield
    for task in (EXPORT, OPENMMLAB_INSTALLATION):
        task.cancel()
        task.forget()


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """An environment that is there, with three configs in its list, one of which cannot be exported."""
    found = []
    for task, name, family in (
        ("mmcls", "resnet18", "resnet"),
        ("mmdet", "rtmdet_tiny", "rtmdet"),
        ("mmdet", "rcnn", "x"),
    ):
        path = tmp_path / f"{name}.py"
        path.write_text("model = {}", encoding="utf-8")
        found.append(ZooEntry(task, name, family, path, "Model"))

    def entries(task=None, search=""):
        return tuple(e for e in found if (task is None or e.task == task) and e.matches(search.split()))

    def describe(config, *, trust_config=False):
        if config.stem == "own" and not trust_config:
            raise ConsentNeeded(say("The disk is full."), next_step=say("Done."))
        if config.stem != "rcnn":
            return DESCRIPTION
        return Description(**{**vars(DESCRIPTION), "obstacle": say("The disk is full.")})

    monkeypatch.setattr(openmmlab, "status", lambda: "ready")
    monkeypatch.setattr(config_step, "entries", entries)
    monkeypatch.setattr(config_step, "describe", describe)


@pytest.fixture
def weights(tmp_path) -> Path:
    path = tmp_path / "mine" / "epoch_3.pth"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def export(monkeypatch, model):
    """The requests that were made, and the results that the test wants for them."""
    asked, ends = [], []

    def work(request, progress, cancelled):
        asked.append(request)
        end = ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    monkeypatch.setattr(EXPORT, "_work", work)
    return asked, ends


@pytest.fixture
def exported(model) -> Exported:
    return Exported(
        path=model,
        kind="mmdet",
        inputs=(ExportedTensor("input", (1, 3, 320, 640)),),
        outputs=(ExportedTensor("output0", (1, 80, 40, 80)),),
        opset=17,
        size_bytes=19_600_000,
        preprocessing=DESCRIPTION.preprocessing,
        classes=(),
        checks=(OutputCheck("random", 5, "output0", 1.9e-6), OutputCheck("pictures", 3, "output0", 4e-7)),
        notes=(),
    )


def keys(app) -> set[str]:
    return {button.key for button in app.button}


def pick(app, name: str):
    return next(button for button in app.button if name in button.label.replace("\\", "")).click().run()


def give(app, path: Path):
    return app.text_input(key="checkpoint-typed").input(str(path)).run()


def wait(task):
    deadline = time.monotonic() + 10
    while task.status.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def press_export(app):
    app.button(key="export").click().run()
    wait(EXPORT)
    return app.run()


def test_without_the_environment_it_is_explained_and_made_with_one_button(opened, monkeypatch):
    def work(progress, cancelled):
        progress(0.4, say("Done."))
        while not cancelled():
            time.sleep(0.01)
        raise Cancelled(say("It was cancelled."), next_step=say("Start it again."))

    monkeypatch.setattr(OPENMMLAB_INSTALLATION, "_work", work)
    app = opened("pytorch")
    assert "about 1.6 GB" in page_text(app) and "from the internet" in page_text(app)
    app.button(key="openmmlab-make").click().run()
    assert "openmmlab-cancel" in keys(app)
    assert "openmmlab-cancel" in keys(opened("pytorch"))  # another visit, as after a refresh
    assert "openmmlab-cancel" in keys(opened("toolbox"))
    app.button(key="openmmlab-cancel").click().run()
    assert "What was fetched is kept." in page_text(app)
    assert "openmmlab-make" in keys(app)


def test_an_environment_that_is_partly_made_can_be_carried_on_or_removed_in_two_clicks(opened):
    partial = openmmlab.folder()
    partial.mkdir(parents=True)
    (partial / "pyvenv.cfg").touch()
    app = opened("toolbox")
    assert "not complete" in page_text(app) and "Go on" in page_text(app)
    app.button(key="openmmlab-remove").click().run()
    app.button(key="openmmlab-keep").click().run()
    assert partial.exists()
    app.button(key="openmmlab-remove").click().run()
    app.button(key="openmmlab-really").click().run()
    assert not partial.exists()
    assert "not installed" in page_text(app)


def test_the_list_is_narrowed_down_by_task_and_search_text(opened, ready):
    app = opened("pytorch")
    assert all(name in page_text(app) for name in ("resnet18", "rtmdet_tiny", "rcnn"))
    app.text_input(key="config-search").input("tiny RTM").run()
    assert "rtmdet_tiny" in page_text(app) and "rcnn" not in page_text(app)
    app.segmented_control(key="config-task").set_value("mmcls").run()
    assert "Nothing in the list has such a name." in page_text(app)


def test_a_config_that_cannot_be_exported_ends_there_with_a_readable_error(opened, ready):
    app = pick(opened("pytorch"), "rcnn")
    assert "The disk is full." in page_text(app)
    assert "checkpoint-typed" not in {field.key for field in app.text_input}
    app.button(key="config-other").click().run()
    assert "rtmdet_tiny" in page_text(app)


def test_the_shape_is_proposed_and_the_finished_file_is_carried_on_to_convert(
    opened, ready, weights, export, exported, model
):
    asked, ends = export
    ends.append(exported)
    app = give(pick(opened("pytorch"), "rtmdet_tiny"), weights)
    assert [field.value for field in app.number_input] == [320, 640]
    assert str(weights.with_suffix(".onnx")) in page_text(app)
    press_export(app)
    (request,) = asked
    assert (request.shape, request.opset, request.dynamic_batch, request.trust_checkpoint) == (
        (320, 640),
        17,
        False,
        False,
    )
    assert (request.checkpoint, request.target) == (weights, weights.with_suffix(".onnx"))
    text = page_text(app)
    assert "answers like PyTorch" in text and "19.6 MB" in text and "1.9e-06" in text and "8 inputs" in text
    app.button(key="export-convert").click().run()
    app.switch_page("pages/convert.py").run()
    assert model.name in page_text(app)


def test_what_is_changed_is_asked_for(opened, ready, weights, export, exported, tmp_path):
    asked, ends = export
    ends.append(exported)
    app = give(pick(opened("pytorch"), "rtmdet_tiny"), weights)
    app.number_input[0].set_value(96).run()
    assert "made for 640 × 320 pixels" in page_text(app)
    app.selectbox(key="export-opset").select(13).run()
    app.toggle(key="export-batch").set_value(True).run()
    app.text_input(key="export-out-typed").input(str(tmp_path)).run()
    press_export(app)
    (request,) = asked
    assert (request.shape, request.opset, request.dynamic_batch) == ((96, 640), 13, True)
    assert request.target == tmp_path / "epoch_3.onnx"


def test_a_failure_is_shown_until_something_is_changed_and_after_a_refresh_too(opened, ready, weights, export):
    _, ends = export
    ends.append(CheckpointError(say("The disk is full."), next_step=say("Done.")))
    app = press_export(give(pick(opened("pytorch"), "rtmdet_tiny"), weights))
    assert "The disk is full." in page_text(app)
    again = opened("pytorch")
    assert "The disk is full." in page_text(again) and weights.name in page_text(again)
    app.number_input[0].set_value(96).run()
    assert "The disk is full." not in page_text(app)


def test_consent_is_asked_only_after_the_safe_way_was_refused(opened, ready, weights, export, exported):
    asked, ends = export
    ends += [CONSENT, exported]
    app = give(pick(opened("pytorch"), "rtmdet_tiny"), weights)
    assert "export-trust" not in keys(app)
    press_export(app)
    assert "could read, change or send away your files" in page_text(app)
    assert "export" not in keys(app)
    app.button(key="export-trust").click().run()
    wait(EXPORT)
    assert [request.trust_checkpoint for request in asked] == [False, True]
    assert "answers like PyTorch" in page_text(app.run())


def test_who_does_not_trust_the_file_is_asked_for_another(opened, ready, weights, export):
    asked, ends = export
    ends.append(CONSENT)
    app = press_export(give(pick(opened("pytorch"), "rtmdet_tiny"), weights))
    app.button(key="export-distrust").click().run()
    assert "checkpoint-typed" in {field.key for field in app.text_input}
    assert len(asked) == 1


def test_a_config_of_ones_own_is_run_once_the_person_agrees(opened, ready, weights, export, exported, tmp_path):
    asked, ends = export
    ends.append(exported)
    own = tmp_path / "own.py"
    own.write_text("model = {}", encoding="utf-8")
    app = opened("pytorch")
    app.segmented_control(key="config-origin").set_value("own").run()
    app.text_input(key="config-typed").input(str(own)).run()
    assert "could read, change or send away your files" in page_text(app) and "RTMDet" not in page_text(app)
    app.button(key="config-trust").click().run()
    assert "RTMDet" in page_text(app)
    press_export(give(app, weights))
    assert (asked[0].config, asked[0].trust_config, asked[0].trust_checkpoint) == (own, True, False)


def test_who_does_not_trust_a_config_is_asked_for_another(opened, ready, tmp_path):
    own = tmp_path / "own.py"
    own.write_text("model = {}", encoding="utf-8")
    app = opened("pytorch")
    app.segmented_control(key="config-origin").set_value("own").run()
    app.text_input(key="config-typed").input(str(own)).run()
    app.button(key="config-distrust").click().run()
    assert "config-trust" not in keys(app) and "rtmdet_tiny" in page_text(app)


def test_a_running_export_is_seen_from_everywhere_and_can_be_cancelled(opened, ready, weights, monkeypatch):
    started = threading.Event()

    def work(request, progress, cancelled):
        progress(0.3, say("Done."))
        started.set()
        while not cancelled():
            time.sleep(0.01)
        raise Cancelled(say("It was cancelled."), next_step=say("Start it again."))

    monkeypatch.setattr(EXPORT, "_work", work)
    app = give(pick(opened("pytorch"), "rtmdet_tiny"), weights)
    app.button(key="export").click().run()
    assert started.wait(10)
    assert "export-cancel" in keys(opened("pytorch"))
    assert "export-cancel" not in keys(opened("jobs"))
    app.run()
    app.button(key="export-cancel").click().run()
    assert "No file was written." in page_text(app)


def test_a_file_of_another_kind_needs_no_config(opened, ready, weights, export, exported):
    asked, ends = export
    ends.append(exported)
    app = opened("pytorch")
    app.segmented_control(key="export-kind").set_value("other").run()
    press_export(give(app, weights))
    (request,) = asked
    assert (request.config, request.shape) == (None, None)


def test_a_file_that_is_not_there_is_named(opened, ready, tmp_path):
    app = give(pick(opened("pytorch"), "rtmdet_tiny"), tmp_path / "nowhere.pth")
    assert "nowhere.pth" in page_text(app) and "There is no file" in page_text(app)
