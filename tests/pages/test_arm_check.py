"""The check on ARM: on Results after a job, and in the Toolbox."""

from __future__ import annotations

import json
import threading
import time

import pytest
from page_reading import page_text

from core.common.errors import Cancelled
from core.common.text import say
from core.process import messages
from core.setup import arm
from pages.parts.results import arm_card, arm_check
from pages.parts.results.arm_tasks import ARM_CHECK, ARM_INSTALLATION


@pytest.fixture(autouse=True)
def idle():
    ARM_CHECK.forget()
    ARM_INSTALLATION.forget()
    yield
    ARM_CHECK.cancel()
    ARM_CHECK.forget()


@pytest.fixture
def available(monkeypatch):
    monkeypatch.setattr(arm, "unavailable", lambda: None)


def button(app, key):
    return next((one for one in app.button if one.key == key), None)


def test_where_it_cannot_be_had_results_says_what_to_install_and_the_toolbox_nothing(opened, done, monkeypatch):
    reasons = say("Files can be tried on an emulated ARM processor on Linux only."), say("Done.")
    monkeypatch.setattr(arm, "unavailable", lambda: reasons)
    app = opened("results")
    assert "on Linux only" in page_text(app) and button(app, "arm-check") is None and button(app, "arm-make") is None
    assert "Emulated ARM processor" not in page_text(opened("toolbox"))


@pytest.mark.parametrize("page", ["results", "toolbox"])
def test_it_is_offered_with_its_size_before_anything_is_fetched(opened, done, available, page):
    app = opened(page)
    assert "250 MB" in page_text(app) and button(app, "arm-make") is not None and button(app, "arm-check") is None


def test_the_button_starts_the_check_of_this_job_on_the_chosen_processor(opened, done, store, available, monkeypatch):
    monkeypatch.setattr(arm, "is_ready", lambda: True)
    started, go_on = [], threading.Event()

    def work(folder, processor, *, progress, cancelled):
        started.append((folder, processor))
        progress(0.3, say("Trying it out"))
        while not cancelled() and not go_on.is_set():
            time.sleep(0.01)
        raise Cancelled(messages.cancelled(), next_step=say("Start it again."))

    monkeypatch.setattr(ARM_CHECK, "_work", work)
    app = opened("results")
    next(one for one in app.selectbox if one.key == "arm-processor-en").select("cortex-a72").run()
    button(app, "arm-check").click().run()
    assert started == [(store.folder(done), "cortex-a72")]
    (bar,) = app.get("progress")
    assert "30%" in bar.proto.text and "Trying it out" in bar.proto.text
    button(app, "arm-check-cancel").click().run()
    assert "the results are as they were" in page_text(app) and button(app, "arm-check") is not None


@pytest.mark.parametrize(
    ("language", "title", "right", "wrong"), [("en", "On ARM", "right", "wrong"), ("zh", "在 ARM 上", "正确", "错误")]
)
def test_the_table_and_the_cards_say_what_came_of_it(opened, done, store, available, language, title, right, wrong):
    path = store.folder(done) / "report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    assert "arm" not in opened("results").dataframe[0].proto.column_order
    for outcome, status in zip(report["outcomes"], ("right", "wrong"), strict=False):
        words = {"template": "It crashes on ARM.", "values": {}}
        outcome["arm"] = {"processor": "cortex-a76", "status": status, "verdict": "", "words": words, "images": 6}
    path.write_text(json.dumps(report), encoding="utf-8")
    app = opened("results", language=language)
    table = app.dataframe[0]
    assert f"✓ {right}" in list(table.value["arm"]) and f"✕ {wrong}" in list(table.value["arm"])
    assert json.loads(table.proto.columns)["arm"]["label"] == title
    assert page_text(app).count("It crashes on ARM." if language == "en" else "它在 ARM 上崩溃。") == 2


def test_every_processor_has_a_name():
    assert set(arm_check._DEVICES) == set(arm.PROCESSORS) and arm_card.ARM_INSTALLATION is ARM_INSTALLATION
