from pathlib import Path

import numpy as np
from PIL import Image

from core.common.json_files import read_json
from core.evaluation.paired_comparison import SampleResult
from core.inputs.samples import Sample
from core.report.gallery import Gallery
from core.tasks.base import Prediction
from core.tasks.classification import Classification

TASK = Classification("scores", names=("cat", "dog"))
CAT, DOG = Prediction((0, 1), "cat", 0.75), Prediction((1, 0), "dog", 0.5)


def result(name, *, predictions, truth=None, source=CAT, mode="RGB", size=(640, 320)):
    picture = Image.fromarray(np.zeros((size[1], size[0]), np.uint8)).convert(mode)
    return SampleResult(Sample({}, Path(name), picture), truth, source, predictions)


def written(folder, *results):
    gallery = Gallery(folder, TASK)
    for one in results:
        gallery.add(one)
    gallery.write()
    return read_json(folder / "gallery.json")


def test_an_entry_holds_the_truth_and_every_prediction(tmp_path):
    predictions = {"ncnn": (CAT, 0.99), "ncnn_quan": (DOG, 0.5)}
    (entry,) = written(tmp_path, result("a.png", predictions=predictions, truth=1))
    assert entry == {
        "file": "a.png",
        "thumbnail": "00000.jpg",
        "truth": "dog",
        "source": {"label": "cat", "score": 0.75},
        "answers": {
            "ncnn": {"label": "cat", "score": 0.75, "cosine": 0.99, "changed": False},
            "ncnn_quan": {"label": "dog", "score": 0.5, "cosine": 0.5, "changed": True},
        },
    }


def test_the_most_changed_come_first_and_then_the_least_similar(tmp_path):
    entries = written(
        tmp_path,
        result("same", predictions={"a": (CAT, 0.9), "b": (CAT, 0.9)}),
        result("less similar", predictions={"a": (CAT, 0.9), "b": (CAT, 0.6)}),
        result("none left", predictions={}),
        result("one changed", predictions={"a": (CAT, 1.0), "b": (DOG, 1.0)}),
        result("both changed", predictions={"a": (DOG, 1.0), "b": (DOG, 1.0)}),
    )
    assert [entry["file"] for entry in entries] == ["both changed", "one changed", "less similar", "same", "none left"]


def test_thumbnails_are_small_jpegs_of_any_kind_of_image(tmp_path):
    modes = ("RGB", "L", "RGBA", "P", "1")
    entries = written(tmp_path, *(result(mode, predictions={}, mode=mode) for mode in modes))
    assert sorted(entry["thumbnail"] for entry in entries) == [f"0000{index}.jpg" for index in range(5)]
    for entry in entries:
        with Image.open(tmp_path / "gallery" / entry["thumbnail"]) as thumbnail:
            assert thumbnail.size == (256, 128) and thumbnail.format == "JPEG"


def test_samples_that_are_no_image_file_are_not_shown(tmp_path):
    array = SampleResult(Sample({}, Path("a.npy")), None, CAT, {})
    synthetic = SampleResult(Sample({}), None, CAT, {})
    assert written(tmp_path, array, synthetic) == []
