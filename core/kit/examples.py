"""Examples for a kit: a few of the job's test pictures, with the answers that its file gives for them here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from core.common.paths import is_file
from core.common.progress import Progress
from core.common.text import say
from core.conversion.context import ConversionContext
from core.inputs.object_crops import region_of
from core.inputs.samples import Sample
from core.job.outcome import Artifact
from core.kit.answers import WHOLE_PICTURE, CropPlace, answer_of
from core.targets.base import Target
from core.tasks.base import AnyTask
from core.tasks.predictions import ObjectTruth

EXAMPLES = 3
_TRIED = 15
"""Test samples that are looked at; those in which nothing is found make poor examples."""

_MOST_BYTES = 20_000_000
"""Of a file that is copied into a kit."""


@dataclass(frozen=True)
class Example:
    """One picture or array file with the expected answer."""

    file: Path
    box: tuple[float, ...] | None
    """Of the body, face or hand that was looked at: x1, y1, x2, y2 in pixels of the picture."""

    answer: Mapping[str, Any]


def find_examples(
    target: Target,
    artifact: Artifact,
    context: ConversionContext,
    task: AnyTask,
    *,
    labels: Sequence[str],
    progress: Progress,
) -> tuple[Example, ...]:
    """Run a file on a few test samples, and take those that show most; none where there are no sample files.

    Args:
        target: that made the file.
        artifact: the file.
        context: the source and the test samples.
        task: of the model.
        labels: names of the classes, or characters, by index.
        progress: called at every sample.

    Raises:
        ConversionError: the file does not load or run.
    """
    if not context.has_test_samples:
        return ()
    predictor = target.open(artifact, context.expected, threads=1)
    try:
        found: list[Example] = []
        for done, sample in enumerate(_samples(context)):
            progress(done / _TRIED, say("Running the file on example {count}", count=done + 1))
            box, crop = _box_of(sample, context)
            answer = answer_of(task, predictor.run(sample.feeds), sample.placement, labels=labels, crop=crop)
            assert sample.file is not None
            found.append(Example(sample.file, box, answer))
            if sum(map(_says_something, found)) >= EXAMPLES and _are_different(found):
                break
    finally:
        predictor.close()
    return tuple(_best(found))


def _samples(context: ConversionContext) -> Iterator[Sample]:
    """One of each file, spread evenly over them: classes often lie together in the order of names."""
    files = [file for file in context.split.test if is_file(file) and file.stat().st_size <= _MOST_BYTES]
    count = min(len(files), _TRIED)
    chosen = tuple(files[index * len(files) // count] for index in range(count))
    split, context.split = context.split, replace(context.split, test=chosen)
    try:
        seen: set[Path] = set()
        for sample in context.test_samples():
            if sample.file is not None and sample.file not in seen:
                seen.add(sample.file)
                yield sample
    finally:
        context.split = split


def _box_of(sample: Sample, context: ConversionContext) -> tuple[tuple[float, ...] | None, CropPlace]:
    """Where the first labelled object of its file was cut out, where objects are."""
    labels, rule = context.split.labels, context.split.crop
    if rule is None or labels is None or sample.file is None or sample.image is None:
        return None, WHOLE_PICTURE
    truth = labels.truth(sample.file)
    assert isinstance(truth, ObjectTruth)
    box = truth.boxes[rule.choose(truth)[0]]
    region, scale = region_of(box, context.preprocessing.size)
    return tuple(float(edge) for edge in box), CropPlace((float(region[0]), float(region[1])), scale)


def _says_something(example: Example) -> bool:
    answer = example.answer
    return bool(answer.get("objects", True)) and bool(answer.get("text", True))


def _are_different(found: Sequence[Example]) -> bool:
    """Whether three classifications show three classes; anything else need not be looked for."""
    best = [example.answer["best"]["class"] for example in found if "best" in example.answer]
    return not best or len(set(best)) >= EXAMPLES


def _best(found: Sequence[Example]) -> list[Example]:
    """Those that say something first, and of each class one first."""
    seen: set[Any] = set()
    firsts: list[Example] = []
    others: list[Example] = []
    for example in found:
        shown = example.answer["best"]["class"] if "best" in example.answer else example.file
        (others if shown in seen or not _says_something(example) else firsts).append(example)
        seen.add(shown)
    return list(islice((*firsts, *others), EXAMPLES))
