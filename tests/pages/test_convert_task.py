"""Convert asks what the model is for: recognised, with the reason, and open to change."""

from __future__ import annotations

import pytest
from page_reading import page_text

from core.common.text import say
from core.inputs.infer_preprocessing import Proposal
from core.preprocessing import Preprocessing
from pages.parts.convert import preprocessing_step
from people import labelled


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """The tasks for which a proposal was asked; the real inference starts a process and is tested elsewhere."""
    names = []

    def infer(source, images, *, test_images, request, timeout):
        names.append(request.name)
        task = request.name or "detection"
        reason = say("Its output has 4 numbers for a box.")
        return Proposal(Preprocessing((32, 32)), say("Try again."), task, reason)

    monkeypatch.setattr(preprocessing_step, "infer_in_subprocess", infer)
    return names


@pytest.fixture
def app(opened, model):
    page = opened("convert")
    page.text_input(key="model-typed").set_value(str(model)).run()
    assert not page.exception, page.exception[0].message
    return page


def task_box(app):
    return next(box for box in app.selectbox if box.label == "What the model is for")


def job(app, store):
    app.button(key="convert").click().run()
    return store.job(store.ids()[0])


def test_the_recognised_task_is_shown_with_its_reason_and_left_to_the_runner(app, store):
    assert task_box(app).options[0] == "Recognise it: Objects and where they are (detection)"
    assert "Its output has 4 numbers for a box." in page_text(app)
    submitted = job(app, store)
    assert submitted.task is None and submitted.score is None


def test_a_chosen_task_is_tried_at_once_and_goes_into_the_job(app, store, asked):
    task_box(app).set_value("pose").run()
    assert asked == [None, "pose"] and task_box(app).value == "pose"
    assert task_box(app).options[0] == "Recognise it"
    assert job(app, store).task == "pose"


def test_a_least_score_is_asked_where_it_means_something(app, store):
    next(field for field in app.number_input if field.label == "Least score").set_value(0.4).run()
    assert job(app, store).score == 0.4


def test_a_classifier_has_no_least_score(app):
    task_box(app).set_value("classification").run()
    assert "Least score" not in [field.label for field in app.number_input]


def test_another_model_resets_the_task(app, model):
    task_box(app).set_value("pose").run()
    next(button for button in app.button if button.label == "Choose another model").click().run()
    app.text_input(key="model-typed").set_value(str(model)).run()
    assert task_box(app).value is None


def test_the_model_of_single_bodies_sees_people_cut_out_of_their_pictures(app, tmp_path):
    app.text_input(key="examples-typed").set_value(str(labelled(tmp_path / "people", [3, 1, 0]))).run()
    assert "Each picture is brought to 32 × 32 pixels." in page_text(app)
    task_box(app).set_value("keypoints").run()
    assert not app.exception
    assert "cut out of its picture and brought to 32 × 32 pixels." in page_text(app)
    assert len(app.get("image")) == 3 + 4  # thumbnails of the pictures, and the people
