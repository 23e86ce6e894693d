from __future__ import annotations

import re

import pytest
from page_reading import page_text


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Taken for: **What is in the picture (classification)**."),
        ("zh", "识别为：**图里是什么（分类）**。"),
    ],
)
def test_the_headline_says_what_the_model_was_taken_for(opened, done, language, sentence):
    assert sentence in page_text(opened("results", language=language))


def test_the_headline_counts_what_was_made(opened, done):
    app = opened("results")
    assert "2 of 3 files made" in page_text(app)
    assert "Compared on 6 test pictures" in page_text(app)


def test_the_table_has_a_row_for_the_original_and_each_target(opened, done):
    table = opened("results").dataframe[0].value
    assert list(table["name"]) == ["Original", "ONNX, 16 bit", "ONNX, 8 bit dynamic", "ONNX, 8 bit static"]
    assert re.fullmatch(r"[\d.]+ kB \(\d\d%\)", table["size"][1])


def test_what_was_refused_says_why_and_what_to_do(opened, done):
    text = page_text(opened("results"))
    assert "This target needs example pictures, and none were given." in text
    assert "Choose a folder with pictures like those that the model will see." in text


def test_every_file_can_be_downloaded(opened, done):
    links = [element.proto for element in opened("results").get("link_button")]
    assert [link.label.replace("\\", "") for link in links][-2:] == ["net_1_fp16.onnx", "net_1_quan_dynamic.onnx"]
    assert all("/download/" in link.url for link in links)


def test_a_file_that_was_moved_away_is_not_offered(opened, done, model):
    (model.parent / "net_1_fp16.onnx").unlink()
    links = {link.proto.label.replace("\\", ""): link.proto for link in opened("results").get("link_button")}
    assert links["net_1_fp16.onnx"].disabled and not links["net_1_quan_dynamic.onnx"].disabled


@pytest.mark.parametrize("damage", ['{"source": 3}', "{}", '{"outcomes": [1]}'])
def test_a_damaged_report_is_a_readable_error(opened, store, done, damage):
    (store.folder(done) / "report.json").write_text(damage)
    assert "The report of this job is damaged." in page_text(opened("results"))
    assert "The report of this job is damaged." in page_text(opened("graph"))


def test_a_job_in_the_address_is_shown_even_if_it_still_runs(opened, store, done):
    waiting = store.create(store.job(done))
    assert "This conversion still runs." in page_text(opened("results", job=waiting))
