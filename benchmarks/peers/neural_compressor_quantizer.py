"""Quantise a model with Intel's Neural Compressor, in an environment that holds it.

``pip install onnx-neural-compressor prettytable psutil pydantic scipy sympy transformers``, the latter five of which it
needs and does not name::

    python benchmarks/peers/neural_compressor_quantizer.py SOURCE SAMPLES RESULT
"""

import sys
from pathlib import Path

import numpy as np
from onnx_neural_compressor import data_reader
from onnx_neural_compressor.quantization import QuantFormat, QuantType, config, quantize


class _Samples(data_reader.CalibrationDataReader):
    def __init__(self, folder: str) -> None:
        self._paths = sorted(Path(folder).glob("*.npz"))
        self.rewind()

    def rewind(self) -> None:
        self._feeds = iter(dict(np.load(path)) for path in self._paths)

    def get_next(self) -> "dict[str, np.ndarray] | None":
        return next(self._feeds, None)


def main(source: str, samples: str, result: str) -> None:
    """Quantise with one scale for each channel and unsigned activations, which suit x86 best.

    Args:
        source: ONNX file.
        samples: folder of .npz files, each with one sample's inputs by their names.
        result: ONNX file to write.
    """
    wanted = config.StaticQuantConfig(
        calibration_data_reader=_Samples(samples),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    quantize(source, result, wanted)


if __name__ == "__main__":
    main(*sys.argv[1:])
