"""The steps that several targets of one job share, each done once, when it is first needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from core.common.errors import EdgePressError
from core.common.progress import Progress
from core.common.text import Text, plural, say
from core.conversion.prepare import PreparedModel, prepare_model, run_source
from core.inputs.arrays import fixed_inputs
from core.inputs.augmentation import augment, augmentation_count
from core.inputs.dummy_inputs import find_dummy_inputs
from core.inputs.images import ImageReader, Split
from core.inputs.samples import Sample, load_samples
from core.inputs.synthetic import random_arrays, synthetic_images
from core.metrics.reference_check import ReferenceSamples
from core.ncnn.model import NcnnModel
from core.onnx_model.source import Source
from core.pnnx.convert import convert
from core.preprocessing import Preprocessing
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor

_REFERENCES = 4
"""Test samples on which candidates are tried while they are made."""


class ConversionContext:
    """One job's source, samples and intermediate results.

    Args:
        source: the model.
        preprocessing: how images become inputs.
        split: the calibration and test files; empty where there are none.
        folder: for intermediate files; thrown away with the job's other leftovers.
        inputs: inputs that are the same for every sample, as the person wrote them.
        ncnn_tools: who makes 8 bit for ncnn, as in :class:`core.job.job.Job`.
        ncnn_calibration: how its ranges are chosen, likewise.

    Raises:
        OptionError: one of the inputs does not exist, or its value does not fit it.
    """

    def __init__(
        self,
        source: Source,
        preprocessing: Preprocessing,
        *,
        split: Split,
        folder: Path,
        inputs: Mapping[str, str] | None = None,
        ncnn_tools: str = "own",
        ncnn_calibration: str = "min-max",
    ) -> None:
        self.source = source
        self.preprocessing = preprocessing
        self.split = split
        self.folder = folder
        self.ncnn_tools = ncnn_tools
        self.ncnn_calibration = ncnn_calibration
        self.reader = ImageReader()
        self.fixed = fixed_inputs(source, inputs or {})
        """Inputs that are the same for every sample."""

        self.sampled = source.without(self.fixed)
        """The source with those inputs only that differ from sample to sample."""

        self._found_inputs: Feeds | None = None

    @property
    def stem(self) -> str:
        """The source's file name without its ending: every file name starts with it."""
        return self.source.path.stem

    @cached_property
    def example(self) -> Sample:
        """One sample: a test sample where there is one."""
        return next(self.test_samples())

    @cached_property
    def expected(self) -> Mapping[str, Tensor]:
        """The source's outputs for the example: names, order and shapes that every file must keep."""
        return run_source(self.source.path, self.example.feeds)

    @property
    def has_test_samples(self) -> bool:
        """Whether the test samples are the person's own, not synthetic ones."""
        return self.example.file is not None

    @cached_property
    def can_calibrate(self) -> bool:
        """Whether any calibration sample can be read."""
        return next(self._load(self.split.calibration), None) is not None

    @cached_property
    def prepared(self) -> PreparedModel:
        """The cleaned model."""
        return prepare_model(self.source.path, self.example.feeds, self.expected)

    @property
    def ncnn_model(self) -> NcnnModel:
        """The model in ncnn, in 32 bit: what all ncnn targets are made of.

        Raises:
            ConversionError: it cannot be had; the same one for each target that asks.
        """
        if isinstance(self._ncnn_model, EdgePressError):
            raise self._ncnn_model
        return self._ncnn_model

    @cached_property
    def _ncnn_model(self) -> NcnnModel | EdgePressError:
        """A failure is kept too, so that three targets do not try the same thing three times."""
        candidates = (self.prepared.static, self.prepared.uncleaned)
        try:
            return convert(candidates, references=self.references, folder=self.folder / "pnnx")
        except EdgePressError as exc:
            return exc

    @cached_property
    def references(self) -> ReferenceSamples:
        """A few test samples with the source's outputs: one alone may show the model nothing that it knows."""
        predictor = OnnxPredictor(self.source.path, threads=1)
        samples = list(islice(self.test_samples(), _REFERENCES))
        return [(sample.feeds, predictor.run(sample.feeds)) for sample in samples]

    @property
    def calibration_count(self) -> int:
        """How many inputs :meth:`calibration_feeds` gives, about."""
        return len(self.split.calibration) * self._augmentations

    @property
    def _augmentations(self) -> int:
        count = len(self.split.calibration)
        return augmentation_count(count, self.preprocessing) if self.sampled.takes_image else 1

    def calibration_feeds(self, progress: Progress) -> Iterator[Feeds]:
        """The calibration samples as inputs, one at a time; each augmented where there are few."""
        files = self.split.calibration
        for done, sample in enumerate(self._load(files)):
            progress(
                done / len(files), say("Measuring ranges on picture {done} of {all}", done=done + 1, all=len(files))
            )
            yield from augment(sample, self.sampled, self.preprocessing, self._augmentations)

    def test_samples(self) -> Iterator[Sample]:
        """The test samples, or synthetic ones where none can be read."""
        samples = self._load(self.split.test)
        first = next(samples, None)
        if first is not None:
            yield from chain([first], samples)
        elif self.sampled.takes_image:
            for synthetic in synthetic_images(self.sampled, self.preprocessing):
                yield replace(synthetic, feeds={**self.fixed, **synthetic.feeds})
        else:
            yield from random_arrays(self._dummy_inputs, self.fixed)

    def _load(self, files: Sequence[Path]) -> Iterator[Sample]:
        """Samples with every input that the source has."""
        for sample in load_samples(self.sampled, self.preprocessing, files=files, reader=self.reader):
            yield replace(sample, feeds={**self._other_inputs(sample.feeds), **sample.feeds})

    def _other_inputs(self, feeds: Feeds) -> Feeds:
        """What a sample lacks: what was given once, and for the rest what the first sample ran with."""
        missing = {tensor.name for tensor in self.sampled.inputs} - set(feeds)
        if missing and self._found_inputs is None:
            self._found_inputs = find_dummy_inputs(self.source, {**self.fixed, **feeds})
        found = self._found_inputs or {}
        return {**self.fixed, **{name: found[name] for name in missing}}

    @cached_property
    def _dummy_inputs(self) -> Feeds:
        return find_dummy_inputs(self.source, self.fixed)

    @property
    def notes(self) -> tuple[Text, ...]:
        """What the person should know about the job as a whole."""
        notes = self.prepared.notes if "prepared" in self.__dict__ else ()
        if self.reader.skipped:
            notes += (
                plural(
                    "{count} picture could not be read and was skipped.",
                    "{count} pictures could not be read and were skipped.",
                    count=len(self.reader.skipped),
                ),
            )
        if self.split.duplicates:
            notes += (
                plural(
                    "{count} picture that occurs twice was counted once.",
                    "{count} pictures that occur twice were counted once.",
                    count=self.split.duplicates,
                ),
            )
        return notes

    @property
    def calibration_notes(self) -> tuple[Text, ...]:
        """What a calibrated file should say about where its ranges come from."""
        measured = say("Ranges were measured on {count} of your pictures.", count=len(self.split.calibration))
        if self._augmentations == 1:
            return (measured,)
        return (
            measured,
            say(
                "Since they are few, each was looked at in {ways} ways; more pictures are better.",
                ways=self._augmentations,
            ),
        )
