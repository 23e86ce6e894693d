import ctypes

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from core.common.errors import ConversionError, VerificationError
from core.common.progress import silent
from core.common.text import say
from core.conversion.context import ConversionContext
from core.evaluation.evaluate import UnverifiedArtifact, evaluate
from core.inputs.images import Split, read_folder, split
from core.inputs.images import test_only as only_test
from core.job.outcome import Artifact
from core.labels.base import Labels
from core.onnx_model.inspect import inspect
from core.targets.onnx_fp16 import OnnxFp16
from core.targets.onnx_quan_dy import OnnxQuanDy
from core.tasks.classification import Classification
from core.tasks.predictions import ClassTruth
from core.tasks.tensors import Tensors
from small import PREPROCESSING, conv_net, pictures, scale_scores

TASK = Classification("scores")
FP16, DYNAMIC = OnnxFp16(), OnnxQuanDy()


@pytest.fixture
def path(tmp_path):
    return conv_net(tmp_path / "net.onnx")


@pytest.fixture
def conversion(path, tmp_path):
    parts = split(read_folder(pictures(tmp_path / "pictures", 8)))
    labelled = Split(parts.calibration, parts.test, class_labels(dict.fromkeys(parts.test[:2], "3")))
    return ConversionContext(inspect(path), PREPROCESSING, split=labelled, folder=tmp_path)


def unverified(target, path):
    return UnverifiedArtifact(target, Artifact(target.id, (path,)), seconds=0.0)


def run(conversion, *artifacts, progress=silent, task=TASK):
    results = []
    return evaluate(artifacts, conversion, task=task, on_sample=results.append, progress=progress), results


def class_labels(labels):
    truths = {file: ClassTruth(label) for file, label in labels.items()}
    return Labels("classes", say("Done."), frozenset(truths), truths.get)


def test_a_copy_of_the_source_passes_with_every_measurement(conversion, path):
    evaluation, results = run(conversion, unverified(FP16, path))
    comparison, notes = evaluation.verify(FP16)
    assert (comparison.images, comparison.agreement.value, comparison.light, notes) == (4, 1.0, "keeps", ())
    assert comparison.outputs[0].largest == 0 and comparison.latency.median_one_thread > 0
    for figure, before in zip(comparison.truth, evaluation.source, strict=True):
        assert (figure.metric, figure.value, figure.samples) == (before.metric, before.value, 2)
        assert (figure.difference, before.difference) == (0.0, None)
    assert evaluation.source_latency.median_one_thread > 0
    assert [result.sample.file for result in results] == list(conversion.split.test)
    assert [result.sample.truth for result in results] == [ClassTruth("3"), ClassTruth("3"), None, None]


def test_a_file_that_differs_too_much_is_refused_and_its_neighbour_is_not(conversion, path, tmp_path):
    negated = scale_scores(path, -1, tmp_path / "negated.onnx")
    evaluation, _ = run(conversion, unverified(FP16, path), unverified(DYNAMIC, negated), task=Tensors())
    evaluation.verify(FP16)
    with pytest.raises(VerificationError, match=r"similarity is -1\.000 of 1, and at least 0\.9 is needed") as error:
        evaluation.verify(DYNAMIC)
    assert error.value.next_step and "scores: -1.0" in error.value.detail


def test_a_wrong_scale_is_refused_where_a_high_cosine_is_required(conversion, path, tmp_path):
    larger = scale_scores(path, 1.5, tmp_path / "larger.onnx")
    evaluation, _ = run(conversion, unverified(FP16, larger), unverified(DYNAMIC, larger), task=Tensors())
    with pytest.raises(VerificationError):
        evaluation.verify(FP16)
    assert evaluation.verify(DYNAMIC)


def test_a_file_that_does_not_load_fails_alone_and_is_not_timed(conversion, path, tmp_path):
    (tmp_path / "damaged.onnx").write_bytes(b"no model")
    evaluation, results = run(conversion, unverified(FP16, tmp_path / "damaged.onnx"), unverified(DYNAMIC, path))
    with pytest.raises(ConversionError, match="cannot be loaded"):
        evaluation.verify(FP16)
    evaluation.verify(DYNAMIC)
    assert list(evaluation.latencies) == [DYNAMIC.id]
    assert all(list(result.candidates) == [DYNAMIC.id] for result in results)


class FailsWithAllThreads(OnnxFp16):
    """Opens with one thread for the comparison and for the latency, then fails. The helper process has copies of it."""

    def __init__(self, error):
        self.error, self.opened = error, []

    def open(self, artifact, expected, *, threads):
        if len(self.opened) == 2:
            raise self.error("x")
        self.opened.append(threads)
        return super().open(artifact, expected, threads=threads)


@pytest.mark.parametrize(("error", "said"), [(MemoryError, "memory"), (KeyError, "did not expect: KeyError")])
def test_a_file_that_fails_with_several_threads_fails_alone(conversion, path, error, said):
    target = FailsWithAllThreads(error)
    evaluation, _ = run(conversion, unverified(target, path), unverified(DYNAMIC, path))
    with pytest.raises(ConversionError, match=said):
        evaluation.verify(FP16)
    assert evaluation.verify(DYNAMIC)[0].latency and target.opened == [1, 1]


