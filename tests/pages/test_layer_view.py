"""Layer by layer on the Results page: the table filters, and what was clicked is shown in the graphs."""

from dataclasses import replace

import pytest

from core.common.serialization import to_data
from core.job.job import Job
from core.queue.state import JobState
from core.report.schema import LayerEntry, Texts, VariantEntry
from pages.parts.results.layer_choice import ChosenLayer
from report_examples import comparison, made, report
from small import PREPROCESSING, conv_net

LAYERS = (
    LayerEntry("stem/conv", "Conv", "16 bit", 41.5, 0.99, 100),
    LayerEntry("body/conv", "Conv", "8 bit", 7.25, 0.9, 200, 0.75),
    LayerEntry("<img src=x>](http://x)", "Gemm", "8 bit", None, 1.0, 300, 0.25),
)


@pytest.fixture
def job_id(store, tmp_path):
    model = conv_net(tmp_path / "net.onnx")
    file = conv_net(tmp_path / "small.onnx")
    other = VariantEntry(2, (file,), 150_000, comparison(layers=LAYERS[:1]), (), Texts())
    outcome = replace(made("onnx_quan_st", comparison(layers=LAYERS), file), variants=(other,), variant=1)
    found = report(outcome)
    created = store.create(Job(model, ("onnx_quan_st",), PREPROCESSING, tmp_path))
    store.open(created).write_report(to_data(replace(found, source=replace(found.source, path=model))))
    store.write_state(created, JobState("done", 1.0, created=1.7e9, started=1.7e9, finished=1.7e9 + 9))
    return created


def table(app):
    return next(frame.value for frame in app.dataframe if "sqnr" in frame.value.columns)


def test_figures_are_numbers_by_which_a_click_sorts(opened, job_id):
    found = table(opened("results", job=job_id))
    assert list(found["name"]) == [layer.name for layer in LAYERS]
    assert list(found["sqnr"])[:2] == [41.5, 7.25] and list(found["number"]) == [1, 2, 3]


def test_layers_are_left_out_by_name_operator_and_precision(opened, job_id):
    app = opened("results", job=job_id)
    key = f"{job_id}-onnx_quan_st"
    app.text_input(key=f"layer-name-{key}").set_value("BODY").run()
    assert list(table(app)["number"]) == [2]
    app.text_input(key=f"layer-name-{key}").set_value("gemm").run()
    assert list(table(app)["number"]) == [3]
    app.text_input(key=f"layer-name-{key}").set_value("nothing of the kind").run()
    assert list(table(app)["number"]) == []
    app.text_input(key=f"layer-name-{key}").set_value("").run()
    app.button_group(key=f"layer-precisions-{key}").set_value(["8 bit"]).run()
    assert list(table(app)["number"]) == [2, 3]


def test_the_other_files_to_choose_from_have_layers_too(opened, job_id):
    app = opened("results", job=job_id)
    assert app.selectbox(key="layers-of-en").options == ["ONNX, 8 bit static", "ONNX, 8 bit static (150 kB)"]
    app.selectbox(key="layers-of-en").set_value("onnx_quan_st#2").run()
    assert len(table(app)) == 1


def test_a_chosen_layer_is_selected_in_both_graphs(opened, job_id):
    app = opened("results", job=job_id)
    assert len(app.get("iframe")) == 0
    app.session_state[f"layer-chosen-{job_id}"] = ChosenLayer("onnx_quan_st", LAYERS[2].name, 4)
    app.run()
    assert len(app.get("iframe")) == 2
    for frame in app.get("iframe"):
        assert frame.proto.src.endswith("/#node=%3Cimg%20src%3Dx%3E%5D%28http%3A%2F%2Fx%29&request=4")


def test_a_file_that_is_not_there_any_more_is_not_shown(opened, job_id):
    app = opened("results", job=job_id)
    app.session_state[f"layer-chosen-{job_id}"] = ChosenLayer("onnx_quan_st#9", LAYERS[0].name, 1)
    app.run()
    assert len(app.get("iframe")) == 0 and not app.exception
