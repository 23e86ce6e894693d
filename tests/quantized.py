"""Models quantised by onnxruntime, for tests of what becomes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from small import SIZE, conv_net


class _Noise(CalibrationDataReader):
    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self._feeds = iter(
            [{name: np.random.default_rng(seed).standard_normal(shape).astype(np.float32)} for seed in range(8)]
        )

    def get_next(self):
        return next(self._feeds, None)


def quantized(path: Path, kind: str, *, source: Path | None = None, shape=(1, 3, SIZE, SIZE)) -> Path:
    """A model, :func:`small.conv_net` if none is given, in 8 bit.

    Its weights have 7 bit, so that it computes the same on processors whose products of 8 bit saturate.

    Args:
        path: to write.
        kind: ``qdq``, ``qoperator`` or ``dynamic``, and ``unsigned`` or ``signed`` behind it.
        source: float model with one input, called ``input``.
        shape: of that input.
    """
    form, _, sign = kind.partition("-")
    source = source or conv_net(path.with_name("float.onnx"))
    integers = QuantType.QUInt8 if sign == "unsigned" else QuantType.QInt8
    if form == "dynamic":
        quantize_dynamic(source, path, weight_type=integers, per_channel=sign == "unsigned", reduce_range=True)
    else:
        quantize_static(
            source,
            path,
            _Noise("input", shape),
            quant_format=QuantFormat.QDQ if form == "qdq" else QuantFormat.QOperator,
            activation_type=integers,
            per_channel=True,
            reduce_range=True,
        )
    return path
