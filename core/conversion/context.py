"""The steps that the targets of one job share, each done once, when it is first needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import onnx

from core.common.errors import EdgePressError
from core.common.paths import output_stem
from core.common.progress import Progress, silent
from core.common.text import Text, plural, say
from core.conversion.batch import for_one_sample, samples_at_a_time
from core.conversion.cut import cut_source, run_model
from core.conversion.normalize import NormalizedSource, normalize_source
from core.conversion.prepare import PreparedModel, prepare_model, run_source
from core.conversion.sensitivity import CandidateNoise, find_prediction_noise
from core.conversion.to_ncnn import convert_to_ncnn
from core.fp16.large_values import keep_large_in_32_bit
from core.inputs.augmentation import augment, augmentation_count
from core.inputs.dummy_inputs import find_dummy_inputs
from core.inputs.fixed_inputs import fixed_inputs
from core.inputs.images import ARRAY_SUFFIXES, ImageReader, Split
from core.inputs.object_crops import CropRule
from core.inputs.samples import Sample, load_samples
from core.inputs.synthetic import SYNTHETIC_SAMPLES, disturbed, random_arrays, synthetic_images
from core.job.allowed_change import DEFAULT_CHANGE, AllowedChange
from core.job.outcome import PostProcessing
from core.labels.base import Labels
from core.metrics.prediction_noise import PredictionNoise
from core.metrics.reference_check import ReferenceSamples
from core.metrics.variety import Variety
from core.ncnn.model import NcnnModel
from core.onnx_model.attach import attach_tail
from core.onnx_model.boundary import SELECTING
from core.onnx_model.cut import Cut
from core.onnx_model.interface_types import with_interface_types
from core.onnx_model.normalize.edit import without_unused_inputs
from core.onnx_model.source import Source
from core.onnx_model.stored import ReadOnAccess, StoredModel
from core.pnnx.blob_names import match_blobs
from core.preprocessing import Placement, Preprocessing
from core.quantization.onnx.calibrated_model import CalibratedModel
from core.quantization.onnx.calibration import collect_statistics, spare_samples
from core.quantization.onnx.layers import add_biases, name_nodes
from core.quantization.onnx.static import QUANTIZED_OPERATORS
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Tensor, all_finite
from core.runtimes.source import open_source
from core.tasks.base import AnyTask, Budget
from core.tasks.predictions import Prediction

_MAX_BYTES_FOR_VARIANTS = 200_000_000
"""Size of a source up to which variants are made: each is kept, and is in memory while files are compared."""

_REFERENCE_SAMPLES = 4
"""Test samples on which candidates are compared with the source while they are made."""


class ConversionContext:
    """The source, samples and shared intermediate results of one job.

    Args:
        source: the model.
        preprocessing: how images become inputs.
        split: the calibration and test files; empty where there are none.
        folder: for intermediate files; deleted after the job.
        inputs: inputs that are the same for every sample, as in :func:`core.inputs.fixed_inputs.fixed_inputs`.
        ncnn_tools: quantiser for ncnn, as in :class:`core.job.job.Job`.
        ncnn_calibration: its calibration method, likewise.
        change: how much the answers may change, likewise.
        keep: share of the answers that must stay, likewise.

    Raises:
        OptionError: there is no input of a given name, or the value does not fit it; or the preprocessing gives numbers
            that the input cannot hold.
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
        change: AllowedChange = DEFAULT_CHANGE,
        keep: float | None = None,
    ) -> None:
        self.source = source
        self.preprocessing = preprocessing
        self.split = split
        self.folder = folder
        self.ncnn_tools = ncnn_tools
        self.ncnn_calibration = ncnn_calibration
        self.change = change
        self._keep = keep
        self.reader = ImageReader()
        self.fixed = fixed_inputs(source, inputs or {})
        """Inputs that are the same for every sample."""

        self.sampled = source.without(self.fixed)
        self.sampled.check_preprocessing(preprocessing)
        """The source with only those inputs that differ between samples."""

        self.task: AnyTask | None = None
        """What the model is for, once it is recognised; by it candidates are judged besides their numbers."""

        self._calibrated: CalibratedModel | None = None
        self._completion: Feeds | None = None
        self._variety: Variety | None = None

    def budget_of(self, task: AnyTask) -> Budget:
        """How much of the source's answers must stay in this job."""
        return task.budget.allowing(self.change, self._keep)

    @property
    def stem(self) -> str:
        """The source's file name without its ending, shortened where it is long: output names begin with it."""
        return output_stem(self.source.path)

    @cached_property
    def example(self) -> Sample:
        """The first test sample, or the first synthetic one."""
        return next(self.test_samples())

    @cached_property
    def expected(self) -> Mapping[str, Tensor]:
        """The source's outputs for the example: the names, order and shapes that every converted model must keep."""
        return run_source(self.source.path, self.example.feeds)

    @cached_property
    def normalized(self) -> NormalizedSource:
        """The source in plain 32-bit ONNX, from which everything is made."""
        return normalize_source(
            self.source.path,
            self.example.feeds,
            self.expected,
            folder=self._models,
            given=self.fixed,
            is_dequantized=self.source.dequantize,
        )

    @property
    def has_test_samples(self) -> bool:
        """Whether the test samples come from files, not synthetic ones."""
        return self.example.file is not None

    @property
    def makes_variants(self) -> bool:
        """Whether a target makes a smaller file, and one that is closer to the source, for the person to pick from.

        On synthetic samples nothing would tell them apart. Who wants the smallest files wants them soon.
        """
        is_wanted = self.change != "smallest" and self.has_test_samples
        return is_wanted and self.source.size_bytes <= _MAX_BYTES_FOR_VARIANTS

    @cached_property
    def can_calibrate(self) -> bool:
        """Whether any calibration sample can be read."""
        return next(self._calibration_samples(), None) is not None

    @cached_property
    def cut(self) -> Cut | None:
        """The source in two parts, if it ends in a post-processing that picks by value; all targets reduce the head."""
        if not SELECTING & set(self.source.operators):
            return None
        return cut_source(self.normalized.model.read(), self.example.feeds)

    @cached_property
    def prepared(self) -> PreparedModel:
        """The cleaned model, or its head where the source is cut."""
        if self.cut is None:
            model, feeds = self.normalized.model.read(), self.example.feeds
            expected = self.expected if self.normalized.is_exact else run_model(model, feeds)
            return prepare_model(model, feeds, expected, folder=self._models)
        head = self.cut.head
        prepared = prepare_model(head, self.example.feeds, run_model(head, self.example.feeds), folder=self._models)
        fixed = (self.cut.fixed_head(each.read()) for each in (prepared.static, prepared.uncleaned))
        static, uncleaned = (StoredModel.of(each, self._models) for each in fixed)
        return replace(prepared, static=static, uncleaned=uncleaned)

    @property
    def _models(self) -> Path:
        """The folder of the models that targets start from: in memory, each takes as much as the source."""
        return self.folder / "models"

    def attach_tail(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """Put the post-processing back behind a model made from :attr:`prepared`.

        Returns:
            A model with the source's inputs and outputs, of its types.
        """
        whole = model if self.cut is None else attach_tail(model, self.cut)
        return with_interface_types(whole, self.source.inputs, self.source.outputs)

    @property
    def size_to_reduce(self) -> int:
        """Size of the source's file, or of its 32-bit model where it was dequantised."""
        return self.normalized.model.size_bytes if self.source.dequantize else self.source.size_bytes

    @property
    def tail_bytes(self) -> int:
        """Size of the post-processing that :meth:`attach_tail` adds."""
        return 0 if self.cut is None else self.cut.tail.ByteSize()

    @cached_property
    def post_processing(self) -> PostProcessing | None:
        """What ncnn models leave out, as a file in the work folder; None where the source is not cut."""
        if self.cut is None:
            return None
        path = self.folder / "post-processing.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.cut.fixed_tail.SerializeToString())
        return PostProcessing(self.cut.boundary, self.cut.operators, path)

    @property
    def ncnn_model(self) -> NcnnModel:
        """The float32 ncnn model, from which all ncnn targets are made; its large values stay in 32 bit on ARM, too.

        Raises:
            EdgePressError: the conversion failed; it is run once, and each further access raises the same error.
        """
        if isinstance(self._ncnn_model, EdgePressError):
            raise self._ncnn_model
        return self._ncnn_model

    @cached_property
    def _ncnn_model(self) -> NcnnModel | EdgePressError:
        """The error is cached too, since a failing conversion takes as long as any."""
        self._calibrated = None  # only ONNX targets ask for it, which are made before; it holds the weights twice
        stored = (self.prepared.static, self.prepared.uncleaned)
        # pnnx loses inputs that nothing reads, such as one that decided a branch.
        candidates = ReadOnAccess(stored, without_unused_inputs)

        def convert(models: Sequence[onnx.ModelProto], *, folder: Path) -> NcnnModel:
            model = convert_to_ncnn(
                models,
                references=self._fixed_references,
                synthetic=self._synthetic_references,
                keeps_answers=self.keeps_answers,
                folder=folder,
            )
            return keep_large_in_32_bit(model, [feeds for feeds, _ in self.references])

        count = samples_at_a_time((*self.source.inputs, *self.source.outputs))
        if count > 1:
            try:
                single = ReadOnAccess(stored, lambda model: for_one_sample(without_unused_inputs(model), count))
                return convert(single, folder=self.folder / "one-sample")
            except EdgePressError:
                pass  # its samples depend on each other
        try:
            return convert(candidates, folder=self.folder / "pnnx")
        except EdgePressError as exc:
            return exc

    @cached_property
    def blob_names(self) -> Mapping[str, str]:
        """Tensor of :attr:`prepared`'s clean model -> blob of the ncnn models, for those tensors that ncnn has.

        Raises:
            EdgePressError: there is no ncnn model, or one of the two does not run.
        """
        clean = self.prepared.clean.read()
        names = [name for node in clean.graph.node for name in node.output if name]
        return match_blobs(self.ncnn_model, clean, self.references[0][0], names)

    @cached_property
    def references(self) -> ReferenceSamples:
        """A few test samples with the outputs of the source, or of its head where it is cut.

        With one sample alone, a detector might find nothing.
        """
        predictor = self._open_reference(threads=1)
        try:
            return [(sample.feeds, predictor.run(sample.feeds)) for sample in self._reference_samples()]
        finally:
            predictor.close()

    def _open_reference(self, *, threads: int = 0) -> OnnxPredictor:
        """The source, or its head where it is cut; in 32 bit where the source rounds each step to 16 or 8."""
        if self.cut is not None:
            return OnnxPredictor(self.cut.head, threads=threads)
        if self.normalized.is_exact:
            return open_source(self.source.path, threads=threads)
        return OnnxPredictor(self.normalized.model.path, threads=threads)

    def _reference_samples(self) -> Iterator[Sample]:
        return islice(self.test_samples(), _REFERENCE_SAMPLES)

    def keeps_answers(self, outputs: Sequence[Mapping[str, Tensor]]) -> bool:
        """Whether a candidate gives the source's answers, as far as the reference samples can tell.

        Numbers may be close and answers differ, where they hang on small differences.

        Args:
            outputs: of the candidate for :attr:`references`.
        """
        if self.task is None or not self.has_test_samples:
            return True
        metric = self.task.agreement()
        for (sample, before), made in zip(self._reference_predictions, outputs, strict=True):
            metric.update(before, self._predict(self.task, sample.feeds, made, sample.placement))
        agreement = metric.compute()
        return agreement is None or agreement.high >= self.task.budget.keeps

    @cached_property
    def _reference_predictions(self) -> Sequence[tuple[Sample, Prediction]]:
        """The reference samples with the source's predictions: a search asks for them at every trial."""
        assert self.task is not None
        samples = [replace(sample, image=None) for sample in self._reference_samples()]
        return [
            (sample, self._predict(self.task, sample.feeds, expected, sample.placement))
            for sample, (_, expected) in zip(samples, self.references, strict=True)
        ]

    def _predict(self, task: AnyTask, feeds: Feeds, outputs: Mapping[str, Tensor], placement: Placement) -> Prediction:
        """The prediction from the source's outputs, or from those of its head where it is cut."""
        if self._tail is not None:
            outputs = {**outputs, **self._tail.run({**feeds, **outputs})}
        prediction: Prediction = task.decode(outputs, placement)
        return prediction

    @cached_property
    def _tail(self) -> OnnxPredictor | None:
        """The post-processing, loaded once."""
        return None if self.cut is None else OnnxPredictor(self.cut.fixed_tail, threads=1)

    @cached_property
    def _fixed_outputs(self) -> Sequence[str]:
        return [value.name for value in self.prepared.static.read().graph.output]

    @property
    def _fixed_references(self) -> ReferenceSamples:
        """Without the outputs that are sizes, which :attr:`PreparedModel.static` does not have."""
        return [(feeds, {name: outputs[name] for name in self._fixed_outputs}) for feeds, outputs in self.references]

    @property
    def _synthetic_references(self) -> ReferenceSamples:
        """Noise with mean and spread of a sample, and a sample turned round: a wrong layer may not show on the samples.

        Empty where the source gives no finite numbers for them.
        """
        predictor = self._open_reference(threads=1)
        made = []
        try:
            for feeds in disturbed(self.references[0][0], self.fixed):
                outputs = predictor.run(feeds)
                if all_finite(outputs):
                    made.append((feeds, {name: outputs[name] for name in self._fixed_outputs}))
        except EdgePressError:  # not every model runs on any numbers
            return ()
        finally:
            predictor.close()
        return made

    @cached_property
    def prediction_noise(self) -> PredictionNoise | None:
        """What the sensitivity analysis measures; None where it is the noise of the outputs.

        The source is run on some of the calibration samples for it.
        """
        if self.task is None or self.task.noise is None:
            return None
        task, placement = self.task, Placement.identity(self.preprocessing.size)

        def predict(feeds: Feeds, outputs: Mapping[str, Tensor]) -> Prediction:
            return self._predict(task, feeds, outputs, placement)

        source = self._open_reference()
        try:
            feeds = self.calibration_feeds(silent)
            return find_prediction_noise(self.task.noise, predict, source, feeds, count=self.calibration_count)
        finally:
            source.close()

    @cached_property
    def candidate_noise(self) -> CandidateNoise | None:
        """What whole ONNX candidates are judged by where there are examples; None where outputs are compared."""
        noise = self.prediction_noise if self.can_calibrate else None
        if noise is None:
            return None
        source = self._open_reference()
        try:
            return CandidateNoise(noise, source, self.calibration_feeds(silent))
        finally:
            source.close()

    def calibrate(self, progress: Progress) -> CalibratedModel:
        """Run the calibration samples through the clean model, once for all targets that ask for it.

        Args:
            progress: is called with the share of files that are done, by the first one that asks.
        """
        if self._calibrated is None:
            model = self.prepared.clean.read()
            name_nodes(model)
            add_biases(model)
            noise = self.prediction_noise
            statistics = collect_statistics(
                model,
                self.calibration_feeds(progress),
                operators=QUANTIZED_OPERATORS,
                count=self.calibration_count,
                held_out=None if noise is None else noise.samples,
            )
            self._calibrated = CalibratedModel(model, statistics)
        return self._calibrated

    def release_calibration(self) -> None:
        """Let go of what was measured on the calibration samples, once all files are made and chosen."""
        self._calibrated = None
        for name in ("prediction_noise", "candidate_noise"):
            self.__dict__.pop(name, None)

    @property
    def calibration_count(self) -> int:
        """Number of inputs that :meth:`calibration_feeds` yields if every file can be read."""
        return self._calibration_sample_count * self._augmentations

    @cached_property
    def _calibration_sample_count(self) -> int:
        return self.split.calibration_count

    @property
    def _augmentations(self) -> int:
        count = self._calibration_sample_count
        return augmentation_count(count, self.preprocessing) if self.sampled.takes_image else 1

    def spare_numbers(self, most: int) -> tuple[int, ...]:
        """Numbers of calibration samples that shaped no weight; none where samples are few, and all were needed.

        Args:
            most: of them.
        """
        if self._augmentations > 1:
            return ()
        noise = self.prediction_noise if self.can_calibrate else None
        return spare_samples(self.calibration_count, None if noise is None else noise.samples, most=most)

    def calibration_samples(self, numbers: Collection[int]) -> Iterator[Sample]:
        """Yield some of the calibration samples, by their numbers."""
        return (sample for number, sample in enumerate(self._calibration_samples()) if number in numbers)

    def _calibration_samples(self) -> Iterator[Sample]:
        split = self.split
        return self._load_samples(split.calibration, split.calibration_labels, crop=split.calibration_crop)

    def calibration_feeds(self, progress: Progress) -> Iterator[Feeds]:
        """Yield the inputs for calibration; the samples are augmented where there are few.

        Args:
            progress: is called with the share of files that are done.
        """
        count = self._calibration_sample_count
        variety = Variety()
        for done, sample in enumerate(self._calibration_samples()):
            progress(done / count, say("Measuring ranges on picture {done} of {all}", done=done + 1, all=count))
            variety.update(sample.feeds, ignored={*self.fixed, *(self._completion or {})})
            yield from augment(sample, self.sampled, self.preprocessing, self._augmentations)
        self._variety = variety

    def test_samples(self) -> Iterator[Sample]:
        """Yield the test samples, or synthetic ones where none can be read."""
        samples = self._load_samples(self.split.test, self.split.labels, crop=self.split.crop)
        first = next(samples, None)
        if first is not None:
            yield from chain([first], samples)
        elif self.sampled.takes_image:
            for synthetic in synthetic_images(self.sampled, self.preprocessing):
                yield replace(synthetic, feeds={**self.fixed, **synthetic.feeds})
        else:
            yield from random_arrays(self._dummy_inputs, self.fixed)

    @property
    def test_sample_count(self) -> int:
        """Number of samples that :meth:`test_samples` yields if every file can be read."""
        return self.split.test_count if self.has_test_samples else SYNTHETIC_SAMPLES

    def _load_samples(self, files: Sequence[Path], labels: Labels | None, *, crop: CropRule | None) -> Iterator[Sample]:
        """Yield the readable samples, completed to all inputs of the source."""
        samples = load_samples(
            self.sampled, self.preprocessing, files=files, reader=self.reader, labels=labels, crop=crop
        )
        for sample in samples:
            yield replace(sample, feeds={**self._missing_inputs(sample.feeds), **sample.feeds})

    def _missing_inputs(self, feeds: Feeds) -> Feeds:
        """Fixed inputs, and dummy inputs for the rest: those with which the model ran on the first such sample."""
        missing = {tensor.name for tensor in self.sampled.inputs} - set(feeds)
        if missing and self._completion is None:
            self._completion = find_dummy_inputs(self.source, {**self.fixed, **feeds})
        dummies = self._completion or {}
        return {**self.fixed, **{name: dummies[name] for name in missing}}

    @cached_property
    def _dummy_inputs(self) -> Feeds:
        return find_dummy_inputs(self.source, self.fixed)

    @property
    def notes(self) -> tuple[Text, ...]:
        """Notes that concern the job as a whole."""
        notes: tuple[Text, ...] = ()
        if self.stem != self.source.path.stem:
            notes += (
                say("The name of the model is too long for its results; theirs begin with {name}", name=self.stem),
            )
        notes += self.normalized.notes if "normalized" in self.__dict__ else ()
        notes += self.prepared.notes if "prepared" in self.__dict__ else ()
        if self.split.crop is not None:
            notes += (
                say(
                    "This model takes one body, face or hand at a time, so each labelled one was cut out of its "
                    "picture; pictures without any were left out."
                ),
            )
            if self.split.calibration and self.split.calibration_crop is None:
                notes += (
                    say(
                        "The pictures for the ranges of 8 bit show none that is labelled, so they were used as a "
                        "whole; labelled ones would give better files."
                    ),
                )
        if self._variety is not None and self._variety.is_low:
            notes += (
                say(
                    "The examples from which the ranges of 8 bit were measured are all nearly the same, so the ranges "
                    "may not fit others: choose examples that differ."
                ),
            )
        if self.reader.skipped:
            notes += (_skipped_note(self.reader.skipped),)
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
        """Notes of a calibrated target: on how many images, and how they were augmented."""
        count = len(self.split.calibration)
        measured = (
            say("Ranges were measured on {count} of your pictures.", count=count)
            if self.sampled.takes_image
            else say("Ranges were measured on {count} of your examples.", count=count)
        )
        if self._augmentations == 1:
            return (measured,)
        augmented = plural(
            "Since it is a single one, it was augmented to {variants} variants; more pictures are better.",
            "Since they are few, each was augmented to {variants} variants; more pictures are better.",
            count=count,
            variants=self._augmentations,
        )
        return (measured, augmented)


def _skipped_note(skipped: Collection[Path]) -> Text:
    if any(path.suffix.lower() in ARRAY_SUFFIXES for path in skipped):
        return plural(
            "{count} file could not be used and was skipped.",
            "{count} files could not be used and were skipped.",
            count=len(skipped),
        )
    return plural(
        "{count} picture could not be read and was skipped.",
        "{count} pictures could not be read and were skipped.",
        count=len(skipped),
    )
