from __future__ import annotations

import time

import pytest
from page_reading import page_text

from core.common.errors import ToolError
from core.common.text import say
from core.setup import toolchain
from core.setup.toolchain import Component
from pages.parts.toolbox import installation as installation_module
from pages.parts.toolbox.installation import INSTALLATION

READY = Component("onnx", "ONNX", "1.23.2", say("tables"), "ready", None)
MISSING = Component("netron", "Netron", None, say("tables"), "missing", None)


@pytest.fixture(autouse=True)
def installation():
    INSTALLATION.forget()
    yield
    INSTALLATION.forget()


def wait():
    deadline = time.monotonic() + 10
    while INSTALLATION.status.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_complete_toolbox_says_so(opened, monkeypatch):
    monkeypatch.setattr(toolchain, "check", lambda: (READY,))
    app = opened("toolbox")
    assert "Everything is ready." in page_text(app)
    assert not [button for button in app.button if button.key == "install"]


def test_one_click_installs_what_is_missing(opened, monkeypatch):
    monkeypatch.setattr(toolchain, "check", lambda: (READY, MISSING))
    app = opened("toolbox")
    assert "Something is missing or broken: Netron" in page_text(app)
    monkeypatch.setattr(
        installation_module, "complete", lambda progress: monkeypatch.setattr(toolchain, "check", lambda: (READY,))
    )
    app.button(key="install").click().run()
    wait()
    assert "Everything is ready." in page_text(app.run())


@pytest.mark.parametrize("error", [ToolError(say("The disk is full."), next_step=say("Try again.")), ValueError("x")])
def test_an_installation_that_fails_is_a_readable_error(opened, monkeypatch, error):
    def complete(progress):
        raise error

    monkeypatch.setattr(toolchain, "check", lambda: (MISSING,))
    monkeypatch.setattr(installation_module, "complete", complete)
    app = opened("toolbox")
    app.button(key="install").click().run()
    wait()
    text = page_text(app.run())
    assert "Try again" in text and ("The disk is full." in text or "ValueError: x" in text)
