from __future__ import annotations

from page_reading import page_text

from core.common.text import say
from core.queue.state import JobState


def test_jobs_are_listed_with_their_state(opened, store, done):
    store.create(store.job(done))
    text = page_text(opened("jobs"))
    assert "done" in text and "waiting" in text and "took 1:05" in text


def test_a_failed_job_says_why_and_can_be_tried_again(opened, store, done):
    store.write_state(done, JobState("failed", reason=say("The disk is full."), next_step=say("Try again.")))
    app = opened("jobs")
    assert "The disk is full." in page_text(app)
    app.button(key=f"again-{done}").click().run()
    assert len(store.ids()) == 2 and store.state(store.ids()[0]).status == "queued"


def test_a_job_is_deleted_after_a_second_click_and_its_files_stay(opened, store, done, model):
    app = opened("jobs")
    app.button(key=f"delete-{done}").click().run()
    assert not store.ids()
    assert (model.parent / "net_1_fp16.onnx").is_file()


def test_results_in_our_own_folder_go_with_their_job(opened, store):
    app = opened("convert")
    app.button(key="try_sample").click().run()
    (job_id,) = store.ids()
    own = store.job(job_id).out
    own.mkdir(parents=True)
    store.write_state(job_id, JobState("cancelled"))
    opened("jobs").button(key=f"delete-{job_id}").click().run()
    assert not own.exists() and own.parent.is_dir()


def test_a_waiting_job_can_be_cancelled(opened, store, done):
    waiting = store.create(store.job(done))
    opened("jobs").button(key="cancel-" + waiting).click().run()
    assert store.state(waiting).status == "cancelled"


def test_a_damaged_job_is_listed_and_can_be_deleted(opened, store, done):
    for name in ("job.json", "state.json"):
        (store.folder(done) / name).write_text("{")
    app = opened("jobs")
    assert "Unknown model" in page_text(app)
    app.button(key=f"delete-{done}").click().run()
    assert not store.ids()
