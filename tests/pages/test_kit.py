"""The deployment kit of a file on the page of results: made by a button, then offered as a download."""

from __future__ import annotations

import os
import threading
import time
import zipfile

import pytest
from page_reading import page_text

from core.common.errors import Cancelled, ConversionError
from core.common.text import say
from core.process import messages
from core.setup import web_runtime
from pages.parts.results.kit import KIT


@pytest.fixture(autouse=True)
def idle():
    KIT.forget()
    yield
    KIT.cancel()
    KIT.forget()


def keys(app):
    return [one.key for one in app.button if one.key and one.key.startswith("kit-") and not one.key.endswith("-answer")]


def links(app):
    return [one.proto.url for one in app.get("link_button") if "kit" in one.proto.label.lower()]


def press(app, key):
    next(one for one in app.button if one.key == key).click()
    return app.run()


def finish(app):
    end = time.monotonic() + 100
    while KIT.status.is_running and time.monotonic() < end:
        time.sleep(0.1)
    return app.run()


def test_each_file_that_was_made_has_a_button_and_one_that_was_refused_has_none(opened, done):
    assert keys(opened("results")) == ["kit-onnx_fp16", "kit-onnx_quan_dy"]


def test_the_kit_is_made_and_then_offered_with_where_it_lies(opened, done, model):
    app = finish(press(opened("results"), "kit-onnx_fp16"))
    assert KIT.status.error is None
    kit = model.parent / "net_1_fp16_kit"
    assert (kit / "python" / "run.py").is_file() and zipfile.is_zipfile(kit.with_name("net_1_fp16_kit.zip"))
    assert keys(app) == ["kit-web-onnx_fp16", "kit-onnx_quan_dy"] and len(links(app)) == 1
    (link,) = [one for one in app.get("link_button") if "kit" in one.proto.label.lower()]
    assert "It also lies in" in link.proto.help and "net_1_fp16_kit" in link.proto.help.replace("\\", "")
    KIT.forget()  # as after a restart of the app
    assert len(links(opened("results"))) == 1


def test_its_web_page_gets_the_runtime_on_demand(opened, done, model, monkeypatch):
    app = finish(press(opened("results"), "kit-onnx_fp16"))
    kit, started = model.parent / "net_1_fp16_kit", []

    def work(folder, target, out, has_web_runtime, *, progress, cancelled):
        started.append((target, out, has_web_runtime))
        for name in web_runtime.FILES:
            (kit / "web" / "runtime" / name).touch()

    monkeypatch.setattr(KIT, "_work", work)
    app = finish(press(app, "kit-web-onnx_fp16"))
    assert started == [("onnx_fp16", model.parent, True)]
    assert keys(app) == ["kit-onnx_quan_dy"] and len(links(app)) == 1


def test_a_file_that_changed_since_needs_a_new_kit(opened, done, model):
    finish(press(opened("results"), "kit-onnx_fp16"))
    later = time.time() + 60
    os.utime(model.parent / "net_1_fp16.onnx", (later, later))
    app = opened("results")
    assert keys(app) == ["kit-onnx_fp16", "kit-onnx_quan_dy"] and not links(app)


def test_while_one_is_made_its_card_shows_the_progress_and_the_other_waits(opened, done, monkeypatch):
    go_on = threading.Event()

    def work(folder, target, out, *, progress, cancelled):
        progress(0.4, say("Writing the kit"))
        while not cancelled() and not go_on.is_set():
            time.sleep(0.01)
        if cancelled():
            raise Cancelled(messages.cancelled(), next_step=say("Start it again."))

    monkeypatch.setattr(KIT, "_work", work)
    app = press(opened("results"), "kit-onnx_fp16")
    end = time.monotonic() + 20
    while not KIT.status.fraction and time.monotonic() < end:
        time.sleep(0.05)
    app.run()
    assert keys(app) == ["kit-cancel-onnx_fp16", "kit-onnx_quan_dy"]
    assert next(one for one in app.button if one.key == "kit-onnx_quan_dy").disabled
    app = press(app, "kit-cancel-onnx_fp16")
    assert keys(app) == ["kit-onnx_fp16", "kit-onnx_quan_dy"] and "it was cancelled" in page_text(app)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_went_wrong_is_told(opened, done, store, model, monkeypatch, language):
    def work(*arguments, progress, cancelled):
        raise ConversionError(say("Writing the kit"), next_step=say("Start it again."))

    monkeypatch.setattr(KIT, "_work", work)
    KIT.start(store.folder(done), "onnx_fp16", model.parent)
    KIT.cancel()  # which waits for its end
    app = opened("results", language=language)
    assert {"en": "Writing the kit", "zh": "正在写入部署包"}[language] in page_text(app)
    assert "kit-onnx_fp16" in keys(app)
