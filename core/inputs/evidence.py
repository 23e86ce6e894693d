"""Gather everything by which the task of a model is recognised: its outputs, and names from files and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.labels.base import Labels
from core.labels.class_names import characters_beside, names_beside
from core.onnx_model.source import Source
from core.runtimes.predictor import Tensor
from core.tasks.base import Evidence


def gather_evidence(
    source: Source,
    outputs: Sequence[Mapping[str, Tensor]],
    *,
    input_size: tuple[int, int] | None,
    labels: Labels | None,
    class_names: Sequence[str] = (),
    is_synthetic: bool = False,
) -> Evidence:
    """The evidence about a model.

    Class names come from the person, the model's metadata, a file beside the model, or the labels, in this order.

    Args:
        source: the model, with only those inputs that differ between samples.
        outputs: its outputs for a few samples.
        input_size: height and width of its image input.
        labels: of the samples, if there are any.
        class_names: by index, where the person gave them.
        is_synthetic: whether the samples were made up.
    """
    names = tuple(class_names) or source.class_names or names_beside(source.path)
    sequences = [tensor.shape[-1] for tensor in outputs[0].values() if tensor.ndim == 3]
    return Evidence(
        source=source,
        outputs=outputs,
        input_size=input_size if source.takes_image else None,
        class_names=names or (() if labels is None else labels.class_names),
        labels=frozenset() if labels is None else labels.labels,
        characters=tuple(class_names) or characters_beside(source.path, outputs=max(sequences, default=None)),
        metadata=source.metadata,
        is_synthetic=is_synthetic,
    )
