from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.common.json_files import read_json
from core.evaluation.paired_comparison import CandidateResult, SampleResult
from core.inputs.samples import Sample
from core.report import gallery as module
from core.report.gallery import Gallery
from core.tasks.classification import Classification
from core.tasks.predictions import ClassScores, ClassTruth

TASK = Classification("scores", names=("cat", "dog"))
CAT, DOG = ClassScores((0, 1), 0.75), ClassScores((1, 0), 0.5)


def made(prediction, agreement, cosine):
    return CandidateResult(prediction, agreement, cosine)


def result(name, *, predictions, truth=None, source=CAT, mode="RGB", size=(640, 320)):
    picture = Image.fromarray(np.zeros((size[1], size[0]), np.uint8)).convert(mode)
    return SampleResult(Sample({}, Path(name), picture, truth=truth), source, predictions)


def written(folder, *results):
    gallery = Gallery(folder, TASK)
    for one in results:
        gallery.add(one)
    gallery.write()
    return read_json(folder / "gallery.json")["entries"]


def test_an_entry_holds_the_truth_and_every_prediction(tmp_path):
    predictions = {"ncnn": made(CAT, 1.0, 0.99), "ncnn_quan": made(DOG, 0.0, None)}
    (entry,) = written(tmp_path, result("a.png", predictions=predictions, truth=ClassTruth("dog")))
    cat = {"kind": "classes", "label": "cat", "score": 0.75}
    dog = {"kind": "classes", "label": "dog", "score": 0.5}
    assert entry == {
        "file": "a.png",
        "picture": "00000.jpg",
        "size": [320, 640],
        "truth": "dog",
        "source": cat,
        "answers": {
            "ncnn": {"prediction": cat, "agreement": 1.0, "cosine": 0.99, "changed": False},
            "ncnn_quan": {"prediction": dog, "agreement": 0.0, "cosine": None, "changed": True},
        },
    }


@pytest.mark.parametrize(("task", "shown"), [("classification", "dog"), ("detection", None), ("text", None)])
def test_the_class_of_a_picture_is_no_right_answer_of_a_detector(task, shown):
    assert module._truth_text(ClassTruth("dog"), task) == shown


def test_the_most_changed_come_first_and_then_the_least_similar(tmp_path):
    same, changed = made(CAT, 1.0, 0.9), made(DOG, 0.0, 1.0)
    entries = written(
        tmp_path,
        result("same", predictions={"a": same, "b": same}),
        result("less similar", predictions={"a": same, "b": made(CAT, 1.0, 0.6)}),
        result("one changed", predictions={"a": same, "b": changed}),
        result("both changed", predictions={"a": changed, "b": changed}),
    )
    assert [entry["file"] for entry in entries] == ["both changed", "one changed", "less similar", "same"]


def test_pictures_are_jpegs_of_at_most_1024_pixels_whatever_they_were(tmp_path):
    modes = ("RGB", "L", "RGBA", "P", "1")
    entries = written(tmp_path, *(result(mode, predictions={}, mode=mode, size=(2048, 1024)) for mode in modes))
    assert sorted(entry["picture"] for entry in entries) == [f"0000{index}.jpg" for index in range(5)]
    for entry in entries:
        assert entry["size"] == [1024, 2048]
        with Image.open(tmp_path / "gallery" / entry["picture"]) as picture:
            assert picture.size == (1024, 512) and picture.format == "JPEG"


def test_only_the_most_changed_are_stored(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_MAX_STORED", 2)
    agreements = (0.9, 0.1, 0.5, 0.7)
    results = [result(str(one), predictions={"a": made(CAT, one, 1.0)}) for one in agreements]
    entries = written(tmp_path, *results)
    assert [entry["file"] for entry in entries] == ["0.1", "0.5"]
    stored = {path.name for path in (tmp_path / "gallery").iterdir()}
    assert stored == {entry["picture"] for entry in entries}


def test_samples_that_are_no_image_file_are_not_shown(tmp_path):
    array = SampleResult(Sample({}, Path("a.npy")), CAT, {})
    synthetic = SampleResult(Sample({}), CAT, {})
    assert written(tmp_path, array, synthetic) == []
