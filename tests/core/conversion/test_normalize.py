"""The source in plain ONNX: what is applied, what is told, and what is left out."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from core.conversion import normalize
from core.conversion.normalize import normalize_source
from core.conversion.prepare import run_source
from core.onnx_model.normalize.edit import without_unused_inputs
from core.onnx_model.normalize.table import Rewrite
from rewritten import constant, graph_of, model_of, node, operators, scalar, value
from small import conv_net


def normalized(tmp_path, model, feeds, **options):
    path = tmp_path / "m.onnx"
    onnx.save(model, str(path))
    return normalize_source(path, feeds, run_source(path, feeds), folder=tmp_path, **options)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def branches(*operators):
    return {
        f"{name}_branch": graph_of([node(operator, ["x"], [name])], [value(name, None)])
        for name, operator in zip(("then", "else"), operators, strict=True)
    }


def test_a_plain_model_stays_as_it_is_and_nothing_is_told(tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    feeds = {"input": random(1, 3, 32, 32)}
    found = normalize_source(path, feeds, run_source(path, feeds), folder=tmp_path)
    assert found.model.read().graph == onnx.load(str(path)).graph and found.is_exact and not found.notes


@pytest.mark.parametrize(
    ("kind", "dtype", "bits"), [(TensorProto.FLOAT16, np.float16, "16"), (TensorProto.DOUBLE, np.float64, "64")]
)
def test_other_floats_become_32_bit_and_that_is_told(tmp_path, kind, dtype, bits):
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    model = model_of(nodes, [value("x", [1, 4], kind)], [value("y", [1, 5], kind)], [constant("w", 4, 5, dtype=dtype)])
    found = normalized(tmp_path, model, {"x": random(1, 4)})
    assert bits in str(found.notes[0]) and found.is_exact == (bits == "64")
    assert found.model.read().graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_a_branch_on_the_batch_fixes_it_to_one(tmp_path):
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Equal", ["n", "one"], ["flag"]),
        node("If", ["flag"], ["y"], **branches("Exp", "Neg")),
    ]
    weights = [scalar("zero", 0), scalar("one", 1)]
    model = model_of(nodes, [value("x", ["n", 4])], [value("y", ["n", 4])], weights)
    found = normalized(tmp_path, model, {"x": random(1, 4)})
    assert "Exp" in operators(found.model.read()) and "If" not in operators(found.model.read())
    assert found.model.read().graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1 and "fixed to 1" in str(
        found.notes
    )


def test_a_branch_on_a_given_input_is_decided_by_it(tmp_path):
    nodes = [node("Equal", ["rate", "r"], ["flag"]), node("If", ["flag"], ["y"], **branches("Exp", "Neg"))]
    inputs = [value("x", ["n", 4]), value("rate", [], TensorProto.INT64)]
    model = model_of(nodes, inputs, [value("y", ["n", 4])], [scalar("r", 16000)])
    given = {"rate": np.array(8000)}
    found = normalized(tmp_path, model, {"x": random(1, 4), **given}, given=given)
    assert "Neg" in operators(found.model.read()) and "rate" in str(found.notes[0])
    assert [one.name for one in found.model.read().graph.input] == ["x", "rate"]


def test_only_what_changes_the_outputs_or_fails_is_left_out(tmp_path, monkeypatch):
    def wrong(model):
        model.graph.node[0].op_type = "Exp"
        return True

    def failing(model):
        model.graph.node[0].op_type = "Unheard"
        raise IndexError

    def right(model):
        model.graph.node[0].name = "renamed"
        return True

    monkeypatch.setattr(normalize, "REWRITES", tuple(map(Rewrite, (wrong, right, failing))))
    model = model_of([node("Neg", ["x"], ["y"])], [value("x", [1, 4])], [value("y", [1, 4])])
    found = normalized(tmp_path, model, {"x": random(1, 4)})
    assert found.model.read().graph.node[0].op_type == "Neg" and found.model.read().graph.node[0].name == "renamed"


def test_an_input_that_decided_a_branch_is_not_given_to_pnnx():
    model = model_of([node("Relu", ["x"], ["y"])], [value("x", [1]), value("rate", [])], [value("y", [1])])
    assert [one.name for one in without_unused_inputs(model).graph.input] == ["x"]
    assert len(model.graph.input) == 2
