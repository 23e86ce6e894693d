import numpy as np
import onnx
import pytest
from onnx import helper

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.inputs.images import read_folder, split
from core.onnx_model.inline_functions import inline_functions
from core.onnx_model.inspect import inspect
from core.targets import target_by_id
from small import PREPROCESSING, conv_net, pictures


@pytest.fixture
def with_function(tmp_path):
    """The last two nodes of a small network as a function, as PyTorch's newer exporter writes a module."""
    path = conv_net(tmp_path / "net.onnx", opset=17)
    model = onnx.load(str(path))
    *first, flatten, gemm = model.graph.node
    opset = helper.make_opsetid("", 17)
    function = helper.make_function("pkg", "Head", ["p", "wf", "bf"], ["scores"], [flatten, gemm], [opset])
    call = helper.make_node("Head", ["p", "wf", "bf"], ["scores"], domain="pkg")
    nodes = [*first, call]
    graph = helper.make_graph(
        nodes, "g", list(model.graph.input), list(model.graph.output), list(model.graph.initializer)
    )
    opsets = [opset, helper.make_opsetid("pkg", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=[function], ir_version=8), str(path))
    return path


def test_a_function_is_inspected_as_its_nodes(with_function):
    source = inspect(with_function)
    assert source.operators["Gemm"] == 1 and not source.foreign_operators
    plain = conv_net(with_function.with_name("plain.onnx"))
    assert inline_functions(onnx.load(str(plain))) == onnx.load(str(plain))


@pytest.mark.parametrize("target", ["onnx_fp16", "onnx_quan_dy", "onnx_quan_st", "ncnn"])
def test_every_kind_of_target_is_made_of_it(with_function, tmp_path, target):
    (tmp_path / "work").mkdir()
    parts = split(read_folder(pictures(tmp_path / "images", 6)))
    context = ConversionContext(inspect(with_function), PREPROCESSING, split=parts, folder=tmp_path / "work")
    artifact = target_by_id(target).make(context, tmp_path, silent)
    assert all(file.stat().st_size for file in artifact.files)
    if target.startswith("onnx"):
        assert not onnx.load(str(artifact.files[0])).functions and np.isfinite(context.expected["scores"]).all()
