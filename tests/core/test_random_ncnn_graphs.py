"""Random graphs in ncnn come out right or are explained; benchmarks/random_graphs.py tries thousands."""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

from core.runtimes.onnx import OnnxPredictor
from ncnn_graphs import LAYERS, build, random_feeds
from ncnn_outcomes import NO_GRAPH, RIGHT, WRONG, check, try_many

GRAPHS = 60


def test_random_graphs_come_out_right_or_are_explained():
    outcomes = list(try_many([(seed, None) for seed in range(GRAPHS)]))
    bad = [outcome for outcome in outcomes if outcome.is_bad]
    assert not bad, bad
    assert len({outcome.case for outcome in outcomes}) == GRAPHS
    for target in ("ncnn", "ncnn_fp16"):
        right = sum(outcome.target == target and outcome.status == RIGHT for outcome in outcomes)
        assert right >= GRAPHS / 3, (target, right)
    assert all(outcome.reason for outcome in outcomes if outcome.status not in (RIGHT, NO_GRAPH))


def test_a_file_that_gives_other_numbers_is_found(tmp_path):
    graph = build(6)
    path = tmp_path / "source.onnx"
    onnx.save(graph.model, path)
    assert check(OnnxPredictor(path), path, graph.model, "ncnn")[0] == RIGHT
    changed = onnx.load(str(path))
    for weight in changed.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT:
            other = numpy_helper.to_array(weight) * np.float32(-0.5)
            weight.CopyFrom(numpy_helper.from_array(np.asarray(other, np.float32), weight.name))
    assert check(OnnxPredictor(changed), path, graph.model, "ncnn")[0] == WRONG


def test_every_layer_occurs_and_nearly_every_graph_runs():
    graphs = [build(seed) for seed in range(600)]
    assert {layer for graph in graphs for layer in graph.layers} == set(LAYERS)
    running = sum(_runs(graph.model) for graph in graphs[:100])
    assert running > 90, running


def test_a_shortened_graph_is_the_beginning_of_the_whole():
    assert build(8, layers=2).layers == build(8).layers[:2]


def _runs(model) -> bool:
    try:
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        session.run(None, random_feeds(model, np.random.default_rng(0)))
    except Exception:  # noqa: BLE001 - onnxruntime has no common error
        return False
    return True
