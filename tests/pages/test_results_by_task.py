"""The Results page with reports and galleries of several tasks, made by hand: nothing is run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from page_reading import page_text
from PIL import Image

import report_examples as examples
from core.common.json_files import write_json
from core.common.serialization import to_data
from core.common.text import say
from core.job.comparison import TruthFigure
from core.job.job import Job
from core.queue.state import JobState
from report_examples import MAP, MAP_OF_FILE, comparison, layer, made, refused
from small import PREPROCESSING

OBJECTS = {"kind": "objects", "boxes": [[2, 2, 20, 20], [30, 2, 50, 20]], "scores": [0.9, 0.6], "classes": [0, 1]}
LESS = {"kind": "objects", "boxes": [[2, 2, 20, 20]], "scores": [0.8], "classes": [0]}


@pytest.fixture
def shown(opened, store, model, tmp_path):
    """Opens the page with a report and a gallery."""

    def show(report, gallery=(), **options):
        job_id = store.create(Job(model, ("onnx_fp16",), PREPROCESSING, tmp_path))
        folder = store.folder(job_id)
        write_json(folder / "report.json", to_data(report))
        write_json(folder / "gallery.json", list(gallery))
        (folder / "gallery").mkdir()
        Image.new("RGB", (60, 40)).save(folder / "gallery" / "00000.jpg")
        store.write_state(job_id, JobState("done", 1.0, created=1.7e9, started=1.7e9, finished=1.7e9 + 65))
        return opened("results", job=job_id, **options)

    return show


def entry(source, truth=None, **answers):
    """Each answer: a prediction and its agreement."""
    written = {
        target: {"prediction": prediction, "agreement": agreement, "cosine": 0.99, "changed": agreement < 1}
        for target, (prediction, agreement) in answers.items()
    }
    answered = {"size": [40, 60], "truth": truth, "source": source, "answers": written}
    return {"file": "/photos/a.jpg", "picture": "00000.jpg", **answered}


def detector(**task):
    first = made("onnx_fp16", comparison(light="keeps", truth=(MAP_OF_FILE,)))
    second = made("onnx_quan_dy", comparison(truth=(MAP_OF_FILE,)))
    return examples.report(first, second, refused("onnx_quan_st"), truth=(MAP,), **task)


def viewer(app):
    """What the viewer in the browser is given."""
    (element,) = app.get("bidi_component")
    return json.loads(element.proto.json)


def control(controls, name):
    return next(one for one in controls if one.key.startswith(f"gallery-{name}"))


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Taken for: **Objects and where they are (detection)**. Its output has 4 numbers for a box."),
        ("zh", "识别为：**有哪些物体、在哪里（目标检测）**。"),
    ],
)
def test_the_headline_says_what_the_model_was_taken_for_and_why(shown, language, sentence):
    assert sentence in page_text(shown(detector(), language=language))


def test_the_headline_names_the_samples_and_the_labels(shown):
    words = say("YOLO text files: {count} boxes", count=30)
    assert "8 test pictures" in page_text(shown(detector()))
    assert "YOLO text files: 30 boxes" in page_text(shown(detector(labels=str(words), labels_words=words)))
    unlabelled = examples.report(made("onnx_fp16", comparison()))
    assert "no labels: files are compared with the original" in page_text(shown(unlabelled))


def test_the_answer_comes_first_with_a_clause_for_every_other_file(shown):
    app = shown(detector())
    answer = next(one.value for one in app.markdown if "take ONNX" in one.value.replace("\\", ""))
    begin = ":green[:material/check_circle:] **For a PC or a server take ONNX, 16 bit: "
    assert answer.replace("\\", "").startswith(begin)
    text = page_text(app)
    assert text.index("Why not the others:") > 0
    assert "**ONNX, 8 bit dynamic**: misses the aim" in text and "**ONNX, 8 bit static**: not possible." in text


def test_where_no_file_keeps_the_answers_that_is_the_answer(shown):
    app = shown(examples.report(made("onnx_fp16", comparison()), made("onnx_quan_dy", comparison())))
    assert ":orange[:material/visibility:] **No file reaches the aim of 95%. The closest is" in page_text(app)


def test_the_answer_is_in_the_readers_language(shown):
    assert "推荐“ONNX" in page_text(shown(detector(), language="zh"))


def test_the_table_starts_with_what_the_task_counts(shown):
    table = shown(detector()).dataframe[0].value
    assert list(table["status"]) == ["", "✓ keeps the answers", "△ take a look", "– not possible"]
    assert list(table["kept"]) == ["–", "97.3% (91 to 100)", "97.3% (91 to 100)", "–"]
    assert list(table["right"]) == ["38.2%", "37.8%", "37.8%", "–"]
    assert table["difference"][1] == "-0.4 (-1.2 to +0.3)"


def test_a_card_has_the_verdict_and_the_figures_of_the_task(shown):
    text = page_text(shown(detector()))
    assert "Look at what changed: 97.3% of the objects the same." in text
    assert "#### 97.3%" in text and "30 objects on 8 pictures" in text
    assert "Right objects (mAP): 37.8%, the original 38.2%; -0.4 points (-1.2 to +0.3): may be chance." in text


def test_the_similarity_of_a_detector_is_in_the_technical_details_only(shown):
    app = shown(detector())
    assert "0.9999" not in page_text(app) + app.dataframe[0].value.to_string()
    assert any("cosine: 0.99998" in code.value and "mean_iou: 0.9300" in code.value for code in app.code)


def test_without_a_task_the_similarity_is_shown_and_said_not_to_be_accuracy(shown):
    numbers = examples.report(made("onnx_fp16", comparison(None, light="keeps")), name="tensors")
    app = shown(numbers)
    assert list(app.dataframe[0].value["kept"]) == ["–", "> 0.9999"]
    assert "Similarity of numbers is not accuracy." in page_text(app)
    assert "✓ keeps the numbers" in list(app.dataframe[0].value["status"])


def test_a_file_that_misses_a_figure_of_the_source_is_shown_without_it(shown):
    report = examples.report(made("onnx_fp16", comparison(truth=())), truth=(TruthFigure("words", 0.9, 9),))
    assert list(shown(report).dataframe[0].value["right"]) == ["90%", "–"]


def test_layers_are_shown_where_they_were_measured(shown):
    measured = comparison(layers=(layer("a"), layer("b", None)))
    with_layers = shown(examples.report(made("onnx_fp16", measured)))
    without = shown(detector())
    names = [[expander.label for expander in app.expander] for app in (with_layers, without)]
    assert "Layer by layer" in names[0] and "Layer by layer" not in names[1]


GALLERY = [entry(OBJECTS, onnx_fp16=(OBJECTS, 1.0), onnx_quan_dy=(LESS, 0.67))]


def test_the_original_is_compared_with_the_file_that_changed_most(shown):
    app = shown(detector(), GALLERY)
    assert (control(app.selectbox, "left").value, control(app.selectbox, "target").value) == (
        "original",
        "onnx_quan_dy",
    )
    found = viewer(app)
    assert found["pictures"] == [[0, True, "a.jpg"]] and found["kind"] == "objects"
    assert found["query"] == "left=original&right=onnx_quan_dy&score=0.25"


def test_another_file_can_be_chosen_and_what_did_not_change_is_left_out(shown):
    app = shown(detector(), GALLERY)
    control(app.selectbox, "target").set_value("onnx_fp16").run()
    assert not app.exception
    assert control(app.segmented_control, "filter").options[0] == "Different answers (0)"
    assert "right=onnx_fp16" in viewer(app)["query"]


def test_two_files_are_compared_with_each_other(shown):
    app = shown(detector(), GALLERY)
    control(app.selectbox, "left").set_value("onnx_quan_dy").run()
    control(app.selectbox, "target").set_value("onnx_fp16").run()
    assert viewer(app)["query"].startswith("left=onnx_quan_dy&right=onnx_fp16")
    assert viewer(app)["pictures"] == [[0, True, "a.jpg"]]


def test_the_slider_counts_only_what_scores_enough(shown):
    app = shown(detector(), GALLERY)
    (slider,) = app.slider
    assert slider.value == 0.25 and slider.min == 0.12  # predictions are stored from half of it on
    slider.set_value(0.7).run()
    assert viewer(app)["pictures"] == []
    control(app.segmented_control, "filter").set_value("all").run()
    assert viewer(app)["pictures"] == [[0, False, "a.jpg"]] and viewer(app)["query"].endswith("score=0.7")


def test_only_pictures_with_a_chosen_class_are_listed(shown):
    cats = {"kind": "objects", "boxes": [[2, 2, 20, 20]], "scores": [0.9], "classes": [0]}
    app = shown(detector(), [*GALLERY, entry(cats, onnx_fp16=(cats, 1.0), onnx_quan_dy=(cats, 1.0))])
    control(app.segmented_control, "filter").set_value("all").run()
    classes = control(app.multiselect, "classes")
    assert classes.options == ["cat", "dog"] and len(viewer(app)["pictures"]) == 2
    classes.set_value([1]).run()
    assert [picture[0] for picture in viewer(app)["pictures"]] == [0] and viewer(app)["query"].endswith("class=1")


def test_the_pictures_can_be_in_another_order(shown):
    same = {**GALLERY[0], "file": "/photos/0.jpg", "answers": {"onnx_fp16": GALLERY[0]["answers"]["onnx_fp16"]}}
    same["answers"]["onnx_quan_dy"] = same["answers"]["onnx_fp16"]
    app = shown(detector(), [*GALLERY, same])
    control(app.segmented_control, "filter").set_value("all").run()
    orders = {}
    for order in ("change", "least-change", "name"):
        control(app.selectbox, "order").set_value(order).run()
        orders[order] = [name for _, _, name in viewer(app)["pictures"]]
    assert orders == {"change": ["a.jpg", "0.jpg"], "least-change": ["0.jpg", "a.jpg"], "name": ["0.jpg", "a.jpg"]}


def test_a_damaged_prediction_leaves_the_picture(shown):
    broken = {"kind": "objects", "boxes": [[1]], "scores": [], "classes": []}
    app = shown(detector(), [entry(broken, onnx_fp16=(broken, 0.5), onnx_quan_dy=(LESS, 0.5)), {"picture": 3}])
    assert [picture[:2] for picture in viewer(app)["pictures"]] == [[0, True]]


def test_where_nothing_changed_all_pictures_are_shown(shown):
    app = shown(detector(), [entry(LESS, onnx_fp16=(LESS, 1.0), onnx_quan_dy=(LESS, 1.0))])
    assert control(app.segmented_control, "filter").value == "all" and len(viewer(app)["pictures"]) == 1


def test_a_gallery_of_an_earlier_version_is_still_shown(shown):
    old = {
        "file": "a.png",
        "thumbnail": "00000.jpg",
        "truth": "dog",
        "source": {"label": "cat", "score": 0.75},
        "answers": {"onnx_fp16": {"label": "dog", "score": 0.5, "cosine": 0.5, "changed": True}},
    }
    app = shown(examples.report(made("onnx_fp16", comparison())), [old])
    assert viewer(app)["pictures"] == [[0, True, "a.png"]] and viewer(app)["kind"] == "classes"


def test_the_layers_of_a_file_are_a_table_with_their_sensitivity_where_it_was_measured(shown):
    def layers(share):
        first = replace(layer("conv1"), precision="8 bit weights", weights=432, share=share)
        return comparison(layers=(first, layer("conv2")))

    static, dynamic = made("onnx_quan_st", layers(0.75)), made("onnx_quan_dy", layers(None))
    app = shown(examples.report(dynamic, static))
    columns = app.dataframe[1].proto.column_order
    assert "share" not in columns and "Share of the error" not in page_text(app)
    app.selectbox(key="layers-of-en").set_value("onnx_quan_st").run()
    table = app.dataframe[1].value
    assert "Share of the error" in page_text(app) and "share" in app.dataframe[1].proto.column_order
    assert list(table["precision"]) == ["8 bit, computed in 32", "8 bit"]
    assert table["share"][0] == 0.75 and table["weights"][0] == 432
