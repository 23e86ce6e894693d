import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from core import runner
from core.common.errors import ImagesError, InputError, SourceError
from core.common.progress import silent
from core.job.job import Job
from core.job.target_id import file_id, target_of
from core.onnx_model.inspect import inspect
from core.preflight.preflight import check_targets
from core.report.schema import read_report
from core.runner import run_job
from core.targets import TARGET_IDS
from core.targets.onnx_quan_dy import OnnxQuanDy
from small import PREPROCESSING, conv_net, pictures, save


def job_for(tmp_path, **changes) -> Job:
    fields = {
        "source": tmp_path / "in" / "net.onnx",
        "targets": TARGET_IDS,
        "preprocessing": PREPROCESSING,
        "out": tmp_path / "out",
        "images": tmp_path / "in" / "pictures",
    }
    if not fields["source"].exists():
        conv_net(fields["source"])
        pictures(fields["images"], 12)
    return Job(**{**fields, **changes})


def run(job: Job, tmp_path, progress=silent) -> dict:
    folder = tmp_path / "job"
    shutil.rmtree(folder, ignore_errors=True)
    run_job(job, folder, progress)
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_all_six_targets_are_made_and_evaluated(tmp_path):
    report = run(job_for(tmp_path), tmp_path)
    assert [outcome["status"] for outcome in report["outcomes"]] == ["converted"] * 6, report["outcomes"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("net_fp16.onnx", "net_quan_dynamic.onnx", "net_quan_static.onnx"),
        *("net.param", "net.bin", "net_fp16.param", "net_fp16.bin", "net_int8.param", "net_int8.bin"),
    }
    for outcome in report["outcomes"]:
        comparison = outcome["comparison"]
        assert comparison["images"] == 6 and comparison["cosine"] > 0.9 and comparison["agreement"] is not None
        assert comparison["latency_ms"]["median_one_thread"] > 0 and comparison["outputs"][0]["name"] == "scores"
        assert all((tmp_path / "out" / path).is_file() for path in outcome["files"])
        is_ncnn = outcome["target"].startswith("ncnn")
        assert list(outcome["outputs"]) == (["scores"] if is_ncnn else [])


def test_nothing_is_left_in_the_work_folder(tmp_path):
    run(job_for(tmp_path), tmp_path)
    assert not (tmp_path / "job" / "work").exists()
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_progress_never_goes_back_and_ends_high(tmp_path):
    seen = []
    run(job_for(tmp_path), tmp_path, lambda fraction, message: seen.append((fraction, str(message))))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] >= 0.95
    assert all("{" not in message for _, message in seen)


def test_without_pictures_only_the_targets_that_need_them_are_refused(tmp_path):
    report = run(job_for(tmp_path, images=None), tmp_path)
    status = {outcome["target"]: outcome["status"] for outcome in report["outcomes"]}
    assert [target for target in TARGET_IDS if status[target] == "refused"] == ["onnx_quan_st", "ncnn_quan"]
    assert set(status.values()) == {"refused", "converted"}
    converted = [outcome for outcome in report["outcomes"] if outcome["status"] == "converted"]
    assert all(outcome["comparison"]["images"] == 0 for outcome in converted)
    assert all("random" in " ".join(outcome["notes"]) for outcome in converted)


def test_labelled_pictures_give_true_accuracy(tmp_path):
    job = job_for(tmp_path, targets=("onnx_fp16",))
    rows = [f"{path.name},{index % 5}" for index, path in enumerate(sorted(job.images.iterdir()))]
    (job.images / "labels.csv").write_text("file,label\n" + "\n".join(rows), encoding="utf-8")
    report = run(job, tmp_path)
    first, fifth = report["source"]["truth"]
    assert (first["metric"], fifth["metric"], fifth["value"]) == ("top-1", "top-5", 1.0)
    assert 0 <= first["value"] <= 1 and first["difference"] is None
    (outcome,) = report["outcomes"]
    assert outcome["comparison"]["truth"][0]["difference"] == 0.0
    assert report["task"]["name"] == "classification" and "labels.csv" in report["task"]["labels"]


