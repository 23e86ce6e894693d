import numpy as np
import onnx
import pytest

from core.onnx_model.cut import find_cut, operators_before_cut
from core.onnx_model.inspect import inspect
from core.runtimes.onnx import OnnxPredictor
from detectors import free_size_detector, query_selection, ssd, topk_detector, torchvision_detector
from small import conv_net

IMAGE = {"images": np.random.default_rng(0).random((1, 3, 32, 32)).astype(np.float32)}


def run(model, feeds):
    return OnnxPredictor(model, threads=1, optimize=False).run(feeds)


@pytest.mark.parametrize("build", [topk_detector, ssd, torchvision_detector, free_size_detector])
def test_head_and_tail_together_are_the_whole_model(tmp_path, build):
    model = onnx.load(str(build(tmp_path / "m.onnx")))
    cut = find_cut(model, {"images": (1, 3, 32, 32)})
    expected, made = run(model, IMAGE), run(cut.head, IMAGE)
    for tail in (cut.tail, cut.fixed_tail):
        outputs = run(tail, made)
        assert list(outputs) == list(expected)
        for name, tensor in expected.items():
            assert tensor.size and np.array_equal(outputs[name], tensor)


def test_the_head_keeps_the_weights_and_the_tail_what_picks(tmp_path):
    cut = find_cut(onnx.load(str(topk_detector(tmp_path / "m.onnx"))))
    assert "Conv" not in {node.op_type for node in cut.tail.graph.node}
    assert not {"TopK", "ArgMax", "GatherElements"} & {node.op_type for node in cut.head.graph.node}
    assert cut.operators == ("TopK", "ArgMax", "GatherElements")
    assert cut.tail.ByteSize() < 0.1 * cut.head.ByteSize()


def test_outputs_that_pick_nothing_stay_outputs_of_the_head(tmp_path):
    cut = find_cut(onnx.load(str(topk_detector(tmp_path / "m.onnx", more_outputs=True))))
    assert [value.name for value in cut.head.graph.output] == ["boxes", "scores", "r2"]
    assert [value.name for value in cut.tail.graph.output] == ["dets"]
    assert [value.name for value in cut.outputs] == ["dets", "r2"]


def test_where_sizes_are_free_the_tail_works_at_every_size(tmp_path):
    model = onnx.load(str(free_size_detector(tmp_path / "m.onnx")))
    cut = find_cut(model, {"images": (1, 3, 32, 32)})
    assert cut.sizes == ("side",) and cut.boundary[0].shape == (1, 64, 4)
    other = {"images": np.random.default_rng(1).random((1, 3, 64, 64)).astype(np.float32)}
    expected = run(model, other)["found"]
    assert expected.shape == (1, 32, 4) and np.array_equal(run(cut.tail, run(cut.head, other))["found"], expected)


def test_a_head_of_fixed_sizes_gives_no_sizes(tmp_path):
    cut = find_cut(onnx.load(str(free_size_detector(tmp_path / "m.onnx"))), {"images": (1, 3, 32, 32)})
    assert [value.name for value in cut.fixed_head(cut.head).graph.output] == ["boxes", "best"]
    assert [value.name for value in cut.fixed_tail.graph.input] == ["boxes", "best"]


def test_the_model_is_not_changed(tmp_path):
    model = onnx.load(str(ssd(tmp_path / "m.onnx")))
    before = model.SerializeToString()
    assert find_cut(model) is not None and model.SerializeToString() == before


@pytest.mark.parametrize("build", [query_selection, conv_net])
def test_models_without_such_an_end_are_not_cut(tmp_path, build):
    path = build(tmp_path / "m.onnx")
    assert find_cut(onnx.load(str(path))) is None
    source = inspect(path)
    assert operators_before_cut(source) == set(source.operators)


def test_the_operators_before_the_cut_are_known_from_the_file_alone(tmp_path):
    source = inspect(torchvision_detector(tmp_path / "m.onnx"))
    before = operators_before_cut(source)
    assert "Conv" in before and not {"If", "NonZero", "NonMaxSuppression"} & before
    assert {"If", "NonZero", "NonMaxSuppression"} <= set(source.operators)
