import numpy as np

from core.quantization.ncnn.outputs import run_model
from core.runtimes.ncnn import NcnnPredictor
from ncnn_small import model


def test_outputs_come_sample_by_sample_and_outlive_the_model():
    feeds = [{"x0": np.random.default_rng(seed).standard_normal((1, 3, 12, 12)).astype(np.float32)} for seed in (1, 2)]
    outputs = run_model(model(), feeds)
    predictor = NcnnPredictor(model(), {"y0": np.zeros((1, 4), np.float32)}, threads=1)
    expected = [predictor.run(sample)["y0"].ravel() for sample in feeds]
    assert len(outputs) == 2 and not np.array_equal(outputs[0], outputs[1])
    assert all(np.array_equal(one.ravel(), other) for one, other in zip(outputs, expected, strict=True))
