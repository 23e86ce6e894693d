import gc

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from core.conversion.slim import slim


def test_nothing_is_left_of_a_graph_that_patterns_have_matched():
    """The patterns are private to onnxslim: this notices where a new version remembers in another way."""
    from onnxslim.third_party.onnx_graphsurgeon import Constant

    value = helper.make_tensor_value_info
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)
        for name, shape in {"w": (4, 3, 3, 3), "scale": (4,), "bias": (4,), "mean": (4,)}.items()
    ]
    weights.append(numpy_helper.from_array(np.ones(4, np.float32), "variance"))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "scale", "bias", "mean", "variance"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, [1, 3, 8, 8])], [value("y", TensorProto.FLOAT, None)], weights
    )
    slimmed = slim(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
    assert [node.op_type for node in slimmed.graph.node] == ["Conv"]
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, Constant)]
