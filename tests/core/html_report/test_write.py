import csv
import json

import pytest

from core.common.errors import InputError, OptionError
from core.html_report.write import ReportFiles, write_report, write_report_here
from finished_jobs import finished_folder
from report_examples import comparison, made, report


def test_a_report_is_written_by_a_process_of_its_own(tmp_path):
    folder = finished_folder(tmp_path / "job", report(made("onnx_fp16", comparison())))
    files = write_report(folder.path, tmp_path / "r.html", "zh")
    assert {path.name for path in tmp_path.iterdir()} == {"job", "r.html", "r.csv", "r.json", "r.pictures.json"}
    assert "各文件一览" in files.html.read_text(encoding="utf-8")
    assert json.loads(files.json.read_text(encoding="utf-8")) == folder.report()
    with files.csv.open(encoding="utf-8-sig", newline="") as table:
        assert [row["target"] for row in csv.DictReader(table)] == ["original", "onnx_fp16"]
    assert json.loads(files.answers.read_text(encoding="utf-8"))["pictures"] == []


def test_a_damaged_job_is_told_as_such(tmp_path):
    folder = finished_folder(tmp_path / "job", report(made("onnx_fp16", comparison())))
    (folder.path / "report.json").write_text('{"source": 3}')
    with pytest.raises(InputError, match="damaged"):
        write_report(folder.path, tmp_path / "r.html", "en")
    assert not list(tmp_path.glob("r*"))


def test_a_file_that_cannot_be_written_is_told_and_leaves_no_part(tmp_path):
    folder = finished_folder(tmp_path / "job", report(made("onnx_fp16", comparison())))
    (tmp_path / "r.html").mkdir()
    with pytest.raises(OptionError, match="cannot be written"):
        write_report_here(folder.path, tmp_path / "r.html", "en")
    assert not list(tmp_path.glob(".*.part"))


def test_files_of_a_report_have_one_name(tmp_path):
    names = [path.name for path in ReportFiles(tmp_path / "net.v2.html").all]
    assert names == ["net.v2.html", "net.v2.csv", "net.v2.json", "net.v2.pictures.json"]
