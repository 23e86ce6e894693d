from __future__ import annotations

import pytest
from page_reading import page_text

from core.common.errors import ConversionError
from core.common.text import say
from core.inputs.infer_preprocessing import Proposal
from core.preprocessing import Preprocessing
from pages.parts.convert import preprocessing_step
from quantized import quantized


@pytest.fixture(autouse=True)
def quick_inference(monkeypatch):
    """The real one starts a process; that it works is tested in tests/core/inputs."""

    def infer(source, images, *, test_images, request, timeout):
        return Proposal(Preprocessing((32, 32)), say("This model takes no picture, so these settings do not matter."))

    monkeypatch.setattr(preprocessing_step, "infer_in_subprocess", infer)


def give(app, key, path):
    app.text_input(key=f"{key}-typed").set_value(str(path)).run()
    assert not app.exception, app.exception[0].message
    return app


def test_a_model_and_pictures_become_a_job(opened, store, model, folder):
    app = give(give(opened("convert"), "model", model), "examples", folder)
    assert "one picture of 32 × 32 pixels" in page_text(app)
    assert "6 pictures" in page_text(app)
    assert all(box.value and not box.disabled for box in app.checkbox)
    app.checkbox(key="make-ncnn-True").uncheck().run()
    app.button(key="convert").click().run()
    (job_id,) = store.ids()
    job = store.job(job_id)
    assert (job.source, job.images, job.out) == (model, folder, model.parent)
    assert job.targets == ("onnx_fp16", "onnx_quan_dy", "onnx_quan_st", "ncnn_fp16", "ncnn_quan")
    assert "Converting net_1.onnx" in page_text(app)
    assert app.query_params["job"] in (job_id, [job_id])  # Streamlit 1.65 gives a list


def test_without_pictures_two_targets_say_why_they_cannot_be_made(opened, store, model):
    app = give(opened("convert"), "model", model)
    assert [box.key for box in app.checkbox if box.disabled] == ["make-onnx_quan_st-False", "make-ncnn_quan-False"]
    assert "This target needs example pictures, and none were given." in page_text(app)
    app.button(key="convert").click().run()
    assert store.job(store.ids()[0]).targets == ("onnx_fp16", "onnx_quan_dy", "ncnn", "ncnn_fp16")


def test_pictures_that_come_later_add_their_targets_but_not_what_was_unticked(opened, model, folder):
    app = give(opened("convert"), "model", model)
    app.checkbox(key="make-onnx_fp16-True").uncheck().run()
    give(app, "examples", folder)
    assert {box.key: box.value for box in app.checkbox}["make-onnx_quan_st-True"]
    assert not app.checkbox(key="make-onnx_fp16-True").value


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_text_file_called_onnx_is_refused_with_a_readable_error(opened, tmp_path, language):
    fake = tmp_path / "fake.onnx"
    fake.write_text("this is no model")
    app = give(opened("convert", language=language), "model", fake)
    assert "fake" in page_text(app) and len(app.error) == 1
    assert not [button for button in app.button if button.key == "convert"]
    assert app.text_input(key="model-typed"), "another one can be given at once"


def test_a_path_that_does_not_exist_is_refused_with_a_readable_error(opened, tmp_path):
    app = give(opened("convert"), "model", tmp_path / "nowhere.onnx")
    assert "There is no file" in app.error[0].value and "Check the path" in app.error[0].value


@pytest.mark.parametrize("name", ["empty", "nowhere"])
def test_a_folder_without_pictures_is_refused_with_a_readable_error(opened, model, tmp_path, name):
    (tmp_path / "empty").mkdir()
    app = give(give(opened("convert"), "model", model), "examples", tmp_path / name)
    assert "There " in app.error[0].value and name in app.error[0].value
    assert app.checkbox(key="make-onnx_quan_st-False").disabled


def test_broken_pictures_are_counted(opened, model, folder):
    (folder / "zz.png").write_bytes(b"no picture")
    app = give(give(opened("convert"), "model", model), "examples", folder)
    assert "1 of 7 cannot be used" in page_text(app)


