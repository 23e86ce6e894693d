"""onnxslim: folds constants, removes unused steps, joins what repeats."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import onnx


def slim(model: onnx.ModelProto, *, limit: int | None = None) -> onnx.ModelProto:
    """The model simplified by onnxslim.

    Args:
        model: is changed.
        limit: bytes above which a constant is not folded; None for all.

    Raises:
        Exception: of any type; onnxslim documents none.
    """
    import onnxslim

    with _forgotten_matches():
        slimmed = onnxslim.slim(model, size_threshold=limit)
    assert isinstance(slimmed, onnx.ModelProto)
    return slimmed


@contextmanager
def _forgotten_matches() -> Iterator[None]:
    """Remove what onnxslim's patterns, which live as long as the process, remember of the last graph they matched.

    They keep the nodes as attributes of their own, and with them the whole graph: three times the model's weights.
    """
    from onnxslim.core.pattern.registry import DEFAULT_FUSION_PATTERNS

    matchers = [matcher for alike in DEFAULT_FUSION_PATTERNS.values() for matcher in alike]
    before = [set(vars(matcher)) for matcher in matchers]
    try:
        yield
    finally:
        for matcher, own in zip(matchers, before, strict=True):
            for name in set(vars(matcher)) - own:
                delattr(matcher, name)
