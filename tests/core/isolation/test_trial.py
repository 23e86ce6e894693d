import numpy as np
import onnx
import pytest

from core.isolation.trial import agrees, measure_similarity
from core.runtimes.onnx import OnnxPredictor
from small import SIZE, conv_net, scale_scores


@pytest.fixture
def path(tmp_path):
    return conv_net(tmp_path / "net.onnx")


@pytest.fixture
def model(path):
    return onnx.load(str(path))


@pytest.fixture
def references(model):
    random = np.random.default_rng(0)
    feeds = [{"input": random.standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)} for _ in range(3)]
    predictor = OnnxPredictor(model, threads=1)
    return [(one, predictor.run(one)) for one in feeds]


def test_the_same_model_does_not_differ(model, references):
    (difference,) = measure_similarity(model, references)
    assert difference.name == "scores" and difference.largest == 0
    assert agrees(model, references, least=0.9999)


def test_another_model_differs(path, references, tmp_path):
    negated = onnx.load(str(scale_scores(path, -1, tmp_path / "other.onnx")))
    (difference,) = measure_similarity(negated, references)
    assert difference.cosine == pytest.approx(-1) and not agrees(negated, references, least=0.9)


@pytest.mark.parametrize("factor", [np.inf, np.nan])
def test_outputs_that_are_not_finite_cannot_be_compared(path, references, factor, tmp_path):
    other = onnx.load(str(scale_scores(path, factor, tmp_path / "other.onnx")))
    assert measure_similarity(other, references) is None and not agrees(other, references, least=0.0)


def test_neither_can_outputs_of_another_shape(model, references, tmp_path):
    other = onnx.load(str(conv_net(tmp_path / "other.onnx", classes=7)))
    assert measure_similarity(other, references) is None


def test_neither_can_a_model_that_does_not_load_or_run(model, references, tmp_path):
    other_size = onnx.load(str(conv_net(tmp_path / "other.onnx", size=2 * SIZE)))
    assert measure_similarity(other_size, references) is None
    model.graph.node[0].op_type = "NoSuchOperator"
    assert measure_similarity(model, references) is None
