import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from core.onnx_model.links import Links
from detectors import torchvision_detector


@pytest.fixture
def links():
    """A diamond: x -> a -> (b, c) -> d."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Neg", ["a"], ["b"]),
        helper.make_node("Abs", ["a"], ["c"]),
        helper.make_node("Add", ["b", "c"], ["d"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xd"]
    return Links(helper.make_graph(nodes, "diamond", values[:1], values[1:]))


def test_ancestors_end_at_the_tensors_that_are_given(links):
    assert links.ancestors(["d"]) == {0, 1, 2, 3}
    assert links.ancestors(["d"], stop=["b"]) == {0, 2, 3}
    assert links.ancestors(["d"], stop=["b", "c"]) == {3}
    assert links.ancestors(["x"]) == links.ancestors(["d"], stop=["d"]) == set()


def test_descendants_include_the_nodes_themselves(links):
    assert links.descendants([1]) == {1, 3} and links.descendants([0]) == {0, 1, 2, 3}


def test_a_node_reads_what_its_branches_read(tmp_path):
    model = onnx.load(str(torchvision_detector(tmp_path / "m.onnx")))
    links = Links(model.graph)
    (branch,) = np.flatnonzero([node.op_type == "If" for node in model.graph.node])
    assert {"is_none", "sure_boxes", "sure_scores"} <= set(links.reads[branch])
    assert branch in links.descendants([links.producers["sure_boxes"]])
