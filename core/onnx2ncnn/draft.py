"""A layer of an ncnn model under construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.runtimes.predictor import Tensor

Number = int | float
Params = Mapping[int, Number | Sequence[int] | Sequence[float]]
"""Id of a parameter -> its value; sequences become arrays."""


@dataclass
class Draft:
    """A layer, whose blobs may still be renamed."""

    type: str
    name: str
    bottoms: list[str]
    tops: list[str]
    params: Params
    weights: Sequence[Tensor]
