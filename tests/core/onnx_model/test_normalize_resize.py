"""Upsample and the first Resize, with the meaning that they had."""

import numpy as np
import pytest
from onnx import numpy_helper

from core.onnx_model.normalize.resize import later_resize
from rewritten import model_of, node, operators, rewritten, unchanged, value

SCALES = {"twice": [1, 1, 2, 2], "uneven": [1, 1, 3, 1.5], "odd": [1, 1, 1.3, 2.6]}


def picture(operator, opset, scales, mode, *, is_input=True):
    sizes = numpy_helper.from_array(np.array(scales, np.float32), "s")
    layer = (
        node(operator, ["r", "s"], ["u"], mode=mode)
        if is_input
        else node(operator, ["r"], ["u"], mode=mode, scales=[float(scale) for scale in scales])
    )
    nodes = [node("Relu", ["x"], ["r"]), layer, node("Relu", ["u"], ["y"])]
    return model_of(
        nodes, [value("x", [1, 3, 7, 8])], [value("y", [None] * 4)], [sizes] if is_input else [], opset=opset
    )


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize(("operator", "opset"), [("Upsample", 7), ("Upsample", 8), ("Upsample", 9), ("Resize", 10)])
def test_the_later_resize_gives_the_same_pixels(operator, opset, mode, scales):
    model = rewritten(picture(operator, opset, scales, mode, is_input=opset > 8), later_resize)
    assert operators(model) == ["Relu", "Resize", "Relu"]
    assert model.opset_import[0].version == 17 and len(model.opset_import) == 1


def test_making_smaller():
    rewritten(picture("Resize", 10, [1, 1, 0.5, 0.4], "nearest"), later_resize)
    rewritten(picture("Resize", 10, [1, 1, 0.5, 0.4], "linear"), later_resize)


def test_a_resize_of_a_later_opset_is_left_alone():
    layer = node("Resize", ["x", "", "s"], ["y"])
    sizes = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "s")
    assert unchanged(model_of([layer], [value("x", [1, 3, 8, 8])], [value("y", [None] * 4)], [sizes]), later_resize)
