import ast
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import start
from copies import copy_into
from core.setup import access
from core.setup.checks import Check

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path):
    return copy_into(tmp_path)


def environ(copy, **more):
    browser = copy.parent / "browser.py"
    browser.write_text(f"import sys; open({str(copy.parent / 'opened')!r}, 'a').write(sys.argv[1] + '\\n')", "utf-8")
    chosen = {"EDGEPRESS_HOME": str(copy.parent / "home"), "EDGEPRESS_LANGUAGE": "en", "PYTHONUTF8": "1"}
    return {**os.environ, **chosen, "BROWSER": f'"{sys.executable}" "{browser}" %s', **more}


def run(copy, *arguments, **more):
    command = [sys.executable, str(copy / "start.py"), *arguments]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=120, env=environ(copy, **more), check=False
    )


def start_and_wait(copy, *arguments):
    """The running launcher, and all that it printed until the app responded."""
    command = [sys.executable, str(copy / "start.py"), "--wheels", str(copy.parent / "wheels"), *arguments]
    # A runner in the background of a shell has Ctrl-C ignored, and its children inherit that.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=environ(copy),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    printed = []
    for line in process.stdout:
        printed.append(line)
        if "To stop it" in line:
            return process, "".join(printed)
    process.wait()
    return pytest.fail("".join(printed))


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send a Ctrl-C to one process only")
def test_from_a_fresh_copy_to_the_browser_again_and_to_a_clean_stop(copy):
    opened = copy.parent / "opened"
    first, printed = start_and_wait(copy)
    try:
        assert "Making a Python folder" in printed
        assert "streamlit 9.9" in printed
        assert "Some parts are not ready" in printed  # the table names what is missing, and the start goes on
        while not opened.exists():
            time.sleep(0.01)
        second = run(copy)
        assert second.returncode == 0
        assert "running already: http://127.0.0.1:" in second.stdout
        urls = opened.read_text(encoding="utf-8").split()
        assert len(urls) == 2
        assert len({url.partition("?token=")[0] for url in urls}) == 1
        shown = re.search(r"token=(\S+)", printed).group(1)
        assert shown in second.stdout  # the same token, from a file that only this account can read
        tickets = {url.partition("?token=")[2] for url in urls}
        assert len(tickets) == 2  # a browser's command line can be read by everybody: it never holds the token
        assert all(access.Tickets(shown).accept(ticket) for ticket in tickets)
    finally:
        first.send_signal(signal.SIGINT)
    rest, _ = first.communicate(timeout=30)
    assert "EdgePress has stopped." in rest
    assert first.returncode == 0

    started = time.monotonic()
    again, printed = start_and_wait(copy, "--no-browser")
    assert time.monotonic() - started < 5
    assert "Making" not in printed
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=30) == 0
    assert len(opened.read_text(encoding="utf-8").split()) == 2


def test_a_failed_installation_ends_in_a_readable_error_and_is_not_recorded_as_complete(copy):
    (copy.parent / "wheels" / "streamlit-9.9-py3-none-any.whl").unlink()
    ran = run(copy, "--wheels", str(copy.parent / "wheels"), EDGEPRESS_LANGUAGE="zh")
    assert ran.returncode == 1
    assert "没有适合这台电脑的现成 streamlit==9.9" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
    assert not list((copy / ".venv").glob("edgepress*.json"))


def test_it_parses_on_python_3_6():
    ast.parse((ROOT / "start.py").read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_an_old_python_gets_a_readable_message(encoding):
    pretend = "import sys, runpy; sys.version_info = (3, 6, 9, 'final', 0); sys.version = '3.6.9 (old)';"
    pretend += f"runpy.run_path({str(ROOT / 'start.py')!r}, run_name='__main__')"
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    ran = subprocess.run([sys.executable, "-c", pretend], capture_output=True, env=environment, check=False)
    assert ran.returncode == 1
    assert b"needs Python 3.10 to 3.13 (64-bit); this one is 3.6.9" in ran.stdout
    assert ("太旧了".encode() in ran.stdout) == (encoding == "utf-8")
    assert ran.stderr == b""


@pytest.mark.skipif(os.name == "nt", reason="Windows has start.bat")
@pytest.mark.parametrize("name", ["start.sh", "start.command"])
def test_a_double_click_from_anywhere_reaches_the_launcher(name, tmp_path):
    ran = subprocess.run([ROOT / name, "--help"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True)
    assert "--no-browser" in ran.stdout


def test_the_help_is_in_the_readers_language():
    environment = {**os.environ, "EDGEPRESS_LANGUAGE": "zh", "PYTHONUTF8": "1"}
    command = [sys.executable, str(ROOT / "start.py"), "--help"]
    helped = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=True)
    assert "不打开浏览器" in helped.stdout


def test_everything_after_test_reaches_pytest(monkeypatch):
    seen = {}
    monkeypatch.setattr(start, "run_tests", lambda _, options: seen.update(vars(options)) or 0)
    monkeypatch.setattr(start, "_stop_on_every_signal", lambda: None)
    assert start.main(["--wheels", "w", "test", "-k", "ncnn", "--maxfail=1", "tests/core"]) == 0
    assert seen["pytest_arguments"] == ["-k", "ncnn", "--maxfail=1", "tests/core"]
    assert seen["wheels"] == Path("w")


@pytest.mark.parametrize(("last", "code"), [("pass", 0), ("raise SystemExit(5)", 1)])
def test_every_step_runs_and_one_failure_is_enough(last, code, monkeypatch, capsys):
    some = (Check("first", ("-c", "pass")), Check("second", ("-c", last)), Check("third", ("-c", "pass")))
    monkeypatch.setenv("EDGEPRESS_LANGUAGE", "en")
    monkeypatch.setattr(start.checks, "steps", lambda _: some)
    monkeypatch.setattr(start, "_prepare", lambda *_: Path(sys.executable))
    monkeypatch.setattr(start, "_stop_on_every_signal", lambda: None)
    assert start.main(["test"]) == code
    printed = capsys.readouterr().out
    assert "first: passed" in printed
    assert ("second: FAILED" in printed) == (code == 1)
    assert "third: passed" in printed


def test_without_a_screen_no_browser_is_opened(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.name", "posix")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("webbrowser.open", lambda _: pytest.fail("a browser was opened"))
    start._open_browser(start.argparse.Namespace(browser=True), "http://127.0.0.1:1")
