import io
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

import report_examples as examples
from core.common.text import say
from report_examples import BOX_F1, MAP, MAP_OF_FILE, comparison, made, refused
from tools.console import JobProgress, ToolConsole, _print_rows, print_notes, print_results_table

COLOUR = re.compile(r"\x1b\[[0-9;]*3\d")


class Stream(io.TextIOWrapper):
    """Keeps what was written; a terminal or not, of any encoding."""

    def __init__(self, *, encoding="utf-8", is_terminal=False):
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal

    @property
    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def report(file="model.onnx", *, agreement=BOX_F1, truth=(MAP,)):
    found = comparison(agreement, truth=(MAP_OF_FILE,) if truth else ())
    return examples.report(made("onnx_quan_dy", found, Path(file)), refused("ncnn_quan"), truth=truth)


def table(language="en", shown=None, **stream):
    stream = Stream(**stream)
    print_results_table(shown or report(), ToolConsole(stream, language))
    return stream.text.splitlines()


def work(stream, steps):
    with JobProgress(ToolConsole(stream, "en")) as progress:
        for fraction, message in steps:
            progress.update(fraction, message)
    return stream.text


STEPS = (
    (0.0, say("Starting")),
    (0.5, say("picture {number}", number=1)),
    (0.6, say("picture {number}", number=2)),
    (1.0, say("Done")),
)


def test_a_pipe_gets_plain_rows_that_are_never_wrapped_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    lines = table()
    assert lines[0].split("  ")[0] == "File" and len(lines) == 4
    assert not any("\x1b" in line for line in lines)
    assert " ".join(lines[2].split()) == (
        "ONNX, 8 bit dynamic 0.20 MB (32%) take a look 97.3% (91 to 100) 37.8% (-0.4) 0.52 ms (1.06x)"
    )
    assert "not possible" in lines[3]


def test_the_table_is_headed_by_what_was_measured():
    assert "Same objects" in table()[0] and "Right objects (mAP)" in table()[0]
    assert not any("0.9999" in line for line in table())
    without = table(shown=report(agreement=None, truth=()))
    assert "Similarity of numbers" in without[0] and "Right" not in without[0] and "0.99998" in without[2]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_columns_line_up(language):
    heading, source, made, _ = table(language)
    assert cell_len(heading) == cell_len(source) == cell_len(made)
    size = "大小" if language == "zh" else "Size"
    starts = {cell_len(line[: line.index(word)]) for line, word in ((heading, size), (source, "0.63"), (made, "0.20"))}
    assert len(starts) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_narrow_terminal_cuts_no_word_and_no_number(language, columns, monkeypatch):
    wide = table(language)
    monkeypatch.setenv("COLUMNS", str(columns))
    narrow = re.sub(r"\x1b\[\d*m", "", " ".join(table(language, is_terminal=True)))
    assert sorted(narrow.split()) == sorted(" ".join(wide).split())


def test_brackets_in_names_are_no_markup():
    stream = Stream(is_terminal=True)
    console = ToolConsole(stream, "en")
    _print_rows([["File"], ["model[red].onnx"], [":smile:"]], console.rich)
    print_notes(report("C:/[bold]/a.onnx"), console)
    work(stream, [(0.5, say("Reading {name}", name="[red]x[/] {0}"))])
    for name in ("model[red].onnx", ":smile:", "  C:/[bold]/a.onnx", "Reading [red]x[/] {0}"):
        assert name in stream.text


@pytest.mark.parametrize("is_terminal", [False, True])
def test_what_a_console_cannot_show_becomes_a_question_mark(is_terminal):
    stream = Stream(encoding="ascii", is_terminal=is_terminal)
    console = ToolConsole(stream, "zh")
    print_results_table(report(), console)
    print_notes(report("模型.onnx"), console)
    _print_rows([["File"], ["模型.onnx"]], console.rich)
    text = work(stream, [(0.5, say("Reading {name}", name="模型"))])
    assert "Original" in text and "  ??.onnx" in text and "Reading ??" in text


def test_a_terminal_gets_a_bar_that_ends_with_the_last_step_and_gives_the_cursor_back():
    text = work(Stream(is_terminal=True), STEPS)
    last = text.split("\r")[-1]
    assert "━" * 20 in last and "100%" in last and "Done" in last and last.endswith("\n\x1b[?25h")
    assert COLOUR.search(text)


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Stream(is_terminal=True)
    print_results_table(report(), ToolConsole(stream, "en"))
    assert not COLOUR.search(work(stream, STEPS))


def test_a_long_sentence_stays_on_the_line_of_the_bar():
    text = work(Stream(is_terminal=True), [(1.0, say("word " * 100))])
    assert text.count("\n") == 1 and "━" * 20 in text


@pytest.mark.parametrize("terminal", ["none", "dumb"])
def test_without_a_terminal_every_new_kind_of_step_gets_one_line(terminal, monkeypatch):
    monkeypatch.setenv("TERM", terminal)
    text = work(Stream(is_terminal=terminal == "dumb"), STEPS)
    assert text.splitlines() == ["  0%  Starting", " 50%  picture 1", "100%  Done"]


@pytest.mark.parametrize("is_terminal", [False, True])
def test_work_that_never_starts_shows_nothing(is_terminal):
    assert work(Stream(is_terminal=is_terminal), []) == ""


def test_an_interrupted_bar_leaves_the_terminal_as_it_was():
    stream = Stream(is_terminal=True)
    with pytest.raises(KeyboardInterrupt), JobProgress(ToolConsole(stream, "en")) as progress:
        progress.update(0.5, say("Starting"))
        raise KeyboardInterrupt
    assert stream.text.endswith("\n\x1b[?25h")
