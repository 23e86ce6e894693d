"""A worker process that dies at one target costs that target, not the job."""

import sys
from pathlib import Path

import pytest

from core.job.job import Job
from core.queue.supervisor import run_in_foreground
from small import PREPROCESSING, conv_net, pictures

COMMAND = [sys.executable, str(Path(__file__).with_name("crashing_worker.py"))]
TARGETS = ("onnx_fp16", "onnx_quan_dy", "onnx_quan_st")


@pytest.fixture
def run(store, tmp_path):
    def run_job(where, targets=TARGETS):
        job = Job(
            conv_net(tmp_path / f"{where}.onnx"),
            targets,
            PREPROCESSING,
            tmp_path / "out",
            images=pictures(tmp_path / "pictures", 4),
        )
        states = []
        job_id, final = run_in_foreground(store, job, states.append, command=COMMAND)
        report = store.report(job_id) or {"outcomes": ()}
        return final, {outcome["target"]: outcome for outcome in report["outcomes"]}, states

    return run_job


@pytest.mark.parametrize("where", ["making", "loading", "comparing"])
def test_a_crash_at_one_target_is_its_outcome_and_the_others_are_made(run, where, tmp_path):
    final, outcomes, states = run(where)
    assert final.status == "done" and final.target is None
    assert {target: outcome["status"] for target, outcome in outcomes.items()} == {
        "onnx_fp16": "converted",
        "onnx_quan_dy": "failed",
        "onnx_quan_st": "converted",
    }
    failed = outcomes["onnx_quan_dy"]
    assert "native library crashed while this file was made or checked" in failed["reason"] and failed["next_step"]
    assert "_crash" in failed["detail"]  # where it happened, from the log
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{where}_fp16.onnx",
        f"{where}_quan_static.onnx",
    ]
    assert all(state.status in ("running", "done") for state in states)


def test_a_crash_in_the_trial_of_its_file_is_its_outcome_and_the_worker_goes_on(run, tmp_path):
    final, outcomes, states = run("trying")
    assert final.status == "done" and len({state.pid for state in states if state.pid}) == 1
    assert {target: outcome["status"] for target, outcome in outcomes.items()} == {
        "onnx_fp16": "converted",
        "onnx_quan_dy": "failed",
        "onnx_quan_st": "converted",
    }
    failed = outcomes["onnx_quan_dy"]
    assert "native library crashed while the new file was loaded or run" in failed["reason"] and failed["next_step"]
    assert "open_crashing" in failed["detail"]
    assert not list((tmp_path / "out").glob("*quan_dynamic*"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_worker_that_is_killed_names_the_memory(run):
    final, outcomes, _ = run("memory", targets=("onnx_quan_dy",))
    assert final.status == "done" and "memory ran out" in outcomes["onnx_quan_dy"]["reason"]


def test_progress_begins_anew_with_the_second_worker(run):
    _, _, states = run("making")
    pids = list(dict.fromkeys(state.pid for state in states if state.pid))
    first, second = ([state for state in states if state.pid == pid] for pid in pids)
    assert first[0].targets_made is None and second[0].targets_made is None and states[-1].targets_made == 3
    assert states.index(first[-1]) < states.index(second[0]) and second[0].fraction <= first[-1].fraction