def test_a_broken_picture_is_skipped_counted_and_noted(tmp_path):
    job = job_for(tmp_path, targets=("onnx_quan_st",))
    (job.images / "zz.jpg").write_text("no picture")
    report = run(job, tmp_path)
    assert report["outcomes"][0]["status"] == "converted"
    assert [skipped["file"].endswith("zz.jpg") for skipped in report["images"]["skipped"]] == [True]
    assert "1 picture could not be read" in report["notes"][0]


def test_the_gallery_has_every_prediction_most_changed_first(tmp_path):
    run(job_for(tmp_path), tmp_path)
    gallery = json.loads((tmp_path / "job" / "gallery.json").read_text(encoding="utf-8"))["entries"]
    assert len(gallery) == 6
    changes = [sum(entry["answers"][target]["changed"] for target in TARGET_IDS) for entry in gallery]
    assert changes == sorted(changes, reverse=True)
    for entry in gallery:
        assert (tmp_path / "job" / "gallery" / entry["picture"]).stat().st_size > 0
        assert {target_of(file) for file in entry["answers"]} == set(TARGET_IDS) and 0 < entry["source"]["score"] <= 1


def test_a_result_that_differs_too_much_fails_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(OnnxQuanDy, "least_cosine", 0.9999999)
    report = run(job_for(tmp_path, images=None, targets=("onnx_quan_dy",)), tmp_path)
    (outcome,) = report["outcomes"]
    assert outcome["status"] == "failed" and outcome["next_step"] and outcome["files"] == []
    assert list((tmp_path / "out").iterdir()) == []


def test_wrong_inputs_are_input_errors(tmp_path):
    job = job_for(tmp_path)
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(SourceError):
        run(job_for(tmp_path, source=tmp_path / "text.onnx"), tmp_path)
    with pytest.raises(ImagesError):
        run(job_for(tmp_path, images=tmp_path / "nowhere"), tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        run(job_for(tmp_path, out=tmp_path / "file" / "out"), tmp_path)
    assert job.source.exists()


def test_a_foreign_bin_beside_the_model_is_not_overwritten(tmp_path):
    job = job_for(tmp_path, targets=("ncnn",))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "net.bin").write_bytes(b"weights of another tool")
    (outcome,) = run(job, tmp_path)["outcomes"]
    assert outcome["status"] == "failed" and "net.bin" in outcome["reason"]
    assert (tmp_path / "out" / "net.bin").read_bytes() == b"weights of another tool"


def test_an_unexpected_error_in_one_target_costs_that_target_alone(tmp_path, monkeypatch):
    def broken(*_):
        raise np.linalg.LinAlgError("Matrix is not positive definite")

    monkeypatch.setattr(OnnxQuanDy, "make", broken)
    good, bad = run(job_for(tmp_path, targets=("onnx_fp16", "onnx_quan_dy")), tmp_path)["outcomes"]
    assert (good["status"], bad["status"]) == ("converted", "failed")
    assert "LinAlgError" in bad["reason"] and bad["next_step"] and "broken" in bad["detail"]


def test_a_file_that_grew_says_so(tmp_path):
    small = save(
        [helper.make_node("Softmax", ["input"], ["y"]), helper.make_node("Add", ["y", "w"], ["scores"])],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3, 32, 32])],
        [numpy_helper.from_array(np.ones((3, 1, 1), np.float32), "w")],
        tmp_path / "in" / "net.onnx",
    )
    pictures(tmp_path / "in" / "pictures", 4)
    (made,) = run(job_for(tmp_path, targets=("onnx_fp16",)), tmp_path)["outcomes"]
    assert made["status"] == "converted" and made["size_bytes"] > small.stat().st_size
    assert "larger than the original" in made["notes"][-1]


def recorded(monkeypatch, name):
    """The calls of a function that the runner uses, which still does its work."""
    function, calls = getattr(runner, name), []
    monkeypatch.setattr(runner, name, lambda *args, **options: calls.append(args) or function(*args, **options))
    return calls


def set_up(job) -> Job:
    """As the pages and the command line hand it over: inspected and checked."""
    source = inspect(job.source)
    return replace(job, model=source, preflight=check_targets(source, targets=job.targets, size=(32, 32)))


