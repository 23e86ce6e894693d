import gc
import time
import weakref
from functools import partial

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from core.common.errors import OptionError
from core.evaluation import paired_comparison
from core.evaluation.paired_comparison import Candidate, Metrics, run_paired
from core.inputs.samples import Sample
from core.runtimes.on_demand import OnDemandPredictor
from core.runtimes.onnx import OnnxPredictor
from core.tasks.classification import Classification
from core.tasks.predictions import ClassTruth
from small import SIZE, conv_net, scale_scores

TASK = Classification("scores")


@pytest.fixture
def path(tmp_path):
    return conv_net(tmp_path / "net.onnx")


def feeds(count, *, seed=0):
    random = np.random.default_rng(seed)
    return [{"input": random.standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)} for _ in range(count)]


def candidate(path):
    return Candidate(OnnxPredictor(path, threads=1), Metrics.empty(TASK, ("scores",)))


def compare(path, candidates, samples):
    """The source's metrics, and the results sample by sample."""
    results = []
    source = OnnxPredictor(path, threads=1)
    metrics = Metrics.empty(TASK, ("scores",))
    run_paired(samples, source=source, metrics=metrics, candidates=candidates, task=TASK, on_sample=results.append)
    return metrics, results


def with_axes(path):
    """The scores with two further axes of length 1."""
    model = onnx.load(str(path))
    (output,) = model.graph.output
    model.graph.node[-1].output[0] = "row"
    model.graph.node.append(helper.make_node("Unsqueeze", ["row", "axes"], [output.name]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 3], np.int64), "axes"))
    output.type.tensor_type.ClearField("shape")
    onnx.save(model, str(path))
    return path


def test_where_a_task_decodes_the_number_of_rows_may_differ_and_numbers_are_then_not_compared(path, tmp_path):
    more = candidate(conv_net(tmp_path / "more.onnx", classes=7))
    _, results = compare(path, {"more": more}, [Sample(one) for one in feeds(2)])
    assert more.error is None and more.metrics.compared == 0
    assert [result.candidates["more"].cosine for result in results] == [None, None]


def renamed(path, to):
    model = onnx.load(str(path))
    model.graph.output[0].name = model.graph.node[-1].output[0] = "logits"
    onnx.save(model, str(to))
    return to


def test_agreement_and_accuracy_are_counted_over_all_samples(path, tmp_path):
    same, negated = candidate(path), candidate(scale_scores(path, -1, tmp_path / "negated.onnx"))
    predictor = OnnxPredictor(path, threads=1)
    inputs = feeds(4)
    best = [int(predictor.run(one)["scores"].argmax()) for one in inputs]
    truths = [ClassTruth(str(index)) for index in (best[0], (best[1] + 1) % 5)] + [None, ClassTruth(str(best[3]))]
    samples = [Sample(one, truth=truth) for one, truth in zip(inputs, truths, strict=True)]
    source, results = compare(path, {"same": same, "negated": negated}, samples)
    assert same.metrics.agreement.compute().value == 1 and negated.metrics.agreement.compute().value == 0
    first, fifth = source.truth.compute()
    assert (first.value, first.samples, fifth.value) == (pytest.approx(2 / 3), 3, 1.0)
    assert [figure.value for figure in same.metrics.truth.compute()] == [first.value, fifth.value]
    assert negated.metrics.truth.compute(source.truth)[0].difference < 0
    assert [result.sample.truth for result in results] == truths
    for result, first in zip(results, best, strict=True):
        copy, other = result.candidates["same"], result.candidates["negated"]
        assert result.source.ranking[0] == copy.prediction.ranking[0] == first
        assert (copy.agreement, other.agreement) == (1.0, 0.0)
        assert (copy.cosine, other.cosine) == (pytest.approx(1), pytest.approx(-1))


