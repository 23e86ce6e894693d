from __future__ import annotations

import re
from dataclasses import replace

import pytest

from core.common.serialization import to_data
from core.job.graph_links import GraphLinks
from core.job.job import Job
from core.queue.state import JobState
from report_examples import comparison, made, report
from small import PREPROCESSING, conv_net


def frames(app):
    return [frame.proto.src for frame in app.get("iframe")]


def test_the_original_and_the_first_file_stand_side_by_side(opened, done):
    app = opened("graph")
    assert [box.value for box in app.selectbox[-3:-1]] == ["", "onnx_fp16"]
    left, right = frames(app)
    assert left != right and all(re.fullmatch(r"/netron/light/[0-9a-f]{32}/", url) for url in (left, right))


def test_another_model_can_be_chosen(opened, done):
    app = opened("graph")
    before = frames(app)
    app.selectbox[-2].set_value("onnx_quan_dy").run()
    assert frames(app)[0] == before[0] and frames(app)[1] != before[1]


def test_a_model_that_was_moved_away_is_a_readable_error(opened, done, model):
    model.unlink()
    app = opened("graph")
    assert "cannot be shown as a graph" in app.error[0].value
    assert len(frames(app)) == 1


def test_one_model_takes_the_full_width(opened, done):
    app = opened("graph", target="onnx_quan_dy")
    app.segmented_control(key="graph-view").set_value("one").run()
    assert len(frames(app)) == 1 and app.selectbox[-2].value == "onnx_quan_dy"
    assert app.toggle(key="graph-follow").disabled


def test_a_layer_that_is_found_is_selected_in_both_graphs(opened, done):
    app = opened("graph", target="onnx_fp16")
    name = app.selectbox[-1].options[0].split(" · ")[1]
    app.selectbox[-1].set_value(name).run()
    assert all(url.endswith(f"/#node={name}") for url in frames(app))


def test_a_graph_that_is_released_knows_it(opened, done):
    app = opened("graph", node="conv2")
    app.toggle(key="graph-follow").set_value(False).run()
    assert all(url.endswith("#node=conv2&alone=1") for url in frames(app))


def test_an_ncnn_file_without_known_blobs_says_so(opened, store, tmp_path):
    files = (tmp_path / "net.param", tmp_path / "net.bin")
    files[0].write_text("7767517\n0 0\n")
    files[1].write_bytes(b"")
    model = conv_net(tmp_path / "net.onnx")
    plain_report = report(made("ncnn", comparison(), *files))
    plain_report = replace(plain_report, source=replace(plain_report.source, path=model))
    for links, said in ((None, True), (GraphLinks({}, {"t1": "1"}), False)):
        created = store.create(Job(model, ("ncnn",), PREPROCESSING, tmp_path))
        store.open(created).write_report(to_data(replace(plain_report, links=links)))
        store.write_state(created, JobState("done", 1.0, created=1.7e9))
        app = opened("graph", job=created)
        assert any("is not known here" in caption.value for caption in app.caption) == said


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "](http://x)", "a'b\"c`d", "n" * 10_000])
def test_a_hostile_node_in_the_address_stays_text(opened, done, name):
    app = opened("graph", node=name)
    assert len(frames(app)) == 2
    (caption,) = [one.value for one in app.caption if one.value.startswith("Selected")]
    assert not re.search(r"(?<!\\)(<img|\]\(|`)", caption) and len(caption) < 1000
