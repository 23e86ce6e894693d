import json
from pathlib import Path

import pytest

from core.common.serialization import to_data
from core.report.earlier_versions import upgraded
from core.report.schema import read_report

(EARLIER_JOB,) = (Path(__file__).parents[1] / "queue" / "earlier_version" / "jobs").iterdir()
EARLIER = json.loads((EARLIER_JOB / "report.json").read_text(encoding="utf-8"))


def test_a_report_of_version_0_1_opens_with_its_figures():
    report = read_report(EARLIER)
    assert report.task.name == "classification" and report.task.class_names == tuple(EARLIER["classes"])
    assert [figure.metric for figure in report.source.truth] == ["top-1", "top-5"]
    assert report.source.truth[0].value == EARLIER["source"]["top1"]
    for entry, before in zip(report.outcomes, EARLIER["outcomes"], strict=True):
        if before["comparison"] is None:
            assert entry.comparison is None
            continue
        figures, old = entry.comparison, before["comparison"]
        assert figures.agreement.value == old["agreement"] and figures.agreement.samples == old["images"]
        assert figures.agreement.low < figures.agreement.value <= figures.agreement.high
        assert figures.truth[0].difference == pytest.approx(old["top1"] - EARLIER["source"]["top1"])
        assert figures.cosine == old["cosine"] and figures.light == "look"


def test_a_report_of_today_is_left_as_it_is():
    data = to_data(read_report(EARLIER))
    assert upgraded(data) == data
