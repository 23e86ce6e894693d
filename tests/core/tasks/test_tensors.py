import numpy as np

from core.preprocessing import Placement
from core.tasks.predictions import NoPrediction
from core.tasks.tensors import Tensors


def test_nothing_is_decoded_compared_or_drawn():
    task = Tensors()
    prediction = task.decode({"y": np.ones((1, 5))}, Placement.identity((1, 1)))
    metric = task.agreement()
    metric.update(prediction, prediction)
    assert prediction == NoPrediction() and task.to_json(prediction) == {}
    assert metric.compute() is None and task.truth() is None
