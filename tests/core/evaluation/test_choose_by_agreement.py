"""Which file of a target is published, by the answers that it keeps on calibration pictures."""

from contextlib import nullcontext

import onnx
import pytest

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.evaluation import choose_by_agreement as module
from core.evaluation.choose_by_agreement import choose_by_agreement
from core.evaluation.evaluate import UnverifiedArtifact
from core.inputs.images import read_folder, split
from core.job.outcome import Artifact
from core.onnx_model.inspect import inspect
from core.targets.onnx_fp16 import OnnxFp16
from core.targets.onnx_quan_dy import OnnxQuanDy
from core.tasks.classification import Classification
from small import PREPROCESSING, conv_net, pictures

TASK = Classification("scores")
DYNAMIC = OnnxQuanDy()


@pytest.fixture
def conversion(tmp_path):
    return context_with(tmp_path, 120)


def context_with(tmp_path, count):
    path = conv_net(tmp_path / "net.onnx", classes=200)
    parts = split(read_folder(pictures(tmp_path / "pictures", count)))
    conversion = ConversionContext(inspect(path), PREPROCESSING, split=parts, folder=tmp_path)
    conversion.task = TASK
    return conversion


def variant(conversion, folder, *, size, inverted=False):
    """A copy of the source, with as many bytes as are asked for; inverted, it gives the opposite answers."""
    model = onnx.load(str(conversion.source.path))
    if inverted:
        output = model.graph.output[0].name
        maker = next(node for node in model.graph.node if output in node.output)
        maker.output[list(maker.output).index(output)] = "positive"
        model.graph.node.append(onnx.helper.make_node("Neg", ["positive"], [output]))
    model.doc_string = "x" * size
    folder.mkdir()
    onnx.save(model, str(folder / "net_quan_dynamic.onnx"))
    return Artifact(DYNAMIC.id, (folder / "net_quan_dynamic.onnx",))


def choose(conversion, made, *others):
    artifact = Artifact(made.target, made.files, sensitivity={"layer": 0.5}, variants=others)
    asked = []
    (chosen,) = choose_by_agreement(
        [UnverifiedArtifact(DYNAMIC, artifact, seconds=3.0)],
        conversion,
        task=TASK,
        progress=lambda *step: asked.append(step),
        at_target=lambda _: nullcontext(),
    )
    return chosen, asked


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    """The variants of these tests are copies of the source, and larger."""
    monkeypatch.setattr(module, "_MOST_BYTES", 10.0)


def test_a_larger_file_takes_the_place_of_one_that_loses_answers(conversion, tmp_path):
    bad = variant(conversion, tmp_path / "bad", size=0, inverted=True)
    good = variant(conversion, tmp_path / "good", size=1000)
    chosen, asked = choose(conversion, bad, good)
    assert chosen.artifact.files == good.files and chosen.seconds == 3.0 and asked
    assert [one.files for one in chosen.artifact.variants] == [bad.files]
    assert chosen.artifact.sensitivity == {"layer": 0.5}
    note = str(chosen.artifact.notes[-1])
    assert "100% of the answers" in note and "the first one keeps 0%" in note


def test_a_file_that_keeps_the_answers_stays_whatever_lies_beside_it(conversion, tmp_path):
    good = variant(conversion, tmp_path / "good", size=0)
    other = variant(conversion, tmp_path / "other", size=1000, inverted=True)
    assert choose(conversion, good, other)[0].artifact.files == good.files
    as_good = variant(conversion, tmp_path / "as-good", size=2000)
    assert choose(conversion, good, other, as_good)[0].artifact.files == good.files


def test_a_larger_file_that_is_no_better_is_not_taken(conversion, tmp_path):
    bad = variant(conversion, tmp_path / "bad", size=0, inverted=True)
    as_bad = variant(conversion, tmp_path / "as-bad", size=1000, inverted=True)
    assert choose(conversion, bad, as_bad)[0].artifact.files == bad.files


def test_a_file_that_does_not_run_is_not_taken(conversion, tmp_path):
    bad = variant(conversion, tmp_path / "bad", size=0, inverted=True)
    broken = variant(conversion, tmp_path / "broken", size=1000)
    broken.files[0].write_bytes(b"x" * 100_000)
    assert choose(conversion, bad, broken)[0].artifact.files == bad.files


def test_one_that_takes_more_bytes_than_16_bit_would_is_not_tried(conversion, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_BYTES", 0.5)
    bad = variant(conversion, tmp_path / "bad", size=0, inverted=True)
    good = variant(conversion, tmp_path / "good", size=1000)
    chosen, asked = choose(conversion, bad, good)
    assert chosen.artifact.files == bad.files and not asked


def test_few_pictures_tell_nothing(tmp_path):
    conversion = context_with(tmp_path, 12)
    bad = variant(conversion, tmp_path / "bad", size=0, inverted=True)
    good = variant(conversion, tmp_path / "good", size=1000)
    chosen, asked = choose(conversion, bad, good)
    assert chosen.artifact.files == bad.files and not asked


def test_files_without_others_cost_nothing(conversion, tmp_path):
    made = UnverifiedArtifact(OnnxFp16(), variant(conversion, tmp_path / "good", size=0))
    found = choose_by_agreement([made], conversion, task=TASK, progress=silent, at_target=lambda _: nullcontext())
    assert found == [made]
