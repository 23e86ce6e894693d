import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import SampleCounts, read_folder, split
from core.onnx_model.inspect import inspect
from core.preflight.preflight import check_targets
from core.targets import TARGET_IDS, target_by_id
from small import PREPROCESSING, conv_net, pictures, save


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def weight(name, *shape, dtype=np.float32):
    return numpy_helper.from_array(np.ones(shape, dtype), name)


def by_target(source, **options):
    return {result.target: result for result in check_targets(source, **options)}


def test_an_ordinary_model_works_everywhere(tmp_path):
    found = check_targets(inspect(conv_net(tmp_path / "net.onnx")))
    assert [(one.target, one.status) for one in found] == [(target, "works") for target in TARGET_IDS]


def test_only_the_asked_targets_are_checked(tmp_path):
    (one,) = check_targets(inspect(conv_net(tmp_path / "net.onnx")), targets=["ncnn"])
    assert one.target == "ncnn"


def test_without_examples_the_calibrated_targets_cannot(tmp_path):
    found = by_target(inspect(conv_net(tmp_path / "net.onnx")), samples=SampleCounts(0, 20))
    assert {target for target, one in found.items() if one.status == "cannot"} == {"onnx_quan_st", "ncnn_quan"}


@pytest.mark.parametrize("kind", ["quantised", "fp16"])
def test_a_reduced_model_cannot_be_reduced(tmp_path, kind):
    dtype, onnx_type = (np.float16, TensorProto.FLOAT16) if kind == "fp16" else (np.float32, TensorProto.FLOAT)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    if kind == "quantised":
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "s"], ["d"]),
            helper.make_node("MatMul", ["d", "w"], ["y"]),
        ]
    path = save(
        nodes,
        [value("x", [1, 8], onnx_type)],
        [value("y", [1, 99], onnx_type)],
        [weight("w", 8, 99, dtype=dtype), weight("s")],
        tmp_path / "m.onnx",
    )
    for one in check_targets(inspect(path)):
        is_refused = kind == "quantised" or one.target == "onnx_fp16"
        assert (one.status == "cannot") == is_refused == (one.reason is not None)


def test_branches_and_other_inputs_are_noted(tmp_path):
    branch = {
        name: helper.make_graph([helper.make_node(kind, ["x"], [name])], name, [], [value(name, [1, 8])])
        for name, kind in (("then", "Neg"), ("else", "Abs"))
    }
    path = save(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("If", ["flag"], ["y"], then_branch=branch["then"], else_branch=branch["else"]),
            helper.make_node("Identity", ["h"], ["z"]),
        ],
        [value("x", [1, 8]), value("flag", [], TensorProto.BOOL)],
        [value("y", [1, 8]), value("z", [1, 99])],
        [weight("w", 8, 99)],
        tmp_path / "m.onnx",
    )
    found = by_target(inspect(path))
    assert found["ncnn"].status == "cannot" and "If" in str(found["ncnn"].reason)
    assert found["onnx_fp16"].status == "note" and len(found["onnx_fp16"].notes) == 2


def test_free_sizes_and_doubtful_operators_are_noted_for_ncnn(tmp_path):
    path = save(
        [helper.make_node("Add", ["x", "w"], ["h"]), helper.make_node("TopK", ["h", "k"], ["v", "y"], axis=1)],
        [value("x", ["N", 3, 32, 32])],
        [value("y", ["N", 1, 32, 32], TensorProto.INT64)],
        [weight("w", 3, 32, 32), numpy_helper.from_array(np.array([1]), "k")],
        tmp_path / "m.onnx",
    )
    found = by_target(inspect(path))
    assert len(found["ncnn"].notes) == 2 and "TopK" in str(found["ncnn"].notes[0])


def test_the_estimated_size_is_near_the_real_one(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx", classes=2000))
    (tmp_path / "work").mkdir()
    parts = split(read_folder(pictures(tmp_path / "p", 4)))
    context = ConversionContext(source, PREPROCESSING, split=parts, folder=tmp_path / "work")
    for one in check_targets(source):
        made = target_by_id(one.target).make(context, tmp_path, silent).size_bytes
        assert made == pytest.approx(one.size_bytes, rel=0.3), one.target
    assert [one.target for one in check_targets(source)] == list(TARGET_IDS)


def test_what_draws_random_numbers_cannot_be_compared(tmp_path):
    path = save(
        [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("MatMul", ["r", "w"], ["y"])],
        [value("x", [4, 64])],
        [value("y", [4, 64])],
        [weight("w", 64, 64)],
        tmp_path / "m.onnx",
    )
    for target in ("onnx_fp16", "onnx_quan_dy", "ncnn"):
        assert "RandomNormalLike" in str(by_target(inspect(path))[target].reason)


def test_without_weights_there_is_nothing_to_make(tmp_path):
    values = [value(name, [64, 64]) for name in "xy"]
    path = save([helper.make_node("MatMul", ["x", "x"], ["y"])], values[:1], values[1:], [], tmp_path / "m.onnx")
    for target in ("onnx_fp16", "onnx_quan_dy"):
        result = by_target(inspect(path))[target]
        assert result.status == "cannot" and "no weights" in str(result.reason) and result.next_step


def test_weights_in_another_file_need_not_be_read(tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    onnx.save(onnx.load(str(path)), str(path), save_as_external_data=True, location="net.data", size_threshold=0)
    assert {result.status for result in check_targets(inspect(path))} == {"works"}
