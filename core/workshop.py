"""The steps that several targets of one job share, each done once, when it is first needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path

from core.errors import EdgePressError, SourceError
from core.images import PictureReader, Split
from core.ncnn.model import NcnnModel
from core.prepare import Prepared, prepare, run_source
from core.prepare_ncnn import convert
from core.preprocessing import Preprocessing
from core.progress import Progress
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor
from core.samples import Sample, from_pictures, stand_ins
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
    """

    def __init__(self, source: Source, preprocessing: Preprocessing, *, split: Split, folder: Path) -> None:
        self.source = source
        self.preprocessing = preprocessing
        self.split = split
        self.folder = folder
        self.reader = PictureReader()
        self.ncnn_tools = "own"

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
        try:
            return run_source(self.source.path, self.example.feeds)
        except SourceError as exc:
            if self.source.takes_image:
                raise
            raise SourceError(
                say("This model does not take one picture, and it does not run on random inputs either."),
                next_step=say("EdgePress works with models that take a picture; export a part of the model that does."),
                detail=exc.detail,
            ) from exc

    @property
    def has_pictures(self) -> bool:
        """Whether the test inputs are the person's own."""
        return self.example.picture is not None

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
            return convert(candidates, trials=self._trials(), folder=self.folder / "pnnx")
        except EdgePressError as exc:
            return exc

    def _trials(self) -> list[tuple[Feeds, Mapping[str, Tensor]]]:
        """A few test inputs with the source's answers: one alone may show the model nothing that it knows."""
        predictor = OnnxPredictor(self.source.path, threads=1)
        samples = list(islice(self.test_samples(), _TRIALS))
        return [(sample.feeds, predictor.run(sample.feeds)) for sample in samples]

    def calibration_feeds(self, progress: Progress) -> Iterator[Feeds]:
        """The calibration pictures as inputs, one at a time."""
        files = self.split.calibration
        samples = from_pictures(self.source, self.preprocessing, files=files, reader=self.reader)
        for done, sample in enumerate(samples):
            progress(
                done / len(files), say("Measuring ranges on picture {done} of {all}", done=done + 1, all=len(files))
            )
            yield sample.feeds

    def test_samples(self) -> Iterator[Sample]:
        """The test pictures as inputs, or stand-ins where no test picture can be read."""
        pictures = from_pictures(self.source, self.preprocessing, files=self.split.test, reader=self.reader)
        first = next(pictures, None)
        if first is None:
            yield from stand_ins(self.source, self.preprocessing)
            return
        yield first
        yield from pictures

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
        return (say("Ranges were measured on {count} of your pictures.", count=len(self.split.calibration)),)
