import numpy as np
import pytest

from core.tasks.heads.recognize_head import recognize_head
from head_evidence import SIZE, cells, evidence

RANDOM = np.random.default_rng(0)


def normal(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def probabilities(*shape):
    values = np.exp(normal(*shape) * 3)
    return values / values.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    "outputs",
    [
        {"scores": normal(1, 1000)},
        {"scores": probabilities(1, 6)},
        {"scores": probabilities(1, 5)},
        {"scores": normal(1, 6, 1, 1)},
        {"tokens": normal(1, 197, 768)},
        {"tokens": normal(1, len(cells()), 85)},
        {"text": probabilities(1, 40, 97)},
        {"text": probabilities(1, 300, 97)},
        {"text": probabilities(1, len(cells()), 97)},
        {"text": probabilities(40, 1, 6625)},
        {"classes": normal(1, 21, *SIZE)},
        {"classes": RANDOM.integers(0, 21, (1, *SIZE))},
        {"mask": probabilities(1, 1, *SIZE)},
        {"depth": normal(1, *SIZE)},
        {"shares": RANDOM.uniform(0, 1, (1, *SIZE)).astype(np.float32)},
        {"image": RANDOM.uniform(0, 255, (1, 3, 192, 320)).astype(np.float32)},
        {"embedding": normal(1, 512)},
        {"heatmaps": normal(1, 17, 24, 40)},
        {"x": normal(1, 17, 384), "y": normal(1, 17, 512)},
        {"landmarks": RANDOM.uniform(0, 1, (1, 136)).astype(np.float32), "pose": normal(1, 3)},
        {"age": normal(1, 1), "sex": probabilities(1, 2)},
        {"c2": normal(1, 24, 12, 20), "c3": normal(1, 48, 6, 10), "c4": normal(1, 96, 3, 5)},
        {"last_hidden_state": normal(1, 197, 768), "pooler_output": normal(1, 768)},
    ],
    ids=lambda outputs: "+".join(f"{name}{value.shape}" for name, value in outputs.items()),
)
def test_models_that_detect_nothing_have_no_head(outputs):
    assert recognize_head(evidence(outputs)) is None
    assert recognize_head(evidence(outputs, outputs, names="abcdef")) is None


def test_the_family_that_fits_is_found():
    rows = np.zeros((1, 3 * len(cells()), 9), np.float32)
    rows[..., :4] = 20, 30, 10, 12
    assert recognize_head(evidence({"output": rows})).name == "YOLOv5"
    columns = np.zeros((1, 9, len(cells())), np.float32)
    columns[0, :4] = np.array([((c + 0.5) * s, (r + 0.5) * s, 30, 30) for s, r, c in cells()]).T
    assert recognize_head(evidence({"output": columns})).name == "YOLOv8"
    assert recognize_head(evidence({"output": columns.transpose(0, 2, 1)})).name == "YOLOv8"


def test_a_model_that_takes_no_image_has_no_head():
    assert recognize_head(evidence({"output": np.zeros((1, 300, 6), np.float32)}, size=None)) is None