def test_too_little_memory_keeps_a_target_from_being_made(tmp_path, monkeypatch):
    monkeypatch.setattr("core.preflight.preflight.installed_memory", lambda: 10_000_000)
    monkeypatch.setattr(OnnxQuanDy, "make", lambda *_: pytest.fail("it was made"))
    report = run(job_for(tmp_path, targets=("onnx_quan_dy",)), tmp_path)
    (outcome,), (preflight,) = report["outcomes"], report["preflight"]
    assert (outcome["status"], preflight["status"]) == ("refused", "cannot")
    assert "memory" in outcome["reason"] and outcome["next_step"] and list((tmp_path / "out").iterdir()) == []


def test_what_was_found_when_the_job_was_set_up_is_not_looked_for_again(tmp_path, monkeypatch):
    job = set_up(job_for(tmp_path, targets=("onnx_fp16", "onnx_quan_dy")))
    calls = recorded(monkeypatch, "inspect"), recorded(monkeypatch, "check_targets")
    report = run(job, tmp_path)
    assert calls == ([], [])
    assert [outcome["status"] for outcome in report["outcomes"]] == ["converted"] * 2


def test_a_refusal_from_when_the_job_was_set_up_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("core.preflight.preflight.installed_memory", lambda: 10_000_000)
    job = set_up(job_for(tmp_path, targets=("onnx_fp16",)))
    monkeypatch.undo()
    (outcome,) = run(job, tmp_path)["outcomes"]
    assert outcome["status"] == "refused" and "memory" in outcome["reason"]


def test_a_model_that_changed_since_is_inspected_and_checked_anew(tmp_path, monkeypatch):
    """It was an ordinary model when the job was set up, and has no weights now."""
    job = set_up(job_for(tmp_path, targets=("onnx_fp16",)))
    save(
        [helper.make_node("Softmax", ["input"], ["scores"])],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3, 32, 32])],
        [],
        job.source,
    )
    os.utime(job.source, ns=(1, 1))
    calls = recorded(monkeypatch, "inspect"), recorded(monkeypatch, "check_targets")
    report = run(job, tmp_path)
    assert [len(one) for one in calls] == [1, 1]
    assert report["source"]["parameters"] == 0 and report["outcomes"][0]["status"] == "refused"


def test_a_job_for_other_targets_than_were_checked_is_checked_anew(tmp_path, monkeypatch):
    job = replace(set_up(job_for(tmp_path, targets=("onnx_fp16",))), targets=("onnx_quan_dy",))
    inspected, checked = recorded(monkeypatch, "inspect"), recorded(monkeypatch, "check_targets")
    (outcome,) = run(job, tmp_path)["outcomes"]
    assert (outcome["target"], len(inspected), len(checked)) == ("onnx_quan_dy", 0, 1)


def test_made_targets_are_counted_before_each_one_and_at_the_end(tmp_path):
    job, counts = job_for(tmp_path, targets=("onnx_quan_dy", "onnx_quan_st"), images=None), []
    run_job(job, tmp_path / "job", silent, on_targets_made=counts.append)
    assert counts == [0, 1, 2]


def test_what_the_files_were_chosen_from_is_kept_in_the_jobs_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("core.quantization.onnx.dynamic._FAR_BELOW", 0.0)  # the small model has little noise
    report = read_report(run(job_for(tmp_path), tmp_path))
    outcomes = [outcome for outcome in report.outcomes if outcome.variants]
    assert outcomes and not (tmp_path / "job" / "work").exists()
    gallery = json.loads((tmp_path / "job" / "gallery.json").read_text(encoding="utf-8"))["entries"]
    for outcome in outcomes:
        chosen, *others = outcome.variants
        assert chosen.number == outcome.variant == 0 and others
        assert [file.read_bytes() for file in chosen.files] == [file.read_bytes() for file in outcome.files]
        assert chosen.comparison == outcome.comparison and chosen.words == outcome.words
        for variant in outcome.variants:
            assert sum(file.stat().st_size for file in variant.files) == variant.size_bytes
            assert variant.comparison.agreement and variant.comparison.latency_ms
            assert file_id(outcome.target, variant.number) in gallery[0]["answers"]


def test_without_test_pictures_there_is_nothing_to_choose_from(tmp_path):
    job = replace(job_for(tmp_path), images=None, targets=("onnx_quan_dy",))
    assert not read_report(run(job, tmp_path)).outcomes[0].variants
