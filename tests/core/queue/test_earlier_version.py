"""Jobs and histories that were written before reports and jobs became typed data still open."""

import json
import shutil
from pathlib import Path

import pytest

from core.common.serialization import to_data
from core.queue.store import JobStore
from core.report.schema import read_report
from core.targets import TARGET_IDS

HOME = Path(__file__).with_name("earlier_version")
(JOB_ID,) = (path.name for path in (HOME / "jobs").iterdir())


@pytest.fixture
def earlier(tmp_path):
    shutil.copytree(HOME, tmp_path / "home")
    return JobStore(tmp_path / "home")


def test_the_job_and_its_state_open(earlier):
    assert earlier.ids() == [JOB_ID]
    job, state = earlier.job(JOB_ID), earlier.state(JOB_ID)
    assert job.targets == TARGET_IDS and job.source.name == "sample.onnx" and job.preprocessing.size == (96, 96)
    assert (job.model, job.preflight, job.inspected) == (None, (), None)
    assert (state.status, state.fraction, str(state.message)) == ("done", 1.0, "Done")


def test_the_report_opens_and_survives_being_written_anew(earlier):
    report = read_report(earlier.report(JOB_ID))
    assert [outcome.target for outcome in report.converted] == list(TARGET_IDS)
    assert read_report(json.loads(json.dumps(to_data(report)))) == report


def test_the_gallery_opens(earlier):
    (entry, *_) = earlier.gallery(JOB_ID)
    assert set(entry["answers"]) == set(TARGET_IDS)
