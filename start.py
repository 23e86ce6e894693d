"""Start EdgePress: make its Python folder, install what it needs, open it in the browser.

    python start.py                      start, or show the one that is running
    python start.py test [...]           check and test everything; the rest goes to pytest

This file parses on every Python from 3.6, so that an old one prints a message instead of a syntax error.
"""

import contextlib
import sys

if sys.version_info < (3, 10):  # noqa: UP036 - an old Python is exactly what this is for
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
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path

from core.common.console import Console
from core.common.errors import EdgePressError, ToolError
from core.common.paths import home
from core.common.text import Text, say
from core.setup import access, checks, computer, environment, installer, instance, server
from core.setup.console_progress import console_progress

ROOT = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; return the exit code."""
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
    """Start the app and wait until it ends, or show the one that is running already."""
    own = instance.Instance(ROOT, home())
    if not own.acquire():
        return _show_running(console, options, own)
    try:
        python = _prepare(console, options, environment.RUN)
        token = access.read(os.environ).token
        address = instance.ServerAddress(instance.choose_port(options.port), os.getpid(), token)
        log = home() / "logs" / "app.log"
        console.print(say("Starting EdgePress ..."))
        stop = _event_of_every_signal()
        app = server.start(python, ROOT, address=address, log=log, handles=own.inheritable_handles())
        return _run_until_stopped(console, options, app, own, stop)
    finally:
        own.release()


def run_tests(console: Console, options: argparse.Namespace) -> int:
    """Run every check and test, all of them even if one fails; 0 only if all passed."""
    python = _prepare(console, options, environment.TEST)
    results = []
    for check in checks.steps(options.pytest_arguments):
        console.print(say("== {step}", step=check.name))
        started = time.monotonic()
        results.append((check.name, check.run(python, ROOT), time.monotonic() - started))
    for name, passed, seconds in results:
        verdict = say("passed") if passed else say("FAILED")
        console.print(say("{step}: {verdict} ({seconds} s)", step=name, verdict=verdict, seconds=f"{seconds:.1f}"))
    return 0 if all(passed for _, passed, _ in results) else 1


def _run_until_stopped(
    console: Console,
    options: argparse.Namespace,
    app: server.Server,
    own: instance.Instance,
    stop: threading.Event,
) -> int:
    """Open the browser when the app responds, then wait for Ctrl-C."""
    try:
        app.wait_until_up(stop)
        if not stop.is_set():
            own.write_address(app.address)
            console.print(say("EdgePress is running: {url}", url=app.address.url))
            console.print(say("To stop it, press Ctrl-C or close this window."))
            _open_browser(options, app.address.url_for_one_opening())
        app.wait_until_down(stop)
        console.print(say("Stopping EdgePress ..."))
    finally:
        app.stop()  # a second Ctrl-C only sets the event again
    console.print(say("EdgePress has stopped."))
    return 0


def _show_running(console: Console, options: argparse.Namespace, other: instance.Instance) -> int:
    address = other.find(timeout=20)
    if address is None:
        raise ToolError(
            say("EdgePress is being started or stopped in another window."),
            next_step=say("Wait until that window says it is running; or close that window, then start again."),
        )
    console.print(say("EdgePress is running already: {url}", url=address.url))
    _open_browser(options, address.url_for_one_opening())
    return 0


def _prepare(console: Console, options: argparse.Namespace, requirements: tuple[str, ...]) -> Path:
    """Complete the environment if anything is missing; return its interpreter."""
    own = environment.Environment(ROOT)
    plan = environment.InstallPlan(requirements, options.wheels)
    if environment.is_ready(own, plan):
        return own.python
    warning = computer.untested_python()
    if warning:
        console.print(warning)
    for failure in environment.prepare(own, plan, progress=console_progress(console)):
        console.print(say("The three ncnn targets are not available for now; the next start tries again:"))
        console.error(failure)
    _check_toolchain(console, own)
    return own.python


def _check_toolchain(console: Console, own: environment.Environment) -> None:
    """Show the table of components, checked by the environment's Python; a broken one does not stop the start."""
    console.print(say("Checking the parts:"))
    command = [str(own.python), str(ROOT / "tools" / "env_config.py"), "--check"]
    checked = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONUTF8": "1"}, check=False)
    if checked.returncode != 0:
        console.print(say("Some parts are not ready, as the table says. The rest of EdgePress works."))


def _open_browser(options: argparse.Namespace, url: str) -> None:
    """Only where there is a screen: elsewhere the webbrowser module would start a text browser in the terminal."""
    variables = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    has_screen = os.name == "nt" or sys.platform == "darwin" or any(os.environ.get(name) for name in variables)
    if options.browser and has_screen:
        webbrowser.open(url)


def _stop_on_every_signal() -> None:
    """Let a closed terminal or a SIGTERM end EdgePress as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    _handle(("SIGTERM", "SIGHUP", "SIGBREAK"), stop)


def _event_of_every_signal() -> threading.Event:
    """An event that Ctrl-C, a SIGTERM or a closed terminal sets from now on, instead of raising KeyboardInterrupt.

    An exception that a signal raises inside of :mod:`subprocess` can leave its lock taken, and one inside of a
    destructor is lost: in both cases EdgePress would never stop.
    """
    event = threading.Event()
    _handle(("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"), lambda *_: event.set())
    return event


def _handle(names: tuple[str, ...], handler: Callable[..., None]) -> None:
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup wants it ignored
            signal.signal(number, handler)


def _parser(console: Console) -> argparse.ArgumentParser:
    translate = functools.partial(Text.in_language, language=console.language)
    parser = argparse.ArgumentParser(
        prog="start.py",
        description=translate(say("Install what EdgePress needs, start it and open it in the browser.")),
    )
    parser.add_argument("--port", type=int, help=translate(say("use this port instead of a free one")))
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help=translate(say("do not open the browser"))
    )
    parser.add_argument(
        "--wheels",
        type=Path,
        metavar="DIR",
        help=translate(
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
        help=translate(say("check and test everything; what follows goes to pytest")),
    )
    return parser


def _parse(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """Split after "test" by hand: argparse cannot leave the options after it to pytest."""
    end = arguments.index("test") + 1 if "test" in arguments else len(arguments)
    options = parser.parse_args(arguments[:end])
    if options.command is None:  # "test" was the value of an option
        options, end = parser.parse_args(arguments), len(arguments)
    options.pytest_arguments = arguments[end:]
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
