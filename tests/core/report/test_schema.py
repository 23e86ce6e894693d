import subprocess
import sys
from pathlib import Path

import pytest

import report_examples as examples
from core.common.errors import InputError
from core.common.serialization import to_data
from core.job.comparison import Latency
from core.report.schema import OutcomeEntry, SourceEntry, Texts, read_report

ROOT = Path(__file__).parents[3]


def latency(milliseconds):
    return Latency(milliseconds, milliseconds, milliseconds / 2, milliseconds / 2, threads=2)


def source(*, size=1000, milliseconds=6.0):
    return SourceEntry(Path("net.onnx"), size, 13, 9, (), (), {"Conv": 1}, latency(milliseconds))


def outcome(status="converted", *, size=250, milliseconds=2.0):
    found = examples.comparison(latency_ms=latency(milliseconds))
    return OutcomeEntry("ncnn", status, None, None, "", (), size, {}, {}, (), 0.0, found, Texts())


def test_size_and_speed_are_told_against_the_source():
    assert outcome().size_share(source()) == 0.25 and outcome().speed_up(source()) == 3.0


def test_without_a_measurement_there_is_no_ratio():
    assert outcome(size=None).size_share(source()) is None and outcome().size_share(source(size=0)) is None
    assert outcome(milliseconds=0.0).speed_up(source()) is None


def test_only_files_count_as_converted():
    made, failed = outcome(), outcome("failed")
    assert examples.report(failed, made).converted == (made,)


def test_a_report_is_read_back_as_it_was_written():
    assert read_report(to_data(examples.report(outcome()))) == examples.report(outcome())


@pytest.mark.parametrize("data", [None, [], {}, {"source": {}}], ids=repr)
def test_a_damaged_report_is_a_readable_error(data):
    with pytest.raises(InputError, match="damaged") as error:
        read_report(data)
    assert error.value.next_step and error.value.detail


def test_reading_a_report_does_not_bring_the_runtimes():
    """The pages read reports; only the worker runs models."""
    code = "import sys, core.report.schema; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"core.evaluation", "core.conversion", "onnxruntime", "ncnn"} & set(loaded.stdout.split())
