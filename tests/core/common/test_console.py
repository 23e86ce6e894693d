import io

import pytest

from core.common.console import Console, system_language
from core.common.errors import ToolError
from core.common.text import say


def console_with(encoding):
    buffer = io.BytesIO()
    return buffer, io.TextIOWrapper(buffer, encoding=encoding, newline="")


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zho"}, "en"),
        ({}, "en"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"EDGEPRESS_LANGUAGE": "zh", "LANG": "en_US.UTF-8"}, "zh"),
        ({"EDGEPRESS_LANGUAGE": "en", "LANG": "zh_CN.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_systems_unless_the_environment_overrides_it(environ, language, monkeypatch):
    monkeypatch.setattr("core.common.console._windows_locale", lambda: "")
    assert system_language(environ) == language


def test_windows_says_its_language_where_the_environment_does_not(monkeypatch):
    monkeypatch.setattr("core.common.console._windows_locale", lambda: "zh_TW")
    assert system_language({}) == "zh" and system_language({"EDGEPRESS_LANGUAGE": "en"}) == "en"


def test_a_chinese_console_shows_chinese():
    buffer, stream = console_with("utf-8")
    Console(stream, "zh").print(say("EdgePress is running: {url}", url="http://x"))
    assert buffer.getvalue().decode() == "EdgePress 正在运行：http://x\n"


def test_a_console_without_chinese_letters_gets_english_instead_of_a_crash():
    buffer, stream = console_with("cp1252")
    console = Console(stream, "zh")
    console.print(say("EdgePress did not start."))
    console.write("model 模型.onnx")
    assert buffer.getvalue() == b"EdgePress did not start.\nmodel ??.onnx\n"


def test_an_error_is_printed_with_its_next_step_and_detail():
    buffer, stream = console_with("utf-8")
    Console(stream, "en").error(ToolError(say("The disk is full."), next_step=say("Done."), detail="Errno 28"))
    assert buffer.getvalue().decode().splitlines() == ["The disk is full.", "Done.", "Technical detail:", "Errno 28"]
