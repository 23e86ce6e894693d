"""The interface that all targets implement; each test runs once for each of them."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import TargetRefused
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import read_folder, split
from core.onnx_model.inspect import inspect
from core.runtimes.predictor import all_finite
from core.targets import TARGET_IDS, TARGETS
from small import PREPROCESSING, conv_net, pictures, save

every_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)


@pytest.fixture
def context(tmp_path):
    source = inspect(conv_net(tmp_path / "我的 net.onnx", opset=11))
    parts = split(read_folder(pictures(tmp_path / "pictures", 12)))
    folder = tmp_path / "work"
    folder.mkdir()
    return ConversionContext(source, PREPROCESSING, split=parts, folder=folder)


def test_the_ids_are_the_ones_that_commands_know():
    assert tuple(target.id for target in TARGETS) == TARGET_IDS


@every_target
def test_it_makes_the_files_that_file_names_lists(target, context, tmp_path):
    artifact = target.make(context, tmp_path, silent)
    assert tuple(file.name for file in artifact.files) == target.file_names("我的 net")
    assert all(file.stat().st_size > 0 for file in artifact.files)


@every_target
def test_its_files_compute_what_the_source_does(target, context, tmp_path):
    artifact = target.make(context, tmp_path, silent)
    predictor = target.open(artifact, context.expected, threads=1)
    outputs = predictor.run(context.example.feeds)
    assert list(outputs) == list(context.expected) and all_finite(outputs)
    for name, expected in context.expected.items():
        assert outputs[name].shape == expected.shape
        cosine = float(np.vdot(outputs[name], expected) / np.linalg.norm(outputs[name]) / np.linalg.norm(expected))
        assert cosine >= max(target.least_cosine, 0.98)


@every_target
def test_its_title_and_sentence_exist_in_both_languages(target):
    for text in (target.title, target.sentence):
        assert str(text) and text.in_language("zh") != str(text)


@every_target
def test_it_refuses_a_model_that_is_already_reduced(target, tmp_path):
    quantized = save(
        [
            helper.make_node("DequantizeLinear", ["w", "s"], ["d"]),
            helper.make_node("MatMul", ["x", "d"], ["y"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(np.ones((3, 4), np.int8), "w"), numpy_helper.from_array(np.float32(0.1), "s")],
        tmp_path / "quantized.onnx",
    )
    with pytest.raises(TargetRefused) as caught:
        target.check(inspect(quantized))
    assert str(caught.value.next_step)


@every_target
def test_it_leaves_the_shared_model_as_it_was(target, context, tmp_path):
    """onnxruntime's quantizers write into the model they are given; the next target must not get that."""
    before = context.prepared.clean.read().SerializeToString()
    target.make(context, tmp_path, silent)
    assert context.prepared.clean.read().SerializeToString() == before


@every_target
def test_it_leaves_the_source_as_it_was(target, context, tmp_path):
    before = context.source.path.read_bytes()
    target.make(context, tmp_path, silent)
    assert context.source.path.read_bytes() == before


def test_8_bit_files_are_small_and_16_bit_files_are_half(tmp_path):
    """On a network whose weights outweigh the description of its graph."""
    source = inspect(conv_net(tmp_path / "net.onnx", classes=2000))
    folder = tmp_path / "work"
    folder.mkdir()
    context = ConversionContext(
        source, PREPROCESSING, split=split(read_folder(pictures(tmp_path / "p", 4))), folder=folder
    )
    shares = {target.id: target.make(context, tmp_path, silent).size_bytes / source.size_bytes for target in TARGETS}
    for target, share in shares.items():
        assert share < (0.35 if "quan" in target else 0.55 if "fp16" in target else 1.05), (target, share)


def test_dynamic_files_keep_convolutions_fast(context, tmp_path):
    """No ConvInteger, and nothing that onnxruntime would dequantise in every run."""
    target = next(target for target in TARGETS if target.id == "onnx_quan_dy")
    model = onnx.load(str(target.make(context, tmp_path, silent).files[0]))
    assert not {"ConvInteger", "DequantizeLinear"} & {node.op_type for node in model.graph.node}
    assert any(tensor.data_type == TensorProto.INT8 and len(tensor.dims) == 4 for tensor in model.graph.initializer)


def test_layers_in_branches_are_refused_where_ranges_have_to_be_measured_inside(tmp_path):
    branch = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 3])],
    )
    source = save(
        [
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Cast", ["sum"], ["yes"], to=TensorProto.BOOL),
            helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(np.ones((3, 3), np.float32), "w")],
        tmp_path / "branches.onnx",
    )
    for target in TARGETS:
        if target.id in ("onnx_quan_st", "ncnn", "ncnn_fp16", "ncnn_quan"):
            with pytest.raises(TargetRefused, match="If"):
                target.check(inspect(source))
