from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from page_reading import APP
from streamlit.testing.v1 import AppTest

from core.job.job import Job
from core.queue import supervisor
from core.queue.state import JobState
from core.queue.store import JobStore
from core.queue.supervisor import Supervisor
from small import PREPROCESSING, conv_net, pictures


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobStore]:
    """A home of its own, with a supervisor that never starts a job."""
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EDGEPRESS_LANGUAGE", "en")
    monkeypatch.delenv("EDGEPRESS_OPENMMLAB", raising=False)
    made = JobStore(tmp_path / "home")
    monkeypatch.setattr(supervisor, "_singleton", Supervisor(made))
    st.cache_data.clear()
    yield made
    st.cache_data.clear()


@pytest.fixture(autouse=True)
def no_boundary(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors that nobody expected are raised, so that tests see them; except where the boundary itself is tested."""

    def raise_it(exc: Exception) -> None:
        raise exc

    if "boundary" not in request.keywords:
        monkeypatch.setattr("pages.parts.widgets.error_message.as_readable_error", raise_it)


@pytest.fixture
def opened(store: JobStore) -> Callable[..., AppTest]:
    """Opens a page of the app, as a browser would."""

    def open_page(name: str, *, language: str = "en", **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60)
        app.session_state["language"] = language
        app.run()
        for key, value in query.items():
            app.query_params[key] = value
        app.switch_page(f"pages/{name}.py").run()
        assert not app.exception, app.exception[0].message
        return app

    return open_page


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return conv_net(tmp_path / "mine" / "net_1.onnx")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pictures(tmp_path / "photos", 6)


@pytest.fixture
def done(store: JobStore, model: Path, folder: Path) -> str:
    """A job that was really run, with two targets that were made and one that was refused."""
    from core.runner import run_job

    job = Job(model, ("onnx_fp16", "onnx_quan_dy", "onnx_quan_st"), PREPROCESSING, model.parent, test_images=folder)
    job_id = store.create(job)
    run_job(job, store.folder(job_id), lambda fraction, message: None)
    store.write_state(job_id, JobState("done", 1.0, created=1.7e9, started=1.7e9, finished=1.7e9 + 65))
    return job_id