def test_similarity_accumulates_over_the_samples(path, tmp_path):
    changed = scale_scores(path, 1.5, tmp_path / "changed.onnx")
    same, larger = candidate(path), candidate(changed)
    inputs = feeds(3)
    compare(path, {"same": same, "larger": larger}, [Sample(one) for one in inputs])
    source, second = (OnnxPredictor(file, threads=1) for file in (path, changed))
    a, b = (np.concatenate([one.run(each)["scores"].ravel() for each in inputs]) for one in (source, second))
    (difference,) = larger.metrics.similarity.compute()
    assert difference.cosine == pytest.approx(1) and difference.largest == pytest.approx(np.abs(a - b).max(), rel=1e-4)
    assert difference.sqnr_db == pytest.approx(20 * np.log10(2), abs=1e-3)  # the error is half the signal
    assert same.metrics.similarity.compute()[0].largest == 0


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("names", "not those of the original"),
        ("shape", 'output "scores" has the shape (1, 7, 1, 1) instead of (1, 5)'),
        ("nan", "infinite or not numbers"),
        ("infinity", "infinite or not numbers"),
        ("size", "stopped while it was being run"),
    ],
)
def test_a_candidate_with_other_outputs_is_excluded_and_the_others_go_on(path, tmp_path, kind, said):
    to = tmp_path / "bad.onnx"
    make = {
        "names": lambda: renamed(path, to),
        "shape": lambda: with_axes(conv_net(to, classes=7)),
        "nan": lambda: scale_scores(path, np.nan, to),
        "infinity": lambda: scale_scores(path, np.inf, to),
        "size": lambda: conv_net(to, size=2 * SIZE),
    }
    bad, good = candidate(make[kind]()), candidate(path)
    samples = [Sample(one, truth=ClassTruth("0")) for one in feeds(3)]
    _, results = compare(path, {"bad": bad, "good": good}, samples)
    assert said in str(bad.error.reason) and bad.error.next_step
    assert [list(result.candidates) for result in results] == [["good"]] * 3
    assert good.error is None and good.metrics.compared == 3 and bad.metrics.compared == 0


def test_infinities_of_the_source_do_not_exclude_a_candidate_that_has_them_too(path, tmp_path):
    infinite = scale_scores(path, np.inf, tmp_path / "infinite.onnx")
    copy = candidate(infinite)
    compare(infinite, {"copy": copy}, [Sample(one) for one in feeds(1)])
    assert copy.error is None and copy.metrics.similarity.compute()[0].largest == 0


def test_a_candidate_that_fails_later_keeps_out_from_then_on(tmp_path):
    """The size of the images is free in the source and fixed in the candidate."""
    free, fixed = conv_net(tmp_path / "free.onnx", size="side"), candidate(conv_net(tmp_path / "fixed.onnx"))
    fitting, larger = feeds(1)[0], {"input": np.ones((1, 3, 2 * SIZE, 2 * SIZE), np.float32)}
    samples = [Sample(one) for one in (fitting, larger, fitting)]
    _, results = compare(free, {"fixed": fixed}, samples)
    assert [list(result.candidates) for result in results] == [["fixed"], [], []]
    assert fixed.metrics.compared == 1 and fixed.error


def test_an_unexpected_error_with_one_file_does_not_cost_the_others(path):
    class Broken(OnnxPredictor):
        def run(self, feeds):
            raise KeyError("blob")

    broken, good = Candidate(Broken(path, threads=1), Metrics.empty(TASK, ("scores",))), candidate(path)
    compare(path, {"broken": broken, "good": good}, [Sample(one) for one in feeds(2)])
    assert "KeyError" in str(broken.error.reason) and "Broken" not in str(broken.error.reason) and broken.error.detail
    assert good.metrics.compared == 2


def test_a_candidate_that_was_not_loaded_is_left_out(path):
    missing = Candidate(None, Metrics.empty(TASK, ("scores",)))
    _, (result,) = compare(path, {"missing": missing}, [Sample(feeds(1)[0])])
    assert result.candidates == {}


def test_samples_are_made_one_by_one_and_not_kept(path):
    made = []

    def alive():
        gc.collect()
        return sum(reference() is not None for reference in made)

    def samples():
        for one in feeds(6):
            assert alive() <= 1  # the previous one, which is still bound in the loop
            sample = Sample(one)
            made.append(weakref.ref(sample))
            yield sample

    source = OnnxPredictor(path, threads=1)
    count = run_paired(
        samples(),
        source=source,
        metrics=Metrics.empty(TASK, ("scores",)),
        candidates={"copy": candidate(path)},
        task=TASK,
        on_sample=lambda result: None,
    )
    assert count == 6 and not alive()


class Picky(Classification):
    """Cannot decode outputs of which the first score is below the limit."""

    limit = 0.0

    def decode(self, outputs, placement):
        if outputs["scores"][0, 0] < self.limit:
            raise ValueError("not made for this")
        return super().decode(outputs, placement)