class CrashesWithAllThreads(OnnxFp16):
    def open(self, artifact, expected, *, threads):
        if threads != 1:
            ctypes.string_at(0)
        return super().open(artifact, expected, threads=threads)


def test_a_file_that_crashes_with_several_threads_fails_alone_and_never_reaches_this_process(
    conversion, path, monkeypatch
):
    monkeypatch.setattr("core.evaluation.first_run.available_threads", lambda: 2)
    evaluation, _ = run(conversion, unverified(CrashesWithAllThreads(), path), unverified(DYNAMIC, path))
    with pytest.raises(ConversionError, match="native library crashed") as error:
        evaluation.verify(FP16)
    assert "Segmentation fault" in error.value.detail or "access violation" in error.value.detail
    evaluation.verify(DYNAMIC)


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        (6, 'error of the output "scores" is about as large as its values: -6.0 dB'),  # too few to count answers
        (24, "too few of the original's answers: the same class on 0%"),
    ],
)
def test_a_classifier_that_gives_other_answers_fails(path, tmp_path, count, reason):
    negated = scale_scores(path, -1, tmp_path / "negated.onnx")
    parts = split(read_folder(pictures(tmp_path / "pictures", count)))
    conversion = ConversionContext(inspect(path), PREPROCESSING, split=parts, folder=tmp_path)
    evaluation, _ = run(conversion, unverified(DYNAMIC, negated))
    with pytest.raises(VerificationError, match=reason):
        evaluation.verify(DYNAMIC)


def test_a_classifier_with_the_same_answers_may_have_other_numbers(path, tmp_path):
    parts = split(read_folder(pictures(tmp_path / "pictures", 24)))
    conversion = ConversionContext(inspect(path), PREPROCESSING, split=parts, folder=tmp_path)
    evaluation, _ = run(conversion, unverified(DYNAMIC, scale_scores(path, 3, tmp_path / "larger.onnx")))
    comparison, _ = evaluation.verify(DYNAMIC)
    assert comparison.light == "keeps" and comparison.sqnr_db < 0 and evaluation.read == {"scores"}


def test_test_pictures_that_are_nearly_the_same_are_told(path, tmp_path):
    folder = pictures(tmp_path / "pictures", 1)
    (file,) = folder.iterdir()
    pixels = np.asarray(Image.open(file)).copy()
    for number in range(3):
        pixels[0, 0] ^= number  # changes its lowest bits
        Image.fromarray(pixels).save(folder / f"{number}.png")
    conversion = ConversionContext(inspect(path), PREPROCESSING, split=only_test(read_folder(folder)), folder=tmp_path)
    evaluation, _ = run(conversion, unverified(FP16, path))
    assert [str(note)[:45] for note in evaluation.notes] == ["The test examples are all nearly the same, so"]


def test_outputs_that_are_the_same_for_every_picture_are_told(path, tmp_path):
    constant = scale_scores(path, 1, tmp_path / "constant.onnx")
    model = onnx.load(constant)
    for weights in model.graph.initializer:
        if weights.name == "wf":
            weights.CopyFrom(numpy_helper.from_array(1e-9 * numpy_helper.to_array(weights), "wf"))
    onnx.save(model, constant)
    parts = split(read_folder(pictures(tmp_path / "pictures", 8)))
    conversion = ConversionContext(inspect(constant), PREPROCESSING, split=parts, folder=tmp_path)
    evaluation, _ = run(conversion, unverified(FP16, constant))
    assert "nearly the same outputs for every test example" in str(evaluation.notes[0])


def test_synthetic_samples_are_no_test_images(path, tmp_path):
    conversion = ConversionContext(inspect(path), PREPROCESSING, split=Split(), folder=tmp_path)
    evaluation, results = run(conversion, unverified(FP16, path))
    comparison, (note, *_) = evaluation.verify(FP16)
    assert comparison.images == 0 and len(results) == 8 and "random inputs only" in str(note)
    assert comparison.light == "look" and "random inputs" in str(comparison.verdict)


def test_outputs_near_zero_get_a_warning(path, tmp_path):
    tiny = scale_scores(path, 1e-7, tmp_path / "tiny.onnx")
    parts = split(read_folder(pictures(tmp_path / "pictures", 4)))
    conversion = ConversionContext(inspect(tiny), PREPROCESSING, split=parts, folder=tmp_path)
    evaluation, _ = run(conversion, unverified(FP16, scale_scores(tiny, -1, tmp_path / "other.onnx")), task=Tensors())
    _, notes = evaluation.verify(FP16)
    assert "nearly zero" in str(notes[-1])


def test_synthetic_samples_are_counted_too(path, tmp_path):
    conversion, counts = ConversionContext(inspect(path), PREPROCESSING, split=Split(), folder=tmp_path), []
    run(conversion, unverified(FP16, path), progress=lambda _, text: counts.append(text.values))
    assert [one for one in counts if one] == [{"done": done, "all": 8} for done in range(1, 9)]


def test_progress_rises_from_the_first_sample_to_the_last_file(conversion, path):
    seen = []
    run(conversion, unverified(FP16, path), unverified(DYNAMIC, path), progress=lambda done, _: seen.append(done))
    assert seen == sorted(seen) and seen[0] == 0 and 0.8 < seen[-1] <= 1
