import numpy as np

from core.tasks.base import Prediction
from core.tasks.tensors import Tensors


def test_nothing_is_decoded_and_there_are_no_classes():
    task = Tensors()
    assert task.decode({"y": np.ones((1, 5))}) == Prediction() and Prediction().to_json() == {}
    assert (task.class_index("3"), task.class_name(3)) == (None, "3")
