import json

import pytest

from core.common.json_files import read_json
from core.common.publish import stage
from core.report import transaction
from core.report.schema import read_report
from report_examples import comparison, made, report

FILES = {"onnx_fp16": {"net_fp16.onnx": b"half"}, "ncnn": {"net.param": b"graph", "net.bin": b"weights"}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path / "home"))
    for name in ("work", "out", "job"):
        (tmp_path / name).mkdir()
    return tmp_path


def begin(folder):
    """A journal of two targets, after which ``folder/out`` has earlier files of one of them."""
    (folder / "out" / "net.param").write_bytes(b"earlier")
    (folder / "out" / "net.bin").write_bytes(b"earlier's")
    staged, outcomes = {}, []
    for target, files in FILES.items():
        for name, data in files.items():
            (folder / "work" / name).write_bytes(data)
        staged[target] = stage([folder / "work" / name for name in files], folder / "out", tag="job")
        outcomes.append(made(target, comparison(), *(file.final for file in staged[target])))
    transaction.begin(folder / "job", staged, report(*outcomes))


def contents(folder):
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


def test_all_files_and_the_report_appear(folder):
    begin(folder)
    assert contents(folder / "out").keys() > {"net.param", "net.bin"} and not (folder / "job" / "report.json").exists()
    completed = transaction.complete(folder / "job")
    assert contents(folder / "out") == {name: data for files in FILES.values() for name, data in files.items()}
    assert [outcome.status for outcome in completed.outcomes] == ["converted", "converted"]
    assert read_report(read_json(folder / "job" / "report.json")) == completed


def test_a_file_that_cannot_be_replaced_fails_its_target_alone(folder):
    begin(folder)
    (folder / "out" / "net.bin").unlink()
    (folder / "out" / "net.bin").mkdir()
    completed = transaction.complete(folder / "job")
    failed = completed.outcomes[1]
    assert [outcome.status for outcome in completed.outcomes] == ["converted", "failed"]
    assert failed.files == () and "could not be written" in failed.reason and failed.next_step
    assert contents(folder / "out") == {"net_fp16.onnx": b"half", "net.param": b"earlier", "net.bin": None}
    again = transaction.complete(folder / "job")  # as after a crash
    assert [outcome.status for outcome in again.outcomes] == ["converted", "failed"]


def test_a_damaged_journal_is_told(folder):
    begin(folder)
    (folder / "job" / transaction.JOURNAL).write_text(json.dumps({"staged": 3}))
    with pytest.raises(ValueError, match="Journal"):
        transaction.complete(folder / "job")
