"""The steps that several targets of one job share, each done once, when it is first needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from core.arrays import fixed_inputs
from core.errors import EdgePressError
from core.images import PictureReader, Split
from core.ncnn.model import NcnnModel
from core.prepare import Prepared, prepare, run_source
from core.prepare_ncnn import convert
from core.preprocessing import Preprocessing
from core.probes import find_inputs
from core.progress import Progress
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor
from core.samples import Sample, from_files, looks, stand_in_arrays, stand_in_pictures, varied
from core.source import Source
from core.text import Text, say

_TRIALS = 4


class Workshop:
    """One job's source, pictures and intermediate results.

    Args:
        source: the model.
        preprocessing: how pictures become inputs.
        split: the pictures; empty where there are none.
        folder: for intermediate files; thrown away with the job's other leftovers.
        inputs: inputs that are the same for every sample, as the person wrote them.

    Raises:
        OptionError: one of these inputs does not exist, or its value does not fit it.
    """

    def __init__(
        self,
        source: Source,
        preprocessing: Preprocessing,
        *,
        split: Split,
        folder: Path,
        inputs: Mapping[str, str] | None = None,
    ) -> None:
        self.source = source
        self.preprocessing = preprocessing
        self.split = split
        self.folder = folder
        self.reader = PictureReader()
        self.fixed = fixed_inputs(source, inputs or {})
        self.fed = source.without(self.fixed)
        """The source with those inputs only that differ from sample to sample."""

        self._found_sides: Feeds | None = None
        self.ncnn_tools = "own"
        self.ncnn_calibration = "min-max"

    @property
    def stem(self) -> str:
        """The source's file name without its ending: every file name starts with it."""
        return self.source.path.stem

    @cached_property
    def example(self) -> Sample:
        """One input: a test picture where there is one."""
        return next(self.test_samples())

    @cached_property
    def expected(self) -> Mapping[str, Tensor]:
        """What the source answers to the example: names, order and shapes that every file must keep."""
        return run_source(self.source.path, self.example.feeds)

    @property
    def has_pictures(self) -> bool:
        """Whether the test inputs are the person's own."""
        return self.example.file is not None

    @cached_property
    def can_calibrate(self) -> bool:
        """Whether any calibration sample can be read."""
        return next(self._samples(self.split.calibration), None) is not None

    @cached_property
    def prepared(self) -> Prepared:
        """The cleaned model."""
        return prepare(self.source.path, self.example.feeds, self.expected)

    @property
    def ncnn(self) -> NcnnModel:
        """The model in ncnn, in 32 bit: what all ncnn targets are made of.

        Raises:
            ConversionError: it cannot be had; the same one for each target that asks.
        """
        if isinstance(self._ncnn, EdgePressError):
            raise self._ncnn
        return self._ncnn

    @cached_property
    def _ncnn(self) -> NcnnModel | EdgePressError:
        """A failure is kept too, so that three targets do not try the same thing three times."""
        candidates = (self.prepared.fixed, self.prepared.raw)
        try:
            return convert(candidates, trials=self.trials, folder=self.folder / "pnnx")
        except EdgePressError as exc:
            return exc

    @cached_property
    def trials(self) -> list[tuple[Feeds, Mapping[str, Tensor]]]:
        """A few test inputs with the source's answers: one alone may show the model nothing that it knows."""
        predictor = OnnxPredictor(self.source.path, threads=1)
        samples = list(islice(self.test_samples(), _TRIALS))
        return [(sample.feeds, predictor.run(sample.feeds)) for sample in samples]

    @property
    def calibration_count(self) -> int:
        """How many inputs :meth:`calibration_feeds` gives, about."""
        return len(self.split.calibration) * self._looks

    @property
    def _looks(self) -> int:
        return looks(len(self.split.calibration), self.preprocessing) if self.fed.takes_image else 1

    def calibration_feeds(self, progress: Progress) -> Iterator[Feeds]:
        """The calibration pictures as inputs, one at a time; each in several ways where there are few."""
        files = self.split.calibration
        for done, sample in enumerate(self._samples(files)):
            progress(
                done / len(files), say("Measuring ranges on picture {done} of {all}", done=done + 1, all=len(files))
            )
            yield from varied(sample, self.fed, self.preprocessing, self._looks)

    def test_samples(self) -> Iterator[Sample]:
        """The test pictures as inputs, or stand-ins where no test picture can be read."""
        samples = self._samples(self.split.test)
        first = next(samples, None)
        if first is not None:
            yield from chain([first], samples)
        elif self.fed.takes_image:
            for stand_in in stand_in_pictures(self.fed, self.preprocessing):
                yield replace(stand_in, feeds={**self.fixed, **stand_in.feeds})
        else:
            yield from stand_in_arrays(self._stand_in, self.fixed)

    def _samples(self, files: Sequence[Path]) -> Iterator[Sample]:
        """Samples with every input that the source has."""
        for sample in from_files(self.fed, self.preprocessing, files=files, reader=self.reader):
            yield replace(sample, feeds={**self._sides(sample.feeds), **sample.feeds})

    def _sides(self, feeds: Feeds) -> Feeds:
        """What a sample lacks: what was given once, and for the rest what the first sample ran with."""
        missing = {tensor.name for tensor in self.fed.inputs} - set(feeds)
        if missing and self._found_sides is None:
            self._found_sides = find_inputs(self.source, {**self.fixed, **feeds})
        found = self._found_sides or {}
        return {**self.fixed, **{name: found[name] for name in missing}}

    @cached_property
    def _stand_in(self) -> Feeds:
        return find_inputs(self.source, self.fixed)

    @property
    def notes(self) -> tuple[Text, ...]:
        """What the person should know about the job as a whole."""
        notes = self.prepared.notes if "prepared" in self.__dict__ else ()
        if self.reader.skipped:
            notes += (say("{count} pictures could not be read and were skipped.", count=len(self.reader.skipped)),)
        if self.split.duplicates:
            notes += (say("{count} pictures that occur twice were counted once.", count=self.split.duplicates),)
        return notes

    @property
    def calibration_notes(self) -> tuple[Text, ...]:
        """What a calibrated file should say about where its ranges come from."""
        measured = say("Ranges were measured on {count} of your pictures.", count=len(self.split.calibration))
        if self._looks == 1:
            return (measured,)
        return (
            measured,
            say("Since they are few, each was looked at in {ways} ways; more pictures are better.", ways=self._looks),
        )
