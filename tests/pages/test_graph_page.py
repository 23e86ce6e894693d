from __future__ import annotations

import re


def frames(app):
    return [frame.proto.src for frame in app.get("iframe")]


def test_the_original_and_the_first_file_stand_side_by_side(opened, done):
    app = opened("graph")
    assert [box.value for box in app.selectbox[-2:]] == ["Original", "ONNX, 16 bit"]
    left, right = frames(app)
    assert left != right and all(re.fullmatch(r"/netron/light/[0-9a-f]{32}/", url) for url in (left, right))


def test_another_model_can_be_chosen(opened, done):
    app = opened("graph")
    before = frames(app)
    app.selectbox[-1].set_value("ONNX, 8 bit dynamic").run()
    assert frames(app)[0] == before[0] and frames(app)[1] != before[1]


def test_a_model_that_was_moved_away_is_a_readable_error(opened, done, model):
    model.unlink()
    app = opened("graph")
    assert "cannot be shown as a graph" in app.error[0].value
    assert len(frames(app)) == 1
