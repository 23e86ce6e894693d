"""Start EdgePress: make its Python folder, install what it needs, open it in the browser.

    python start.py                      start, or show the one that is running
    python start.py test [...]           check and test everything; the rest goes to pytest

This file parses on every Python from 3.6, so that an old one gets an answer instead of a syntax error.
"""

import contextlib
import sys

if sys.version_info < (3, 10):  # noqa: UP036 - an old Python is exactly who must read this
    for line in (
        f"EdgePress needs Python 3.10 to 3.13 (64-bit); this one is {sys.version.split()[0]}: {sys.executable}",
        "Install a newer one from python.org (on Linux: with your package manager), then start again.",
        "EdgePress 需要 64 位的 Python 3.10 到 3.13，现在这个版本太旧了。",
        "请从 python.org 安装新版本（Linux 可用系统的软件包管理器），然后重新启动。",
    ):
        with contextlib.suppress(UnicodeEncodeError):
            print(line)
    sys.exit(1)

import argparse
import functools
import os
import signal
import subprocess
import time
import webbrowser
from pathlib import Path

from core.common.console import Console
from core.common.errors import EdgePressError, ToolError
from core.common.paths import home
from core.common.text import Text, say
from core.setup import checks, environment, installer, instance, server

ROOT = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; the process's exit code."""
    console = Console()
    options = _parse(_parser(console), arguments)
    _stop_on_every_signal()
    try:
        if options.command == "test":
            return run_tests(console, options)
        return start(console, options)
    except KeyboardInterrupt:
        console.print(say("Stopped."))
        return 130
    except EdgePressError as error:
        console.error(error)
    except OSError as error:  # a disk that fills up, a file that a virus scanner holds ...
        console.error(ToolError(say("EdgePress did not start."), next_step=installer.TRY_AGAIN, detail=str(error)))
    return 1


def start(console: Console, options: argparse.Namespace) -> int:
    """Start the app and stay until it ends, or show the one that is running already."""
    mine = instance.Instance(ROOT, home())
    if not mine.take():
        return _join(console, options, mine)
    try:
        python = _prepare(console, options, environment.RUN)
        place = instance.ServerAddress(port=instance.choose_port(options.port), pid=os.getpid())
        log = home() / "logs" / "app.log"
        console.print(say("Starting EdgePress ..."))
        app = server.start(python, ROOT, place=place, log=log, handles=mine.handles())
        return _accompany(console, options, app, mine)
    finally:
        mine.release()


def run_tests(console: Console, options: argparse.Namespace) -> int:
    """Run every check and test, all of them even if one fails; 0 only if all passed."""
    python = _prepare(console, options, environment.TEST)
    results = []
    for step in checks.steps(options.pytest_arguments):
        console.print(say("== {step}", step=step.name))
        began = time.monotonic()
        results.append((step.name, step.run(python, ROOT), time.monotonic() - began))
    for name, passed, seconds in results:
        verdict = say("passed") if passed else say("FAILED")
        console.print(say("{step}: {verdict} ({seconds} s)", step=name, verdict=verdict, seconds=f"{seconds:.1f}"))
    return 0 if all(passed for _, passed, _ in results) else 1


def _accompany(console: Console, options: argparse.Namespace, app: server.Server, mine: instance.Instance) -> int:
    """Open the browser when the app answers, then wait for Ctrl-C."""
    try:
        app.wait_until_up()
        mine.announce(app.place)
        console.print(say("EdgePress is running: {url}", url=app.place.url))
        console.print(say("To stop it, press Ctrl-C or close this window."))
        _open_browser(options, app.place.url)
        app.wait_until_down()
    except KeyboardInterrupt:
        console.print(say("Stopping EdgePress ..."))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not leave half of it alive
        app.stop()
    console.print(say("EdgePress has stopped."))
    return 0


def _join(console: Console, options: argparse.Namespace, other: instance.Instance) -> int:
    place = other.find(patience=20)
    if place is None:
        raise ToolError(
            say("EdgePress is being started or stopped in another window."),
            next_step=say("Wait until that window says it is running; or close that window, then start again."),
        )
    console.print(say("EdgePress is running already: {url}", url=place.url))
    _open_browser(options, place.url)
    return 0


def _prepare(console: Console, options: argparse.Namespace, requirements: tuple[str, ...]) -> Path:
    """Complete the environment if anything is missing; its interpreter."""
    mine = environment.Environment(ROOT)
    order = environment.InstallationOrder(requirements, options.wheels)
    if environment.is_ready(mine, order):
        return mine.python
    warning = environment.python_warning()
    if warning:
        console.print(warning)

    def hear(fraction: float, message: Text) -> None:
        console.print(say("[{percent}%] {message}", percent=f"{fraction * 100:3.0f}", message=message), indent=2)

    for shortfall in environment.prepare(mine, order, progress=hear):
        console.print(say("The three ncnn targets are not available for now; the next start tries again:"))
        console.error(shortfall)
    _check_toolchain(console, mine)
    return mine.python


def _check_toolchain(console: Console, mine: environment.Environment) -> None:
    """Show the parts once, in the environment itself; a broken one is named but does not stop the start."""
    console.print(say("Checking the parts:"))
    command = [str(mine.python), str(ROOT / "tools" / "env_config.py"), "--check"]
    checked = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONUTF8": "1"}, check=False)
    if checked.returncode != 0:
        console.print(say("Some parts are not ready, as the table says. The rest of EdgePress works."))


def _open_browser(options: argparse.Namespace, url: str) -> None:
    """Without a screen, the webbrowser module would fill the terminal with a text browser."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    on_screen = os.name == "nt" or sys.platform == "darwin" or any(os.environ.get(name) for name in screens)
    if options.browser and on_screen:
        webbrowser.open(url)


def _stop_on_every_signal() -> None:
    """A closed terminal or a polite kill ends EdgePress as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup wants it ignored
            signal.signal(number, stop)


def _parser(console: Console) -> argparse.ArgumentParser:
    speak = functools.partial(Text.in_language, language=console.language)
    parser = argparse.ArgumentParser(
        prog="start.py", description=speak(say("Install what EdgePress needs, start it and open it in the browser."))
    )
    parser.add_argument("--port", type=int, help=speak(say("use this port instead of a free one")))
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help=speak(say("do not open the browser"))
    )
    parser.add_argument(
        "--wheels",
        type=Path,
        metavar="DIR",
        help=speak(
            say(
                "install without internet, from a folder of wheels; fill it on a computer of the same kind with: "
                "pip download -d DIR -r requirements.txt  and  pip download --no-deps -d DIR -r requirements-nodeps.txt"
            )
        ),
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=["test"],
        help=speak(say("check and test everything; what follows goes to pytest")),
    )
    return parser


def _parse(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """Split after "test" by hand: argparse has no way to leave the options behind it to somebody else."""
    end = arguments.index("test") + 1 if "test" in arguments else len(arguments)
    options = parser.parse_args(arguments[:end])
    if options.command is None:  # "test" was the value of an option
        options, end = parser.parse_args(arguments), len(arguments)
    options.pytest_arguments = arguments[end:]
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
