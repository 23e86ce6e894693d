import numpy as np
import pytest

from core.common.errors import ConversionError
from core.evaluation import latency as module
from core.evaluation.latency import measure_latency
from core.runtimes.onnx import OnnxPredictor
from small import SIZE, conv_net

FEEDS = {"input": np.zeros((1, 3, SIZE, SIZE), np.float32)}


@pytest.fixture
def opened(tmp_path):
    """Opens the model, and records the number of threads, the runs and the closing of each predictor."""
    path, predictors = conv_net(tmp_path / "net.onnx"), []

    class Recorded(OnnxPredictor):
        def __init__(self, *, threads):
            super().__init__(path, threads=threads)
            self.threads, self.runs, self.closed = threads, 0, False
            predictors.append(self)

        def run(self, feeds):
            self.runs += 1
            return super().run(feeds)

        def close(self):
            self.closed = True
            super().close()

    return Recorded, predictors


def test_it_is_timed_with_one_thread_and_with_all(opened):
    open_predictor, predictors = opened
    measured = measure_latency(open_predictor, FEEDS)
    assert [one.threads for one in predictors] == [1, measured.threads]
    assert 0 < measured.median_one_thread <= measured.p95_one_thread
    assert 0 < measured.median_all_threads <= measured.p95_all_threads
    assert all(one.closed and 4 <= one.runs <= 33 for one in predictors)


def test_a_slow_model_is_run_once_after_warming_up(opened, monkeypatch):
    monkeypatch.setattr(module, "_MAX_SECONDS", 0.0)
    open_predictor, predictors = opened
    measure_latency(open_predictor, FEEDS)
    assert [one.runs for one in predictors] == [4, 4]


def test_a_model_that_fails_is_closed(opened):
    open_predictor, predictors = opened
    with pytest.raises(ConversionError):
        measure_latency(open_predictor, {"input": np.zeros((1, 3, 5, 5), np.float32)})
    assert predictors[0].closed
