import math
from pathlib import Path

import pytest

from core.common.serialization import to_data
from core.common.text import say
from core.evaluation.evaluate import Evaluation
from core.inputs.images import Split
from core.job.comparison import Agreement, Comparison, Latency, LayerDifference, OutputDifference, TruthFigure
from core.job.job import Job
from core.job.outcome import Artifact, Converted, Failed, Refused
from core.job.preflight_result import PreflightResult
from core.onnx_model.inspect import inspect
from core.report.make_report import make_report, outcome_entry
from core.report.schema import OutcomeEntry, Texts, read_report
from core.tasks.base import Budget
from core.tasks.classification import Classification
from small import PREPROCESSING, conv_net

LATENCY = Latency(1.0, 2.0, 0.5, 0.7, threads=2)
AGREEMENT = Agreement("top-1", 0.9, 0.6, 1.0, 7, 7, {"probability_drift": 0.1})
TRUTH = (TruthFigure("top-1", 0.5, 4, -0.25, -0.5, 0.0),)
LAYERS = (LayerDifference("conv", "Conv", "8 bit", math.inf, 1.0),)
BUDGET = Budget(keeps=0.99, floor=0.5)
TASK = Classification("scores", names=("cat", "dog"))
NOTE, REASON, STEP = say("starting"), say("The disk is full."), say("Done.")


@pytest.fixture
def converted(tmp_path):
    (tmp_path / "net.param").write_bytes(b"12")
    (tmp_path / "net.bin").write_bytes(b"345")
    files = (tmp_path / "net.param", tmp_path / "net.bin")
    artifact = Artifact("ncnn", files, {"input": "in0"}, {"scores": "out0"}, (NOTE,))
    scores = OutputDifference("boxes", 0.8, 4.0, 0.5)
    differences = (
        OutputDifference("boxes", 0.99, 20.0, 3.0, scores),
        OutputDifference("exact", 1.0, math.inf, 0.0),
    )
    comparison = Comparison(
        7,
        differences,
        agreement=AGREEMENT,
        truth=TRUTH,
        latency=LATENCY,
        layers=LAYERS,
        light="keeps",
        verdict=say("Done."),
    )
    return Converted(artifact, comparison, seconds=1.23456, size_bytes=artifact.size_bytes)


def test_a_converted_target_is_reported_with_its_files_and_metrics(converted):
    entry = outcome_entry(converted)
    assert (entry.target, entry.status, entry.size_bytes, entry.seconds) == ("ncnn", "converted", 5, 1.235)
    assert entry.notes == ("starting",) and entry.words == Texts(notes=(NOTE,))
    assert entry.inputs == {"input": "in0"} and entry.outputs == {"scores": "out0"}
    figures = entry.comparison
    assert (figures.images, figures.cosine, figures.sqnr_db) == (7, 0.8, 4.0)
    assert (figures.agreement, figures.truth, figures.latency_ms) == (AGREEMENT, TRUTH, LATENCY)
    assert (figures.light, figures.verdict, figures.words) == ("keeps", "Done.", say("Done."))
    assert figures.layers[0].name == "conv" and figures.layers[0].sqnr_db is None
    assert figures.outputs[0].scores.cosine == 0.8 and figures.outputs[0].largest == 3.0


def test_an_infinite_sqnr_is_no_number_since_json_has_none(converted):
    assert outcome_entry(converted).comparison.outputs[1].sqnr_db is None


def test_a_target_that_was_not_made_says_why_and_has_every_key(converted):
    refused = outcome_entry(Refused("ncnn", REASON, STEP))
    failed = outcome_entry(Failed("ncnn", REASON, STEP, detail="Errno 28", seconds=2.0))
    assert (refused.status, refused.detail, refused.seconds) == ("refused", "", 0.0)
    assert (failed.status, failed.detail, failed.seconds) == ("failed", "Errno 28", 2.0)
    for entry in (refused, failed):
        assert (entry.reason, entry.next_step) == ("The disk is full.", "Done.")
        assert entry.words == Texts(REASON, STEP) and entry.comparison is None and entry.files == ()
        assert set(to_data(entry)) == set(to_data(outcome_entry(converted))) == set(OutcomeEntry.__dataclass_fields__)


def test_the_whole_report_holds_what_was_measured_and_reads_back(converted, tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    source_truth = (TruthFigure("top-1", 0.25, 4), TruthFigure("top-5", 0.75, 4))
    made = make_report(
        Job(source.path, ("ncnn",), PREPROCESSING, tmp_path),
        source,
        task=TASK,
        split=Split((Path("a"),), (Path("b"), Path("c")), duplicates=1),
        skipped={Path("b"): "damaged"},
        evaluation=Evaluation(source_truth, LATENCY, {}, None, {}, {}, TASK, BUDGET, images=2),
        outcomes=(converted,),
        notes=(NOTE,),
        preflight=(PreflightResult("ncnn", "cannot", (), REASON, STEP),),
    )
    assert (made.source.truth, made.source.latency_ms) == (source_truth, LATENCY)
    assert (made.task.name, made.task.class_names, made.task.budget) == ("classification", ("cat", "dog"), BUDGET)
    assert made.task.reason == str(made.task.words)
    assert (made.images.calibration, made.images.test, made.images.duplicates) == (1, 2, 1)
    assert [(one.file, one.why) for one in made.images.skipped] == [("b", "damaged")]
    assert made.notes == ("starting",) and made.words.notes == (NOTE,)
    assert made.preflight[0].reason == "The disk is full." and made.preflight[0].words.next_step == STEP
    assert read_report(to_data(made)) == made
