import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import SourceError
from core.onnx_model.inspect import inspect

TENSOR = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])


def model(path, node, output, inputs=(TENSOR,), domains=("",)):
    weights = [numpy_helper.from_array(np.float32(1), "w")]
    graph = helper.make_graph([node], "g", list(inputs), [output], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, 17) for domain in domains], ir_version=8)
    path.write_bytes(made.SerializeToString())
    return path


def test_sequences_maps_and_optionals_are_refused_as_outputs(tmp_path):
    element = helper.make_tensor_type_proto(TensorProto.FLOAT, [2])
    mapped = helper.make_map_type_proto(TensorProto.INT64, element)
    for kind in (helper.make_sequence_type_proto(mapped), mapped, helper.make_optional_type_proto(element)):
        output = onnx.ValueInfoProto(name="scores", type=kind)
        path = model(tmp_path / "m.onnx", helper.make_node("Add", ["x", "w"], ["scores"]), output)
        with pytest.raises(SourceError, match="scores") as caught:
            inspect(path)
        assert "zipmap" in str(caught.value.next_step)


@pytest.mark.parametrize(("element", "word"), [(TensorProto.STRING, "text"), (TensorProto.BFLOAT16, "bfloat16")])
def test_strings_and_number_types_that_numpy_lacks_are_named(tmp_path, element, word):
    given = helper.make_tensor_value_info("strange", element, [2])
    path = model(tmp_path / "m.onnx", helper.make_node("Identity", ["x"], ["y"]), TENSOR, inputs=(TENSOR, given))
    with pytest.raises(SourceError, match=word) as caught:
        inspect(path)
    assert "strange" in str(caught.value.reason) and str(caught.value.next_step)


def test_a_model_of_foreign_operators_alone_is_refused(tmp_path):
    node = helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml")
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])
    with pytest.raises(SourceError, match=r"ai\.onnx\.ml"):
        inspect(model(tmp_path / "m.onnx", node, output, domains=("ai.onnx.ml",)))


def test_a_name_that_is_not_utf_8_is_refused(tmp_path):
    named = helper.make_tensor_value_info("strange", TensorProto.FLOAT, [2, 3])
    path = model(tmp_path / "m.onnx", helper.make_node("Identity", ["strange"], ["x"]), TENSOR, inputs=(named,))
    path.write_bytes(path.read_bytes().replace(b"strange", b"stran\xff\xfe"))
    with pytest.raises(SourceError):
        inspect(path)
