"""Models for tests of rewrites, and the comparison with what they gave before."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from core.onnx_model.graph import all_nodes, copy_model
from core.onnx_model.normalize.edit import drop_unused
from core.runtimes.onnx import OnnxPredictor


def constant(name, *shape, dtype=np.float32, seed=0):
    return numpy_helper.from_array(np.random.default_rng(seed).standard_normal(shape).astype(dtype), name)


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(nodes, inputs, outputs, weights=(), *, opset=17, domains=()):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def operators(model):
    return [f"{node.domain}::{node.op_type}" if node.domain else node.op_type for node in all_nodes(model.graph)]


def rewritten(model, rewrite, *, shapes=None, atol=1e-5, samples=3, feeds=None):
    """The model after the rewrite, which must change it and keep its outputs on several inputs."""
    changed = copy_model(model)
    assert rewrite(changed)
    drop_unused(changed)
    before, after = OnnxPredictor(model, optimize=False), OnnxPredictor(changed, optimize=False)
    for seed in range(samples):
        random = np.random.default_rng(seed)
        given = {
            one.name: random.standard_normal(
                (shapes or {}).get(one.name) or [dim.dim_value for dim in one.type.tensor_type.shape.dim]
            )
            for one in model.graph.input
        }
        given.update(feeds or {})
        expected, made = before.run(given), after.run(given)
        assert list(made) == list(expected)
        for name, tensor in expected.items():
            assert made[name].shape == tensor.shape
            assert np.allclose(made[name], tensor.astype(made[name].dtype), atol=atol, rtol=1e-5), name
    return changed


def unchanged(model, rewrite):
    """Whether the rewrite leaves the model alone."""
    copy = copy_model(model)
    return not rewrite(copy) and copy == model


def node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs, outputs, **attributes)


def graph_of(nodes, outputs, inputs=(), weights=()):
    return helper.make_graph(nodes, "inner", list(inputs), list(outputs), list(weights))


def scalar(name, number, dtype=np.int64):
    return numpy_helper.from_array(np.array(number, dtype), name)
