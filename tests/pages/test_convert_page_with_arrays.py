"""Models that take no picture: step 2 of Convert asks for .npy or .npz files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from array_model import SOUND_LENGTH, examples, two_input_net
from page_reading import page_text

from core.runner import run_job


@pytest.fixture
def model(tmp_path):
    return two_input_net(tmp_path / "mine" / "sound.onnx")


@pytest.fixture
def arrays(tmp_path):
    return examples(tmp_path / "sounds", 8)


def give(app, key, path):
    app.text_input(key=f"{key}-typed").set_value(str(path)).run()
    assert not app.exception, app.exception[0].message
    return app


def steps(app) -> list[str]:
    return [heading.value.removeprefix(":primary[:material/counter_").replace(":]", "") for heading in app.subheader]


@pytest.mark.parametrize(
    ("language", "title", "count"), [("en", "Example inputs", "8 examples"), ("zh", "示例输入", "8 个示例")]
)
def test_arrays_are_asked_for_tried_and_given_to_the_job(opened, store, model, arrays, language, title, count):
    app = give(opened("convert", language=language), "model", model)
    assert [step[0] for step in steps(app)] == ["1", "2", "3", "4"] and title in steps(app)[1]
    assert "sound, state" in page_text(app)
    assert (
        page_text(app).count(".npy 或 .npz 文件来检查" if language == "zh" else "The model takes no single picture")
        == 1
    )
    assert app.checkbox(key="make-onnx_quan_st-False").disabled
    give(app, "examples", arrays)
    assert count in page_text(app) and not app.error
    assert app.checkbox(key="make-onnx_quan_st-True").value
    app.button(key="convert").click().run()
    job = store.job(store.ids()[0])
    assert job.images == arrays and "onnx_quan_st" in job.targets


def test_a_job_with_arrays_makes_static_8_bit_and_its_results_say_examples(opened, store, model, arrays):
    app = give(give(opened("convert"), "model", model), "examples", arrays)
    for box in app.checkbox:
        if "onnx_quan_st" not in box.key:
            box.uncheck().run()
    app.button(key="convert").click().run()
    job_id = store.ids()[0]
    report = run_job(store.job(job_id), store.folder(job_id), lambda fraction, message: None)
    assert [outcome.status for outcome in report.outcomes] == ["converted"], report.outcomes
    store.write_state(job_id, store.state(job_id).__class__("done", 1.0))
    assert "Compared on 4 test examples" in page_text(opened("results", job=job_id))


def test_files_that_do_not_fit_are_counted_and_named(opened, model, arrays):
    np.savez(arrays / "short.npz", sound=np.zeros((1, 1, SOUND_LENGTH - 1), np.float32))
    (arrays / "torn.npy").write_bytes(b"no array")
    app = give(give(opened("convert"), "model", model), "examples", arrays)
    assert "8 of 10 tried fit the model" in page_text(app) and "2 of 10 cannot be used" in page_text(app)
    (badge,) = [element for element in app.markdown if "cannot be used" in element.value]
    text = badge.help.replace("\\", "")
    assert "short.npz" in text and f"1x1x{SOUND_LENGTH - 1}" in text and "torn.npy" in text


def test_an_input_without_an_array_is_named(opened, model, tmp_path):
    (tmp_path / "sounds").mkdir()
    for index in range(3):
        np.save(tmp_path / "sounds" / f"{index}.npy", np.full((1, SOUND_LENGTH), index, np.float32))
    app = give(give(opened("convert"), "model", model), "examples", tmp_path / "sounds")
    assert "The files hold no array for state" in page_text(app)


def test_a_folder_of_pictures_is_refused_with_a_readable_error(opened, store, model, folder):
    app = give(give(opened("convert"), "model", model), "examples", folder)
    assert "holds pictures" in app.error[0].value and ".npz files" in app.error[0].value
    app.button(key="convert").click().run()
    assert store.job(store.ids()[0]).images is None


def test_a_folder_in_which_nothing_fits_is_refused_with_the_first_reason(opened, model, tmp_path):
    (tmp_path / "sounds").mkdir()
    np.save(tmp_path / "sounds" / "a.npy", np.zeros((2, 3), np.float32))
    app = give(give(opened("convert"), "model", model), "examples", tmp_path / "sounds")
    assert "None of the files" in app.error[0].value and "2x3" in app.error[0].value
    assert app.checkbox(key="make-onnx_quan_st-False").disabled


def test_a_test_folder_that_is_gone_is_no_exception(opened, store, model, arrays, tmp_path):
    app = give(give(opened("convert"), "model", model), "examples", arrays)
    give(app, "test-examples", tmp_path / "nowhere")
    assert "There is no folder" in app.error[0].value
    app.button(key="test-examples-none").click().run()
    give(app, "test-examples", examples(tmp_path / "others", 1))
    assert "1 example" in page_text(app) and not app.error


def test_an_uploaded_folder_of_arrays_is_kept_for_the_job(opened, store, model):
    app = give(opened("convert"), "model", model)
    buffer = io.BytesIO()
    np.savez(buffer, sound=np.ones((1, 1, SOUND_LENGTH), np.float32), state=np.ones(8, np.float32))
    app.file_uploader[0].upload("sounds/a.npz", buffer.getvalue()).run()
    assert not app.exception and not app.error
    assert "1 example" in page_text(app)
    app.button(key="convert").click().run()
    assert store.job(store.ids()[0]).images.is_relative_to(store.root / "uploads")


def test_a_model_of_pictures_takes_arrays_too(opened, tmp_path):
    from small import SIZE, conv_net

    (tmp_path / "tensors").mkdir()
    np.save(tmp_path / "tensors" / "a.npy", np.zeros((3, SIZE, SIZE), np.float32))
    app = give(opened("convert"), "model", conv_net(tmp_path / "mine" / "net.onnx"))
    give(app, "examples", tmp_path / "tensors")
    assert "1 of 1 tried fits the model" in page_text(app)
    assert "Arrays are given to the model as they are." in page_text(app)
