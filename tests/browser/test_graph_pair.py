"""Graphs side by side: what is selected in one is selected in the other, and a click on a layer's figure opens it in
both. Netron has no interface for either, so these tests notice when the objects that are used change."""

import onnx
import pytest
from playwright.sync_api import expect

from core.job.job import Job
from core.queue.state import JobState
from core.runner import run_job
from small import PREPROCESSING, conv_net, pictures

pytestmark = pytest.mark.browser

SELECTED = "svg g.node.select"
HOSTILE = ("<img src=x onerror=alert(1)>", "a'b\"c`d %23&node=conv9", "](http://evil.example) :smile: $x$", "n" * 4900)
POINTS = "[data-testid=stVegaLiteChart] .role-mark.mark-symbol >> nth=-1 >> path"
"""The click targets, which are drawn last."""


def finished(store, model, folder, targets):
    """A job that was really run."""
    job = Job(model, targets, PREPROCESSING, model.parent, test_images=folder)
    job_id = store.create(job)
    run_job(job, store.folder(job_id), lambda fraction, message: None)
    store.write_state(job_id, JobState("done", 1.0, created=1.7e9, started=1.7e9, finished=1.7e9 + 65))
    return job_id


@pytest.fixture
def job_id(store, tmp_path):
    targets = ("onnx_fp16", "onnx_quan_dy", "ncnn", "ncnn_fp16")
    return finished(store, conv_net(tmp_path / "net.onnx"), pictures(tmp_path / "photos", 6), targets)


@pytest.fixture
def hostile_id(store, tmp_path):
    model = conv_net(tmp_path / "net.onnx")
    loaded = onnx.load(str(model))
    layers = [node for node in loaded.graph.node if node.op_type in ("Conv", "Gemm")]
    for node, name in zip(layers, HOSTILE, strict=True):
        node.name = name
    onnx.save(loaded, str(model))
    return finished(store, model, pictures(tmp_path / "photos", 6), ("onnx_fp16", "ncnn_fp16"))


def graphs(page):
    return [page.frame_locator(f"iframe >> nth={index}") for index in range(2)]


def open_graphs(page, app, job_id, target, node=""):
    page.goto(f"{app}/graph?job={job_id}&target={target}" + (f"&node={node}" if node else ""))
    for graph in graphs(page):
        expect(graph.locator("body[data-edgepress=ready]")).to_have_count(1, timeout=60_000)
    return graphs(page)


def click(graph, node):
    graph.locator(f"#node-name-{node} .node-item").first.click()


def test_what_is_selected_in_one_is_selected_in_the_other_until_they_are_released(page, app, job_id, outside):
    left, right = open_graphs(page, app, job_id, "onnx_fp16")
    click(left, "conv2")
    for graph in (left, right):
        expect(graph.locator(SELECTED)).to_have_attribute("id", "node-name-conv2", timeout=15_000)
    click(right, "fc")
    for graph in (left, right):
        expect(graph.locator(SELECTED)).to_have_attribute("id", "node-name-fc", timeout=15_000)
    page.get_by_role("switch", name="Select the same layer in both").press("Space")
    page.wait_for_timeout(1500)
    left.locator("body").press("Escape")
    click(left, "conv1")
    expect(left.locator(SELECTED)).to_have_attribute("id", "node-name-conv1", timeout=15_000)
    expect(right.locator(SELECTED)).to_have_attribute("id", "node-name-fc")
    assert outside == []


@pytest.mark.parametrize("target", ["ncnn", "ncnn_fp16"])
def test_ncnn_layers_are_found_although_they_have_other_names(page, app, job_id, target):
    left, right = open_graphs(page, app, job_id, target)
    click(left, "conv3")
    expect(right.locator(SELECTED)).to_have_count(1, timeout=15_000)
    expect(right.locator(SELECTED)).to_contain_text("Convolution")
    assert "conv3" not in (right.locator(SELECTED).get_attribute("id") or "")
    right.locator("svg g.node", has_text="InnerProduct").locator(".node-item").first.click()
    expect(left.locator(SELECTED)).to_have_attribute("id", "node-name-fc", timeout=15_000)


def test_a_graph_that_is_drawn_takes_neither_the_focus_nor_the_place_of_the_page(page, app, job_id):
    open_graphs(page, app, job_id, "onnx_fp16")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    assert page.evaluate("document.activeElement.tagName") != "IFRAME"


def test_a_node_without_counterpart_is_said_to_have_none(page, app, job_id):
    left, right = open_graphs(page, app, job_id, "onnx_fp16")
    right.locator("svg g.node", has_text="Cast").locator(".node-item").first.click()
    expect(left.locator(".edgepress-note")).to_contain_text("Nothing here stands for")
    expect(left.locator(SELECTED)).to_have_count(0)


def test_layers_are_marked_by_their_precision_and_the_legend_goes_through_them(page, app, job_id):
    left, right = open_graphs(page, app, job_id, "onnx_fp16")
    button = right.locator(".edgepress-legend button")
    expect(button).to_have_text("16 bit · 4")
    expect(right.locator(".edgepress-badge")).to_have_count(4)
    expect(left.locator(".edgepress-badge")).to_have_count(0)
    for node in ("conv1", "conv2"):
        button.click()
        for graph in (left, right):
            expect(graph.locator(SELECTED)).to_have_attribute("id", f"node-name-{node}", timeout=15_000)


def test_a_click_on_a_point_or_a_row_selects_the_layer_in_both_graphs(page, app, job_id):
    page.goto(f"{app}/results?job={job_id}")
    page.get_by_text("Layer by layer").click(timeout=60_000)
    details = page.locator("[data-testid=stExpanderDetails]").filter(has_text="Layers of")
    point = details.locator(POINTS).first
    point.wait_for(timeout=60_000)
    point.click(force=True)  # it is not painted until it is chosen
    for graph in graphs(page):
        expect(graph.locator(SELECTED)).to_have_attribute("id", "node-name-conv1", timeout=60_000)
    table = details.locator("[data-testid=stDataFrame]")
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 40)
    page.mouse.click(box["x"] + 200, box["y"] + 35 * 3 + 17, delay=120)
    for graph in graphs(page):
        expect(graph.locator(SELECTED)).to_have_attribute("id", "node-name-conv3", timeout=60_000)


@pytest.mark.parametrize("target", ["onnx_fp16", "ncnn_fp16"])
def test_hostile_names_select_their_nodes_and_stay_text(page, app, hostile_id, target, outside):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    left, right = open_graphs(page, app, hostile_id, target)
    page.get_by_role("combobox").last.click()
    expect(page.get_by_role("option")).to_have_count(len(HOSTILE))
    page.get_by_role("option").first.click()
    for name in (*HOSTILE, HOSTILE[0]):
        expect(left.locator(SELECTED)).to_have_attribute("id", f"node-name-{name}", timeout=15_000)
        expect(right.locator(SELECTED)).to_have_count(1)
        right.locator(".edgepress-legend button").click()  # goes on from the one that is selected
    for graph in (left, right):
        expect(graph.locator("img[src='x'], a[href*='evil']")).to_have_count(0)
    expect(page.locator("img[src='x'], a[href*='evil']")).to_have_count(0)
    assert dialogs == [] and outside == []
