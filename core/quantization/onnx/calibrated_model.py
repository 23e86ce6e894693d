"""A float model with what was measured on the calibration samples: the targets of one job share it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import onnx

from core.metrics.reference_check import ReferenceSamples
from core.onnx_model.constants import Constants
from core.onnx_model.graph import copy_model
from core.quantization.onnx.calibration import CalibrationStatistics
from core.quantization.onnx.quantize_weights import QuantizedWeights, round_for_float
from core.runtimes.mapped import MappedPredictor
from core.runtimes.predictor import Tensor


@dataclass(frozen=True)
class CalibratedModel:
    """A model in float, and its statistics."""

    model: onnx.ModelProto
    """Clean, with named nodes and a bias in each layer; nobody changes it."""

    statistics: CalibrationStatistics

    @cached_property
    def weight_only(self) -> WeightsForFloat:
        """The 8-bit weights of the layers that are computed in float."""
        return WeightsForFloat(self.model, self.statistics)

    @cached_property
    def references(self) -> ReferenceSamples:
        """The samples that GPTQ has not seen, with the outputs of the model in float."""
        predictor = MappedPredictor(copy_model(self.model))
        try:
            return [(sample, predictor.run(sample)) for sample in self.statistics.held_out]
        finally:
            predictor.close()


class WeightsForFloat(Mapping[str, QuantizedWeights]):
    """Name of a layer's weights -> those weights rounded by GPTQ for float arithmetic, when they are first asked for.

    Args:
        model: in float.
        statistics: of its layers.
    """

    def __init__(self, model: onnx.ModelProto, statistics: CalibrationStatistics) -> None:
        self._model = model
        self._moments = statistics.moments
        self._layers = {layer.weights: layer for layer in statistics.moments}
        self._floats = Constants(model)
        self._rounded: dict[str, QuantizedWeights] = {}

    @cached_property
    def _biases(self) -> Mapping[str, Tensor | None]:
        nodes = [node for node in self._model.graph.node if len(node.input) > 2]
        return {node.name: self._floats.get(node.input[2]) for node in nodes}

    def __getitem__(self, weights: str) -> QuantizedWeights:
        """Raises KeyError for weights without statistics."""
        if weights not in self._rounded:
            layer = self._layers[weights]
            bias = self._biases.get(layer.node)
            self._rounded[weights] = round_for_float(layer, self._moments[layer], self._floats[weights], bias)
        return self._rounded[weights]

    def __contains__(self, weights: object) -> bool:
        """Without rounding them."""
        return weights in self._layers

    def __iter__(self) -> Iterator[str]:
        """The names of the weights."""
        return iter(self._layers)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._layers)