def test_one_picture_is_counted_in_the_singular(opened, model, folder):
    for path in sorted(folder.iterdir())[1:]:
        path.unlink()
    app = give(give(opened("convert"), "model", model), "examples", folder)
    assert "1 picture" in page_text(app) and "1 pictures" not in page_text(app)


def test_an_inference_that_fails_leaves_the_settings_to_the_person(opened, model, monkeypatch):
    def infer(source, images, *, test_images, request, timeout):
        raise ConversionError(say("It did not work."), next_step=say("Try again."))

    monkeypatch.setattr(preprocessing_step, "infer_in_subprocess", infer)
    app = give(opened("convert"), "model", model)
    assert "It did not work." in page_text(app)
    assert not app.button(key="convert").disabled


def test_the_preprocessing_can_be_changed_and_reset(opened, store, model):
    app = give(opened("convert"), "model", model)
    scale = next(box for box in app.selectbox if box.label == "Scale of the colours")
    scale.set_value("Caffe").run()
    color = next(box for box in app.selectbox if box.label == "Order of the colours")
    color.set_value("bgr").run()
    next(button for button in app.button if button.label == "Back to the proposal").click().run()
    scale, color = (
        next(box for box in app.selectbox if box.label == label)
        for label in ("Scale of the colours", "Order of the colours")
    )
    assert (scale.value, color.value) != ("Caffe", "bgr")
    scale.set_value("Caffe").run()
    next(box for box in app.selectbox if box.label == "Order of the colours").set_value("bgr").run()
    app.button(key="convert").click().run()
    chosen = store.job(store.ids()[0]).preprocessing
    assert (chosen.color, chosen.mean, chosen.std) == ("bgr", (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))


def test_text_that_is_no_number_is_refused_with_a_readable_error(opened, model):
    app = give(opened("convert"), "model", model)
    next(box for box in app.selectbox if box.label == "Scale of the colours").set_value("own").run()
    next(field for field in app.text_input if field.label == "std").set_value("1, two, 3").run()
    assert '"1, two, 3" are not numbers.' in page_text(app)
    assert app.button(key="convert").disabled


def test_files_that_will_be_replaced_are_named(opened, model):
    (model.parent / "net_1_fp16.onnx").touch()
    assert "will be replaced: net_1_fp16.onnx" in page_text(give(opened("convert"), "model", model))


def test_uploaded_models_are_kept_and_their_results_too(opened, store, model):
    app = opened("convert")
    app.file_uploader[0].upload("../../net_1.onnx", model.read_bytes()).run()
    assert not app.exception and not app.error
    app.button(key="convert").click().run()
    job = store.job(store.ids()[0])
    assert job.source.is_relative_to(store.root / "uploads") and job.source.read_bytes() == model.read_bytes()
    assert job.out.is_relative_to(store.root / "results")


def test_one_click_tries_the_sample(opened, store):
    app = opened("convert")
    app.button(key="try_sample").click().run()
    job = store.job(store.ids()[0])
    assert len(job.targets) == 6 and job.out.is_relative_to(store.root)
    assert "Converting sample.onnx" in page_text(app)


def test_a_watched_job_can_be_cancelled(opened, store):
    app = opened("convert")
    app.button(key="try_sample").click().run()
    app.button(key="cancel").click().run()
    assert store.state(store.ids()[0]).status == "cancelled"
    assert "It was cancelled." in page_text(app)


def test_a_quantised_model_is_turned_back_only_if_that_is_ticked(opened, store, tmp_path):
    app = give(opened("convert"), "model", quantized(tmp_path / "q.onnx", "qdq-unsigned"))
    assert not app.checkbox(key="dequantize").value
    assert app.button(key="convert").disabled and "tick that box below the model" in page_text(app)
    app.checkbox(key="dequantize").check().run()
    app.button(key="convert").click().run()
    job = store.job(store.ids()[0])
    assert job.dequantize and job.inspected is not None
    assert job.targets == ("onnx_fp16", "onnx_quan_dy", "ncnn", "ncnn_fp16")


def test_of_a_float_model_that_is_not_asked(opened, model):
    app = give(opened("convert"), "model", model)
    assert not [box for box in app.checkbox if box.key == "dequantize"]