def test_a_sample_that_the_task_cannot_decode_is_left_out(path):
    task, inputs, source = Picky("scores"), feeds(6), OnnxPredictor(path, threads=1)
    firsts = [float(source.run(one)["scores"][0, 0]) for one in inputs]
    task.limit = float(np.median(firsts))
    decodable = sum(first >= task.limit for first in firsts)
    assert 0 < decodable < 6

    def count(samples):
        same = Candidate(OnnxPredictor(path, threads=1), Metrics.empty(task, ("scores",)))
        candidates, metrics = {"same": same}, Metrics.empty(task, ("scores",))
        return run_paired(
            samples, source=source, metrics=metrics, candidates=candidates, task=task, on_sample=lambda result: None
        )

    assert count([Sample(one) for one in inputs]) == decodable
    with pytest.raises(OptionError, match="not those of the task"):
        count([Sample(one) for one, first in zip(inputs, firsts, strict=True) if first < task.limit])


def test_in_groups_that_are_loaded_in_turn_every_figure_is_the_same(path, tmp_path, monkeypatch):
    """Candidates and samples are more than fit at once."""
    monkeypatch.setattr(paired_comparison, "_MOST_KEPT", 4)
    files = {f"x{factor}": scale_scores(path, factor, tmp_path / f"{factor}.onnx") for factor in (0.5, 1.0, -1.0)}
    loaded, most_loaded = set(), 0

    class Counted(OnnxPredictor):
        def __init__(self, name):
            nonlocal most_loaded
            super().__init__(files[name], threads=1)
            self.name = name
            loaded.add(name)
            most_loaded = max(most_loaded, len(loaded))

        def close(self):
            loaded.discard(self.name)
            super().close()

    def figures(candidates, **options):
        results = []
        count = run_paired(
            [Sample(one) for one in feeds(10)],
            source=OnnxPredictor(path, threads=1),
            metrics=Metrics.empty(TASK, ("scores",)),
            candidates=candidates,
            task=TASK,
            on_sample=results.append,
            **options,
        )
        samples = [{name: one.cosine for name, one in result.candidates.items()} for result in results]
        return count, samples, {name: one.metrics.agreement.compute().value for name, one in candidates.items()}

    on_demand = {
        name: Candidate(OnDemandPredictor(partial(Counted, name)), Metrics.empty(TASK, ("scores",))) for name in files
    }
    in_turn = figures(on_demand, at_once=2)
    assert most_loaded == 2 and not loaded
    assert in_turn == figures({name: candidate(file) for name, file in files.items()})


def test_no_more_files_run_side_by_side_than_may(path, monkeypatch):
    monkeypatch.setattr(paired_comparison.os, "cpu_count", lambda: 4)
    running, most_running = 0, []

    class Counted(OnnxPredictor):
        def run(self, feeds):
            nonlocal running
            running += 1
            most_running.append(running)
            time.sleep(0.005)
            outputs = super().run(feeds)
            running -= 1
            return outputs

    def most(side_by_side):
        most_running.clear()
        run_paired(
            [Sample(one) for one in feeds(5)],
            source=OnnxPredictor(path, threads=1),
            metrics=Metrics.empty(TASK, ("scores",)),
            candidates={name: Candidate(Counted(path, threads=1), Metrics.empty(TASK, ("scores",))) for name in "abcd"},
            task=TASK,
            on_sample=lambda result: None,
            side_by_side=side_by_side,
        )
        return max(most_running)

    assert most(1) == 1 and most(None) > 1


def test_a_file_that_cannot_be_loaded_when_its_turn_comes_costs_itself_alone(path, tmp_path):
    missing = Candidate(OnDemandPredictor(partial(OnnxPredictor, tmp_path / "x")), Metrics.empty(TASK, ("scores",)))
    good = Candidate(OnDemandPredictor(partial(OnnxPredictor, path)), Metrics.empty(TASK, ("scores",)))
    run_paired(
        [Sample(one) for one in feeds(3)],
        source=OnnxPredictor(path, threads=1),
        metrics=Metrics.empty(TASK, ("scores",)),
        candidates={"missing": missing, "good": good},
        task=TASK,
        on_sample=lambda result: None,
        at_once=1,
    )
    assert missing.error is not None and good.error is None and good.metrics.compared == 3
