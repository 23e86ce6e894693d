"""A layer that is selected in the graph: Netron has no address for that, so its own objects are used."""

import shutil
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from core.common.serialization import to_data
from core.job.job import Job
from core.queue.state import JobState
from report_examples import comparison, layer, made, report
from small import PREPROCESSING, conv_net

pytestmark = pytest.mark.browser

SELECTED = "svg g.node.select"


@pytest.fixture
def job_id(store, tmp_path):
    """A finished job, in whose file the layers have the source's names."""
    model = conv_net(tmp_path / "net.onnx")
    shutil.copy(model, tmp_path / "net_fp16.onnx")
    layers = tuple(map(layer, ("conv1", "conv2", "conv3", "fc")))
    found = report(made("onnx_fp16", comparison(layers=layers), tmp_path / "net_fp16.onnx"))
    created = store.create(Job(model, ("onnx_fp16",), PREPROCESSING, tmp_path))
    store.open(created).write_report(to_data(replace(found, source=replace(found.source, path=model))))
    store.write_state(created, JobState("done", 1.0, created=1.7e9))
    return created


def graphs(page):
    return [page.frame_locator(f"iframe >> nth={index}") for index in range(2)]


def test_the_node_in_the_address_is_selected_in_both_graphs(page, app, job_id, outside):
    page.goto(f"{app}/graph?job={job_id}&target=onnx_fp16&node=conv2")
    for graph in graphs(page):
        expect(graph.locator(SELECTED)).to_have_count(1, timeout=60_000)
        box, frame = graph.locator(SELECTED).bounding_box(), page.locator("iframe").first.bounding_box()
        assert frame["y"] < box["y"] < frame["y"] + frame["height"]
    assert outside == []


def test_a_node_that_is_not_there_selects_nothing(page, app, job_id):
    page.goto(f"{app}/graph?job={job_id}&node=%3Cimg%20src%3Dx%3E%27%22%25")
    for graph in graphs(page):
        expect(graph.locator("svg g.node").first).to_be_visible(timeout=60_000)
        expect(graph.locator(SELECTED)).to_have_count(0)
