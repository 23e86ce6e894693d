"""Every page opens, in both languages, with nothing to show and with something."""

from __future__ import annotations

import pytest
from page_reading import APP, page_text
from streamlit.testing.v1 import AppTest

PAGES = {
    "convert": ("Make your model small and fast", "让你的模型又小又快"),
    "pytorch": ("From PyTorch", "从 PyTorch 导入"),
    "results": ("Results", "结果"),
    "graph": ("Graph", "结构图"),
    "jobs": ("Jobs", "任务"),
    "toolbox": ("Toolbox", "工具箱"),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_without_any_job(opened, page, language):
    app = opened(page, language=language)
    assert PAGES[page][language == "zh"] in app.title[0].value


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("page", ["results", "graph", "jobs"])
def test_a_page_opens_with_a_job(opened, done, page, language):
    app = opened(page, language=language)
    assert "net_1.onnx" in page_text(app) + str([box.options for box in app.selectbox])


@pytest.mark.parametrize("page", ["results", "graph", "jobs"])
def test_an_empty_page_says_what_to_do(opened, page):
    app = opened(page)
    assert app.button(key="go-convert").label == "Convert a model"
    app.button(key="go-convert").click().run()
    assert app.title[0].value == "Make your model small and fast"


@pytest.mark.parametrize("page", ["results", "graph", "convert"])
@pytest.mark.parametrize("job", ["../../etc", "20260101-000000-0000"])
def test_a_job_that_is_not_there_does_no_harm(opened, page, job):
    app = opened(page, job=job)
    assert "Convert a model" in page_text(app)


def test_the_chosen_language_is_remembered(store):
    app = AppTest.from_file(str(APP), default_timeout=60).run()  # after a change of page, AppTest loses the side bar
    app.segmented_control(key="language-control").set_value("zh").run()
    assert app.title[0].value == "让你的模型又小又快"
    assert '"zh"' in (store.root / "settings.json").read_text()


def test_a_damaged_settings_file_is_ignored(opened, store):
    store.root.mkdir(parents=True, exist_ok=True)
    (store.root / "settings.json").write_text("[")
    app = opened("jobs")
    del app.session_state["language"]
    assert app.run().title[0].value == "Jobs"


@pytest.mark.boundary
def test_whatever_goes_wrong_is_said_in_words(store, monkeypatch):
    """On the page, and in the side bar, which is a fragment."""
    monkeypatch.setattr("core.queue.store.JobStore.ids", lambda _: {}["no such job"])
    monkeypatch.setattr("pages.parts.convert.draft.current", lambda: {}["nothing"])
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception
    said = " ".join(error.value for error in app.error)
    assert said.count("did not expect") == 2 and "no such job" in said and "nothing" in said
