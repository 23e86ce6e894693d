"""Points as MMPose's own codecs decode them, on demand: ``pytest -m openmmlab`` where the environment is ready."""

import subprocess

import numpy as np
import pytest

from core.setup import openmmlab
from core.tasks.point_decoders import Heatmaps, SimCC

pytestmark = [pytest.mark.openmmlab, pytest.mark.timeout(300)]

HEIGHT, WIDTH, POINTS = 256, 192, 17

CODECS = """
import sys
import numpy as np
from mmpose.codecs import MSRAHeatmap, SimCCLabel

values = np.load(sys.argv[1])
size = tuple(values["size"].tolist())
heatmap = MSRAHeatmap(size, (size[0] // 4, size[1] // 4), sigma=2.0)
simcc = SimCCLabel(size, simcc_split_ratio=2.0)
points, scores = heatmap.decode(values["maps"])
simcc_points, simcc_scores = simcc.decode(values["x"], values["y"])
np.savez(sys.argv[2], points=points, scores=scores, simcc_points=simcc_points, simcc_scores=simcc_scores)
"""


@pytest.fixture(scope="module")
def values():
    """Blurred noise, so that peaks lie anywhere, at the edges too, and neighbours are close."""
    random = np.random.default_rng(3)
    maps = random.random((POINTS, HEIGHT // 4, WIDTH // 4)).astype(np.float32)
    maps[0, 0, 0] = maps[1, -1, -1] = maps[2, 5, 1] = maps[3, 1, 5] = maps[4, 9, 0] = maps[5, 0, 9] = 2.0
    return {
        "maps": maps,
        "x": random.random((1, POINTS, 2 * WIDTH)).astype(np.float32),
        "y": random.random((1, POINTS, 2 * HEIGHT)).astype(np.float32),
        "size": np.array([WIDTH, HEIGHT]),
    }


@pytest.fixture(scope="module")
def decoded(values, tmp_path_factory):
    openmmlab.require()
    folder = tmp_path_factory.mktemp("codecs")
    np.savez(folder / "in.npz", **values)
    command = [str(openmmlab.python()), "-c", CODECS, str(folder / "in.npz"), str(folder / "out.npz")]
    subprocess.run(command, check=True, capture_output=True)
    return dict(np.load(folder / "out.npz"))


def test_heatmaps_are_decoded_as_by_mmpose(values, decoded):
    points, scores = Heatmaps("maps")({"maps": values["maps"][None]}, (HEIGHT, WIDTH))
    assert points == pytest.approx(decoded["points"][0], abs=1e-4)
    assert scores == pytest.approx(decoded["scores"][0], abs=1e-6)


def test_simcc_is_decoded_as_by_mmpose(values, decoded):
    points, scores = SimCC("x", "y")(values, (HEIGHT, WIDTH))
    assert points == pytest.approx(decoded["simcc_points"][0], abs=1e-4)
    assert scores == pytest.approx(decoded["simcc_scores"][0], abs=1e-6)
