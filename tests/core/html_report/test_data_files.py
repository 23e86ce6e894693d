import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core.common.format_version import write_versioned
from core.common.text import Text, say
from core.html_report.data_files import answers_json, figures_csv
from core.html_report.finished_job import read_finished_job
from core.report.schema import ArmEntry, Texts
from finished_jobs import answer, boxes, entry, finished_folder, job_for
from report_examples import BOX_F1, MAP, MAP_OF_FILE, comparison, latency, made, refused, report


def rows(made_from):
    return list(csv.DictReader(io.StringIO(figures_csv(made_from))))


def test_each_file_has_a_row_with_every_figure():
    arm = ArmEntry("cortex-a76", "right", "", Text(""), 8)
    file = made(
        "onnx_fp16", comparison(BOX_F1, truth=(MAP_OF_FILE,), latency_ms=latency(0.35)), Path("/x/net_fp16.onnx")
    )
    original, first, second = rows(report(replace(file, arm=arm), refused("ncnn"), truth=(MAP,)))
    assert (original["target"], original["size_bytes"], original["map-50-95"]) == ("original", "630000", "0.382")
    expected = {
        "target": "onnx_fp16",
        "status": "converted",
        "light": "look",
        "files": "net_fp16.onnx",
        "size_bytes": 200_000,
        "size_share": 200 / 630,
        "agreement_metric": "box-f1",
        "agreement_value": 0.973,
        "agreement_low": 0.91,
        "agreement_high": 1.0,
        "agreement_samples": 8,
        "agreement_counted": 30,
        "map-50-95": 0.378,
        "map-50-95_difference": -0.004,
        "map-50-95_low": -0.012,
        "map-50-95_high": 0.003,
        "cosine": 0.99998,
        "sqnr_db": 43.1,
        "ms_median_one_thread": 0.35,
        "ms_p95_all_threads": 0.35,
        "threads": 2,
        "speed_up_1_thread": 1.4,
        "arm": "right",
        "seconds": 1.0,
    }
    for name, value in expected.items():
        found = first[name]
        assert (float(found) == pytest.approx(value)) if isinstance(value, (int, float)) else found == value, name
    assert second["status"] == "refused" and second["size_bytes"] == "" and second["cosine"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_text_of_strangers_is_no_formula(text):
    file = made("onnx_fp16", comparison(verdict=text), Path(f"/x/{text}"))
    (_, row) = rows(report(replace(file, notes=(text,), words=Texts(notes=(say("x"),)))))
    assert row["verdict"] == row["notes"] == row["files"] == f"'{text}"
    assert row["cosine"] == "0.99998"


def test_names_with_quotes_and_lines_stay_in_their_cells():
    file = made("onnx_fp16", comparison(), Path('/x/a,"b"\nc.onnx'))
    assert rows(report(file))[1]["files"] == 'a,"b"\nc.onnx'


def test_pictures_have_the_answers_of_all_files_variants_too(tmp_path):
    folder, photos = tmp_path / "job", tmp_path / "photos"
    base = report(made("onnx_fp16", comparison()))
    made_folder = finished_folder(folder, base, job=job_for(base, images=photos))
    found, other = boxes((1, 1, 30, 30)), boxes()
    gallery = [
        {
            **entry(folder, str(photos / name), found, Image.new("RGB", (64, 48)), onnx_fp16=answer(found, 1.0)),
            "answers": {"onnx_fp16": answer(found, 1.0), "onnx_fp16#1": answer(other, 0.0)},
        }
        for name in ("a/1.jpg", "b/1.jpg")
    ]
    gallery.append({**gallery[0], "file": "/elsewhere/private/2.jpg"})
    write_versioned(folder / "gallery.json", {"entries": gallery})
    data = json.loads(json.dumps(answers_json(read_finished_job(made_folder))))
    assert [picture["file"] for picture in data["pictures"]] == ["a/1.jpg", "b/1.jpg", "2.jpg"]
    assert data["pictures"][0]["original"] == found
    assert data["pictures"][0]["answers"]["onnx_fp16#1"]["prediction"] == other
    assert data["class_names"] == ["cat", "dog"] and data["task"] == "detection"
