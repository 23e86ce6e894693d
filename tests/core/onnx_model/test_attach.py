import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from core.fp16.candidates import fp16_candidates
from core.fp16.onnx_writer import to_fp16
from core.onnx_model.attach import attach_tail, with_opset
from core.onnx_model.cut import find_cut
from core.onnx_model.graph import copy_model, opset
from core.runtimes.onnx import OnnxPredictor
from detectors import free_size_detector, ssd, topk_detector, torchvision_detector

IMAGE = {"images": np.random.default_rng(0).random((1, 3, 32, 32)).astype(np.float32)}


def run(model):
    return OnnxPredictor(model, threads=1, optimize=False).run(IMAGE)


def signature(model):
    return [value.SerializeToString() for value in (*model.graph.input, *model.graph.output)]


@pytest.mark.parametrize("build", [topk_detector, ssd, torchvision_detector, free_size_detector])
@pytest.mark.parametrize("change", [copy_model, lambda head: to_fp16(head, ()), lambda head: with_opset(head, 18)])
def test_a_head_with_its_tail_has_the_interface_and_the_results_of_the_source(tmp_path, build, change):
    model = onnx.load(str(build(tmp_path / "m.onnx")))
    cut = find_cut(model, {"images": (1, 3, 32, 32)})
    whole = attach_tail(change(cut.head), cut)
    onnx.checker.check_model(whole)
    assert signature(whole) == signature(model)
    for name, expected in run(model).items():
        assert run(whole)[name].shape == expected.shape
        assert np.allclose(run(whole)[name], expected, atol=0.1)


def test_the_tail_computes_in_32_bit_with_its_own_constants(tmp_path):
    """A constant that both parts read may be another in the head by now."""
    model = onnx.load(str(topk_detector(tmp_path / "m.onnx")))
    cut = find_cut(model)
    head = copy_model(cut.head)
    head.graph.initializer.append(numpy_helper.from_array(np.array([3], np.int64), "k"))
    head.graph.node.append(helper.make_node("Identity", ["k"], ["labels"], "last_node"))
    whole = attach_tail(head, cut)
    assert np.array_equal(run(whole)["dets"], run(model)["dets"])
    half = attach_tail(to_fp16(cut.head, fp16_candidates(cut.head)), cut)
    assert run(half)["dets"].dtype == np.float32 and np.allclose(run(half)["dets"], run(model)["dets"], atol=0.5)


def test_the_opset_of_the_tail_follows_the_head(tmp_path):
    cut = find_cut(onnx.load(str(ssd(tmp_path / "m.onnx"))))
    assert opset(cut.tail) == 17 and opset(attach_tail(with_opset(cut.head, 18), cut)) == 18
