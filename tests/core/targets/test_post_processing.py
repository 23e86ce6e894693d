"""All targets of models that end in a post-processing: heads of a fixed order, and the source's boxes at the end."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import TargetRefused
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import read_folder, split
from core.onnx_model.inspect import inspect
from core.preflight.preflight import check_targets
from core.runtimes.onnx import OnnxPredictor
from core.targets import TARGETS
from core.targets.ncnn_target import refuse_unsupported
from detectors import free_size_detector, query_selection, ssd, topk_detector, torchvision_detector
from small import PREPROCESSING, pictures

BUILDERS = [topk_detector, ssd, torchvision_detector]


@pytest.fixture(scope="module", params=BUILDERS, ids=lambda build: build.__name__)
def context(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.__name__)
    parts = split(read_folder(pictures(folder / "pictures", 12)))
    return ConversionContext(
        inspect(request.param(folder / "m.onnx")), PREPROCESSING, split=parts, folder=folder / "work"
    )


def detections(outputs):
    """Rows of corners, score and class."""
    if "dets" in outputs:
        return outputs["dets"][0]
    boxes, scores, labels = (outputs[f"found_{name}"] for name in ("boxes", "scores", "labels"))
    return np.column_stack([boxes, scores, labels])


def share_found(expected, found):
    """Share of the expected boxes for which there is one of the same class with IoU above 0.5."""
    lower = np.maximum(expected[:, None, :2], found[None, :, :2])
    upper = np.minimum(expected[:, None, 2:4], found[None, :, 2:4])
    common = np.prod(np.clip(upper - lower, 0, None), axis=2)
    areas = [np.prod(each[:, 2:4] - each[:, :2], axis=1) for each in (expected, found)]
    overlap = common / (areas[0][:, None] + areas[1][None] - common)
    is_same = expected[:, None, 5] == found[None, :, 5]
    return np.mean((is_same & (overlap > 0.5)).any(axis=1))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_its_files_give_the_sources_boxes(target, context, tmp_path):
    artifact = target.make(context, tmp_path, silent)
    predictor, source = target.open(artifact, context.expected, threads=1), OnnxPredictor(context.source.path)
    assert predictor.outputs == source.outputs
    shares = []
    for sample in context.test_samples():
        outputs, expected = predictor.run(sample.feeds), source.run(sample.feeds)
        assert list(outputs) == list(expected)
        assert all(outputs[name].dtype == expected[name].dtype for name in expected)
        shares.append(share_found(detections(expected), detections(outputs)))
    assert np.mean(shares) > (0.8 if "quan" in target.id else 0.95), shares


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_a_note_says_what_became_of_the_end(target, context, tmp_path):
    artifact = target.make(context, tmp_path, silent)
    (note,) = (str(note) for note in artifact.notes if "The end of the model" in str(note))
    operator = context.cut.operators[0]
    assert operator in note
    if target.format.name == "ncnn":
        names = [tensor.name for tensor in context.cut.boundary]
        assert "is left out" in note and all(name in note for name in names)
        assert list(artifact.outputs) == names and artifact.cut == context.post_processing
    else:
        assert "stays in 32 bit" in note and artifact.cut is None


def test_onnx_files_have_the_tail_as_it_was(context, tmp_path):
    for target in TARGETS[:3]:
        (file,) = target.make(context, tmp_path, silent).files
        made = [node.op_type for node in onnx.load(str(file)).graph.node]
        assert made[-len(context.cut.tail.graph.node) :] == [node.op_type for node in context.cut.tail.graph.node]


def test_a_model_of_free_sizes_comes_out_in_every_target(tmp_path):
    source = inspect(free_size_detector(tmp_path / "m.onnx"))
    parts = split(read_folder(pictures(tmp_path / "pictures", 6)))
    context = ConversionContext(source, PREPROCESSING, split=parts, folder=tmp_path / "work")
    for target in TARGETS:
        artifact = target.make(context, tmp_path, silent)
        outputs = target.open(artifact, context.expected, threads=1).run(context.example.feeds)
        assert outputs["found"].shape == context.expected["found"].shape == (1, 16, 4)


@pytest.mark.parametrize("build", BUILDERS)
def test_what_can_be_cut_off_is_not_refused_before_anything_runs(tmp_path, build):
    source = inspect(build(tmp_path / "m.onnx"))
    refuse_unsupported(source)
    for result in check_targets(source, targets=["ncnn", "ncnn_fp16"]):
        assert result.status != "cannot" and not [note for note in result.notes if "operators" in str(note)]


def test_what_is_picked_in_the_middle_is_noted_as_before(tmp_path):
    (result,) = check_targets(inspect(query_selection(tmp_path / "m.onnx")), targets=["ncnn"])
    (note,) = [note for note in map(str, result.notes) if "operators" in note]
    assert "GatherElements (" in note and "TopK (" in note


def test_suppression_before_weights_is_refused_as_before(tmp_path):
    model = onnx.load(str(ssd(tmp_path / "m.onnx")))
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 40), np.float32), "decoder"))
    model.graph.node.append(helper.make_node("MatMul", ["found_boxes", "decoder"], ["decoded"]))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("decoded", TensorProto.FLOAT, ["n", 40]))
    onnx.save(model, str(tmp_path / "decoder.onnx"))
    with pytest.raises(TargetRefused, match="NonMaxSuppression"):
        refuse_unsupported(inspect(tmp_path / "decoder.onnx"))
