from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from core.conversion import cut as cut_module
from core.conversion.context import ConversionContext
from core.conversion.cut import cut_source, run_model
from core.inputs.images import Split
from core.onnx_model.cut import find_cut
from core.onnx_model.graph import copy_model
from core.onnx_model.inspect import inspect
from detectors import ANCHORS, free_size_detector, query_selection, ssd, topk_detector, torchvision_detector
from small import PREPROCESSING, conv_net

IMAGE = {"images": np.random.default_rng(0).random((1, 3, 32, 32)).astype(np.float32)}


def context(path, folder):
    return ConversionContext(inspect(path), PREPROCESSING, split=Split(), folder=folder / "work")


@pytest.mark.parametrize("build", [topk_detector, ssd, torchvision_detector, free_size_detector])
def test_a_cut_that_gives_the_sources_outputs_is_taken(tmp_path, build):
    assert cut_source(onnx.load(str(build(tmp_path / "m.onnx"))), IMAGE) is not None


@pytest.mark.parametrize("part", ["tail", "fixed_tail"])
def test_a_cut_that_gives_others_is_not(tmp_path, monkeypatch, part):
    """A tail that picks fewer boxes, as a mistake in the search might leave it."""

    def wrong(model, sizes):
        cut = find_cut(model, sizes)
        tail = copy_model(getattr(cut, part))
        for tensor in tail.graph.initializer:
            if tensor.name == "times4":
                tensor.CopyFrom(numpy_helper.from_array(np.array([1, 1, 3], np.int64), "times4"))
        return replace(cut, **{part: tail})

    monkeypatch.setattr(cut_module, "find_cut", wrong)
    assert cut_source(onnx.load(str(topk_detector(tmp_path / "m.onnx"))), IMAGE) is None


def test_a_post_processing_that_numpy_computes_otherwise_is_not_cut_off(tmp_path, monkeypatch):
    class Other:
        def __init__(self, model):
            self._shape = (1, 12, 6)

        def run(self, names, feeds):
            return [np.zeros(self._shape, np.float32)]

    monkeypatch.setattr("onnx.reference.ReferenceEvaluator", Other)
    assert cut_source(onnx.load(str(topk_detector(tmp_path / "m.onnx"))), IMAGE) is None


def test_targets_start_from_the_head_and_compare_its_outputs(tmp_path):
    made = context(topk_detector(tmp_path / "m.onnx"), tmp_path)
    names = ["boxes", "scores"]
    for model in (made.prepared.clean.read(), made.prepared.static.read(), made.prepared.uncleaned.read()):
        assert [value.name for value in model.graph.output] == names
    assert list(made.expected) == ["dets"] and [list(outputs) for _, outputs in made.references] == 4 * [names]
    for feeds, outputs in made.references:
        clean = run_model(made.prepared.clean.read(), feeds)
        assert all(np.allclose(clean[name], outputs[name], atol=1e-4) for name in names)


def test_the_tail_is_attached_to_what_was_made_from_the_head(tmp_path):
    made = context(topk_detector(tmp_path / "m.onnx"), tmp_path)
    whole = made.attach_tail(made.prepared.clean.read())
    outputs = run_model(whole, made.example.feeds)
    assert np.allclose(outputs["dets"], made.expected["dets"], atol=1e-3)
    assert 0 < made.tail_bytes < 0.2 * whole.ByteSize()


def test_what_ncnn_leaves_out_is_a_file_in_the_work_folder(tmp_path):
    made = context(topk_detector(tmp_path / "m.onnx"), tmp_path)
    left_out = made.post_processing
    assert {tensor.name: tensor.shape for tensor in left_out.outputs} == {
        "boxes": (1, ANCHORS, 4),
        "scores": (1, 64, 3),
    }
    assert left_out.operators[0] == "TopK" and left_out.model.is_relative_to(made.folder)
    _, outputs = made.references[0]
    finished = run_model(onnx.load(str(left_out.model)), outputs)
    assert np.allclose(finished["dets"], made.expected["dets"], atol=1e-3)


def test_sizes_are_no_outputs_of_ncnn_models(tmp_path):
    made = context(free_size_detector(tmp_path / "m.onnx"), tmp_path)
    assert [value.name for value in made.prepared.clean.read().graph.output] == ["boxes", "best", "side"]
    assert [value.name for value in made.prepared.static.read().graph.output] == ["boxes", "best"]
    assert list(made.ncnn_model.outputs) == ["boxes", "best"]


@pytest.mark.parametrize("build", [query_selection, conv_net])
def test_nothing_changes_for_other_models(tmp_path, build):
    made = context(build(tmp_path / "m.onnx"), tmp_path)
    assert made.cut is None and made.post_processing is None and made.tail_bytes == 0
    model = made.prepared.clean.read()
    assert made.attach_tail(model) is model
    assert list(made.references[0][1]) == list(made.expected)
