"""What onnxruntime's own optimiser writes, spelt out again."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from core.onnx_model.normalize.fused import unfuse
from rewritten import constant, model_of, node, operators, rewritten, unchanged, value

MS = "com.microsoft"


def one(operator, inputs, shapes, output, weights=(), *, opset=13, domain=MS, **attributes):
    layer = node(operator, inputs, ["y"], domain=domain, **attributes)
    given = [value(name, shape) for name, shape in shapes.items()]
    return model_of([layer], given, [value("y", output)], weights, opset=opset, domains=[MS])


@pytest.mark.parametrize("opset", [9, 13])
@pytest.mark.parametrize(
    ("activation", "parameters"),
    [("Relu", None), ("LeakyRelu", [0.3]), ("Clip", [-0.2, 0.4]), ("HardSigmoid", [0.3, 0.4]), ("Tanh", None)],
)
def test_a_fused_convolution(activation, parameters, opset):
    own = {} if parameters is None else {"activation_params": parameters}
    weights = [constant("w", 4, 3, 3, 3), constant("b", 4)]
    model = one(
        "FusedConv", ["x", "w", "b"], {"x": [1, 3, 8, 8]}, [1, 4, 4, 4], weights, opset=opset,
        activation=activation, strides=[2, 2], pads=[1] * 4, **own,
    )  # fmt: skip
    assert operators(rewritten(model, unfuse)) == ["Conv", activation]


def test_a_fused_convolution_with_a_residual_connection():
    weights = [constant("w", 4, 3, 1, 1), constant("b", 4)]
    shapes = {"x": [1, 3, 8, 8], "z": [1, 4, 8, 8]}
    model = one("FusedConv", ["x", "w", "b", "z"], shapes, [1, 4, 8, 8], weights, activation="Relu")
    assert operators(rewritten(model, unfuse)) == ["Conv", "Add", "Relu"]


def test_an_unknown_activation_stays():
    model = one(
        "FusedConv", ["x", "w"], {"x": [1, 3, 8, 8]}, [1, 4, 8, 8], [constant("w", 4, 3, 1, 1)], activation="No"
    )
    assert unchanged(model, unfuse)


@pytest.mark.parametrize(("activation", "own"), [("Relu", {}), ("LeakyRelu", {"activation_alpha": 0.2})])
def test_a_fused_gemm(activation, own):
    weights = [constant("w", 5, 4), constant("b", 5)]
    model = one(
        "FusedGemm", ["x", "w", "b"], {"x": [2, 4]}, [2, 5], weights,
        transB=1, alpha=0.5, beta=2.0, activation=activation, **own,
    )  # fmt: skip
    assert operators(rewritten(model, unfuse)) == ["Gemm", activation]


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("alpha", [1.0, 0.125])
@pytest.mark.parametrize("is_constant", [False, True])
def test_a_fused_matrix_product(trans_a, trans_b, alpha, is_constant):
    a, b = ([2, 4, 3] if trans_a else [2, 3, 4]), ([2, 5, 4] if trans_b else [2, 4, 5])
    shapes = {"a": a} if is_constant else {"a": a, "b": b}
    weights = [constant("b", *b)] if is_constant else []
    model = one("FusedMatMul", ["a", "b"], shapes, [2, 3, 5], weights, transA=trans_a, transB=trans_b, alpha=alpha)
    made = operators(rewritten(model, unfuse))
    assert made.count("Transpose") == trans_a + trans_b and ("Mul" in made) == (alpha != 1)


def test_ranks_are_known_behind_what_was_spelt_out():
    nodes = [
        node("Gelu", ["a"], ["g"], domain=MS),
        node("FusedMatMul", ["g", "g"], ["y"], domain=MS, transB=1),
    ]
    model = model_of(nodes, [value("a", [2, 3, 4])], [value("y", [2, 3, 3])], domains=[MS])
    assert not any(name.startswith(MS) for name in operators(rewritten(model, unfuse)))


@pytest.mark.parametrize("operator", ["Gelu", "FastGelu", "QuickGelu", "BiasGelu"])
def test_activations(operator):
    inputs = ["x", "b"] if operator == "BiasGelu" else ["x"]
    model = one(operator, inputs, {"x": [2, 6]}, [2, 6], [constant("b", 6)] if "b" in inputs else [])
    assert not any(name.startswith(MS) for name in operators(rewritten(model, unfuse)))


@pytest.mark.parametrize("opset", [11, 13, 17])
def test_normalisations_of_a_sum(opset):
    weights = [constant("g", 6), constant("h", 6, seed=1), constant("b", 6, seed=2)]
    model = one("SkipLayerNormalization", ["x", "s", "g", "h", "b"], {"x": [2, 3, 6], "s": [2, 3, 6]}, [2, 3, 6],
                weights, opset=opset, epsilon=1e-5)  # fmt: skip
    assert operators(rewritten(model, unfuse)) == ["Add", "Add", "LayerNormalization"]


def test_the_sum_itself_may_be_an_output():
    layer = node("SkipLayerNormalization", ["x", "s", "g", "h"], ["y", "", "", "sum"], domain=MS)
    given = [value("x", [2, 3, 6]), value("s", [2, 3, 6])]
    outputs = [value("y", [2, 3, 6]), value("sum", [2, 3, 6])]
    weights = [constant("g", 6), constant("h", 6, seed=1)]
    rewritten(model_of([layer], given, outputs, weights, domains=[MS]), unfuse)


@pytest.mark.parametrize("opset", [13, 18])
def test_the_normalisation_without_a_mean(opset):
    inputs, weights = ["x", "s", "g"], [constant("g", 6)]
    shapes = {"x": [2, 3, 6], "s": [2, 3, 6]}
    model = one("SkipSimplifiedLayerNormalization", inputs, shapes, [2, 3, 6], weights, opset=opset, epsilon=1e-5)
    assert not any("Simplified" in name for name in operators(rewritten(model, unfuse)))


def test_a_transformer_that_onnxruntime_saved_itself(tmp_path):
    """Gelu and LayerNormalization in single steps, which its optimiser fuses at level 2."""
    half = numpy_helper.from_array(np.float32(0.5), "half")
    numbers = [numpy_helper.from_array(np.float32(number), name) for name, number in
               (("root", np.sqrt(2)), ("one", 1), ("two", 2), ("eps", 1e-5))]  # fmt: skip
    nodes = [
        node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", "b"], ["a"]),
        node("Div", ["a", "root"], ["d"]), node("Erf", ["d"], ["e"]), node("Add", ["e", "one"], ["e1"]),
        node("Mul", ["a", "e1"], ["p"]), node("Mul", ["p", "half"], ["g"]),
        node("Add", ["g", "x"], ["r"]), node("ReduceMean", ["r"], ["mean"], axes=[-1]),
        node("Sub", ["r", "mean"], ["c"]), node("Pow", ["c", "two"], ["sq"]),
        node("ReduceMean", ["sq"], ["var"], axes=[-1]), node("Add", ["var", "eps"], ["ve"]),
        node("Sqrt", ["ve"], ["sd"]), node("Div", ["c", "sd"], ["n"]),
        node("Mul", ["n", "gamma"], ["ng"]), node("Add", ["ng", "beta"], ["y"]),
    ]  # fmt: skip
    weights = [constant("w", 8, 8), constant("b", 8), constant("gamma", 8), constant("beta", 8, seed=1), half, *numbers]
    model = model_of(nodes, [value("x", [1, 3, 8])], [value("y", [1, 3, 8])], weights, opset=13)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "saved.onnx")
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    saved = onnx.load(str(tmp_path / "saved.onnx"))
    assert any(name.startswith(MS) for name in operators(saved))
    made = rewritten(saved, unfuse)
    assert not any(name.startswith(MS) for name in operators(made))
    assert [entry.domain for entry in made.opset_import] == [""]
    onnx.checker.check_model(made)
