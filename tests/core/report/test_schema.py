import subprocess
import sys
from pathlib import Path

import pytest

from core.common.errors import InputError
from core.common.serialization import to_data
from core.job.comparison import Latency
from core.preprocessing import Preprocessing
from core.report.schema import (
    ComparisonEntry,
    ImagesEntry,
    JobTexts,
    OutcomeEntry,
    Report,
    SourceEntry,
    Texts,
    read_report,
)

ROOT = Path(__file__).parents[3]


def latency(milliseconds):
    return Latency(milliseconds, milliseconds, milliseconds / 2, milliseconds / 2, threads=2)


def source(*, size=1000, milliseconds=6.0):
    return SourceEntry(Path("net.onnx"), size, 13, 9, (), (), {"Conv": 1}, None, None, latency(milliseconds))


def outcome(status="converted", *, size=250, milliseconds=2.0):
    comparison = ComparisonEntry(4, 0.99, None, None, None, None, (), latency(milliseconds))
    return OutcomeEntry("ncnn", status, None, None, "", (), size, {}, {}, (), 0.0, comparison, Texts())


def report(*outcomes):
    images = ImagesEntry(4, 4, (), 0)
    return Report(source(), Preprocessing((8, 8)), "tensors", (), images, (), JobTexts(()), (), outcomes)


def test_size_and_speed_are_told_against_the_source():
    assert outcome().size_share(source()) == 0.25 and outcome().speed_up(source()) == 3.0


def test_without_a_measurement_there_is_no_ratio():
    assert outcome(size=None).size_share(source()) is None and outcome().size_share(source(size=0)) is None
    assert outcome(milliseconds=0.0).speed_up(source()) is None


def test_only_files_count_as_converted():
    made, failed = outcome(), outcome("failed")
    assert report(failed, made).converted == (made,)


def test_a_report_is_read_back_as_it_was_written():
    assert read_report(to_data(report(outcome()))) == report(outcome())


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
