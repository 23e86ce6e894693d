"""Outputs of ncnn models that exist only for a moment, to compare one with another."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from core.ncnn.model import NcnnModel
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds


def run_model(model: NcnnModel, feeds: Iterable[Feeds], *, threads: int = 1) -> list[NDArray[np.float32]]:
    """Every output for every sample, sample by sample, in ncnn's shapes (without a batch axis).

    Args:
        model: to be run.
        feeds: inputs.
        threads: for one run; 0 for every core, which pays for whole models, not for single layers.
    """
    predictor = NcnnPredictor(model, {}, threads=threads)
    try:
        blobs = tuple(model.outputs.values())
        return [values.copy() for sample in feeds for _, values in predictor.extract(sample, blobs)]
    finally:
        predictor.close()
