"""The tensors inside a finished ncnn model, by their names in the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from core.job.comparison import LayerPrecision
from core.ncnn.model import NcnnModel
from core.ncnn.weights import TAG_FLOAT16, TAG_INT8
from core.onnx_model.weighted_layers import WeightedLayer
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.predictor import Feeds, Tensor

_PRECISIONS: Mapping[int | None, LayerPrecision] = {TAG_INT8: "8 bit", TAG_FLOAT16: "16 bit"}


class NcnnLayerReader:
    """Finds tensors by the blobs of the 32-bit conversion, whose names every precision keeps.

    Args:
        model: the finished model.
        blobs: tensor of the source -> blob, as :func:`core.pnnx.blob_names.match_blobs` gives them.
    """

    def __init__(self, model: NcnnModel, blobs: Mapping[str, str]) -> None:
        self._model = model
        self._makers = {top: index for index, layer in enumerate(model.param.layers) for top in layer.tops}
        self._blobs = {tensor: blob for tensor, blob in blobs.items() if blob in self._makers}

    def has(self, tensor: str) -> bool:
        """Whether the model has a blob for this tensor of the source."""
        return tensor in self._blobs

    def precision(self, layer: WeightedLayer, tensor: str) -> LayerPrecision:  # noqa: ARG002
        """By the weights nearest to the blob."""
        blobs = [self._blobs[tensor]]
        for blob in blobs:  # breadth first: the list grows
            maker = self._model.param.layers[self._makers[blob]]
            tags = [array.tag for array in self._model.weights[self._makers[blob]] if array.tag is not None]
            if tags and maker.type != "MemoryData":  # a constant that another layer adds, say
                return _PRECISIONS.get(tags[0], "float")
            blobs += [bottom for bottom in maker.bottoms if bottom not in blobs]
        return "float"

    def open(self, tensors: Sequence[str]) -> NcnnTensorRun:
        """Load the model.

        Raises:
            ConversionError: ncnn does not load it.
        """
        wanted = {self._blobs[tensor]: tensor for tensor in tensors}
        return NcnnTensorRun(self._model, {blob: wanted[blob] for blob in self._makers if blob in wanted})


class NcnnTensorRun:
    """An ncnn model of which some blobs are read, one at a time.

    Args:
        model: the model.
        names: blobs, in the order of the graph -> names in the source.
    """

    def __init__(self, model: NcnnModel, names: Mapping[str, str]) -> None:
        self._names = names
        self._predictor = NcnnPredictor(model, {}, threads=1)

    def run(self, feeds: Feeds) -> Iterator[tuple[str, Tensor]]:
        """Run one inference and yield the blobs, without a batch axis.

        Raises:
            ConversionError: ncnn refused the input or failed.
        """
        for blob, values in self._predictor.extract(feeds, self._names):
            if np.issubdtype(values.dtype, np.floating):  # not the integers between two layers in 8 bit
                yield self._names[blob], values

    def close(self) -> None:
        """Release the memory."""
        self._predictor.close()
