"""Variants of the files of a target: those worth choosing from are kept in the job's folder, the chosen one too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.common.errors import ConversionError
from core.evaluation.evaluate import Evaluation, UnverifiedArtifact
from core.job.comparison import Comparison
from core.job.outcome import Artifact, Converted, Variant
from core.job.target_id import TargetId

_SMALLER = 0.99
"""Size, as a share of the chosen file's, up to which a variant is worth having whatever it keeps."""

_FASTER = 0.9
"""Likewise the time of one run; by less it changes from one measurement to the next."""


def keep_variants(
    chosen: Converted, made: UnverifiedArtifact, evaluation: Evaluation, folder: Path
) -> tuple[Variant, ...]:
    """Move the variants that passed from the work folder to the job's, with a copy of the chosen file.

    Args:
        chosen: the outcome of the file that was chosen.
        made: it in the work folder, with its variants.
        evaluation: of both.
        folder: the job's folder.

    Returns:
        The chosen one first; nothing where no other one passed or is worth having.
    """
    others = []
    for one in made.variants:
        try:
            comparison, notes = evaluation.verify(one.target, one.number)
        except ConversionError:
            continue
        size = one.artifact.size_bytes
        is_better = _is_closer(comparison, chosen.comparison) or _is_faster(comparison, chosen.comparison)
        if is_better or size < _SMALLER * chosen.size_bytes:
            artifact = replace(one.artifact, notes=(*one.artifact.notes, *notes))
            others.append(Variant(one.number, _moved(artifact, folder, one.number), comparison, size))
    if not others:
        return ()
    kept = _moved(replace(made.artifact, notes=chosen.artifact.notes, variants=()), folder, 0)
    return (Variant(0, kept, chosen.comparison, chosen.size_bytes), *others)


def variant_folder(folder: Path, target: TargetId, number: int) -> Path:
    """Where a variant is kept.

    Args:
        folder: the job's folder.
        target: of the variant.
        number: as in :func:`core.job.target_id.file_id`.
    """
    return folder / "variants" / f"{target}-{number}"


def _is_closer(one: Comparison, other: Comparison) -> bool:
    """By how many answers it keeps; where nothing was decoded, by its numbers."""
    if one.agreement is not None and other.agreement is not None:
        return one.agreement.value > other.agreement.value
    return one.cosine > other.cosine


def _is_faster(one: Comparison, other: Comparison) -> bool:
    if one.latency is None or other.latency is None:
        return False
    return one.latency.median_one_thread < _FASTER * other.latency.median_one_thread


def _moved(artifact: Artifact, folder: Path, number: int) -> Artifact:
    """The same, with its files in the job's folder."""
    place = variant_folder(folder, artifact.target, number)
    place.mkdir(parents=True, exist_ok=True)  # the job may have been tried before
    return replace(artifact, files=tuple(file.replace(place / file.name) for file in artifact.files))
