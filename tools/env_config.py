"""Install everything that EdgePress needs, or only check it.

    python tools/env_config.py                      install what is missing, reinstall what is broken, show everything
    python tools/env_config.py --check              only check
    python tools/env_config.py --openmmlab          make the environment for PyTorch models of OpenMMLab as well
    python tools/env_config.py --remove-openmmlab   remove that environment again
    python tools/env_config.py --arm                fetch the emulated ARM processor as well (Linux)
    python tools/env_config.py --remove-arm         remove it again
    python tools/env_config.py --web                fetch the runtime of web pages in deployment kits as well
    python tools/env_config.py --remove-web         remove it again
    python tools/env_config.py --wheels DIR         install from a folder of wheels instead of the internet
    python tools/env_config.py --json               the result as JSON, for other programs

Exit codes:

    0    every needed part is ready (with --openmmlab, --arm or --web, that as well)
    1    a needed part is missing or broken
    2    the command line, or the folder of wheels, cannot be used
    3    installing or removing was tried and did not succeed; the reason is printed
    130  stopped with Ctrl-C; what was installed is kept, the next run continues from there

Into a bare Python (no virtual environment, none of EdgePress's packages) nothing is installed: as with start.py, the
packages go into the folder .venv of EdgePress, where the other tools find them.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import signal

    # Before anything is loaded, Ctrl-C ends a command without Python's traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if sys.version_info < (3, 10):  # noqa: UP036 - an old Python is exactly what this is for
    import start  # noqa: F401 - it prints a message and exits

if __name__ == "__main__":
    from core.common.interrupt import end_when_interrupted

    end_when_interrupted()

from core.common.console import Console
from core.common.errors import EdgePressError, OptionError
from core.common.interrupt import STOPPED, raise_when_interrupted
from core.common.progress import Progress, silent
from core.common.text import say
from core.common.unexpected_errors import as_readable_error
from core.setup import arm, environment, openmmlab, own_python, toolchain, web_runtime
from core.setup.console_progress import console_progress

ROOT = Path(__file__).resolve().parent.parent

_READY, _LACKING, _UNUSABLE, _FAILED = 0, 1, 2, 3
_VERDICTS = {"ready": say("ready"), "missing": say("MISSING"), "broken": say("BROKEN")}


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for; return the exit code."""
    options = _options(arguments)
    console = Console(sys.stderr if options.json else sys.stdout)
    error: EdgePressError | None = None
    raise_when_interrupted()
    try:
        if own_python.is_bare():
            error = _prepare_own_python(options, console)
            if error is None:
                own_python.run_with_own_python(ROOT, [str(Path(__file__).resolve()), *arguments])
        if error is None and not options.check:
            error = _repair(options, console)
        return _report(options, console, error)
    except KeyboardInterrupt:
        console.print(say("Stopped."))
        return STOPPED
    except Exception as exc:  # noqa: BLE001 - nobody is to see a traceback, whatever this computer is like
        error = as_readable_error(exc)
        console.error(error)
        if options.json:
            print(json.dumps(_as_data(_FAILED, (), error), indent=2))
        return _FAILED


def _prepare_own_python(options: argparse.Namespace, console: Console) -> EdgePressError | None:
    """Make or complete EdgePress's own environment, unless this is only a check or a removal.

    Returns:
        Why that did not work; it is printed already.
    """
    own, plan = environment.Environment(ROOT), environment.InstallPlan(environment.RUN, options.wheels)
    is_removal = options.remove_openmmlab or options.remove_arm or options.remove_web
    if options.check or is_removal or environment.is_ready(own, plan):
        return None
    try:
        environment.prepare(own, plan, progress=_progress(options, console))
    except EdgePressError as error:
        console.error(error)
        return error
    return None


def _report(options: argparse.Namespace, console: Console, error: EdgePressError | None = None) -> int:
    """Print the table, or JSON; return the exit code."""
    emulated_arm = toolchain.emulated_arm(is_wanted=options.arm)
    components = (
        *toolchain.check(),
        toolchain.openmmlab(is_wanted=options.openmmlab),
        *([] if emulated_arm is None else [emulated_arm]),
        toolchain.web_pages(is_wanted=options.web),
    )
    code = _code(components, error)
    if options.json:
        print(json.dumps(_as_data(code, components, error), indent=2))
    else:
        _show(console, components)
    return code


def _repair(options: argparse.Namespace, console: Console) -> EdgePressError | None:
    """Do everything that was asked for; one failure does not keep the rest from being tried.

    Returns:
        The first error; all of them are printed already.
    """
    progress = _progress(options, console)
    steps: list[Callable[[], object]] = [lambda: toolchain.complete(progress, wheels=options.wheels)]
    if options.remove_openmmlab:
        steps = [openmmlab.remove]
    if options.remove_arm:
        steps = [arm.remove]
    if options.remove_web:
        steps = [web_runtime.remove]
    if options.openmmlab:
        steps.append(lambda: openmmlab.create(progress, wheels=options.wheels))
    if options.arm:
        steps.append(lambda: arm.create(progress, wheels=options.wheels))
    if options.web:
        steps.append(lambda: web_runtime.create(progress, wheels=options.wheels))
    errors = []
    for step in steps:
        try:
            step()
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is told, and the next step is tried
            error = as_readable_error(exc)
            console.error(error)
            errors.append(error)
    return errors[0] if errors else None


def _progress(options: argparse.Namespace, console: Console) -> Progress:
    return silent if options.json else console_progress(console)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="env_config.py",
        description="Make everything that EdgePress stands on ready, or only look.",
        epilog="Exit codes: 0 ready, 1 something needed is missing or broken, 2 wrong command line, "
        "3 installing or removing did not succeed, 130 stopped.",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--check", action="store_true", help="only look, install nothing")
    kind.add_argument(
        "--remove-openmmlab", action="store_true", help="remove the environment for PyTorch models of OpenMMLab"
    )
    parser.add_argument(
        "--openmmlab",
        action="store_true",
        help="make the environment for PyTorch models of OpenMMLab too (1.6 GB, on Linux up to 6 GB); with "
        "--check: count it as needed",
    )
    kind.add_argument("--remove-arm", action="store_true", help="remove the emulated ARM processor")
    parser.add_argument(
        "--arm",
        action="store_true",
        help="fetch an emulated ARM processor too (Linux; 250 MB), for --check-arm of export_quantize.py; with "
        "--check: count it as needed",
    )
    kind.add_argument("--remove-web", action="store_true", help="remove the runtime of web pages")
    parser.add_argument(
        "--web",
        action="store_true",
        help="fetch onnxruntime-web too, which the web pages of deployment kits run with (33 MB; with --wheels from "
        f"the file in DIR that npm pack {web_runtime.PACKAGE} writes); with --check: count it as needed",
    )
    parser.add_argument(
        "--wheels",
        type=Path,
        metavar="DIR",
        help="install from this folder of wheels instead of the internet; fill it on a computer of the same kind with "
        "pip download -d DIR -r LIST for requirements.txt (with --openmmlab: core/pytorch/requirements.txt), and with "
        "pip download --no-deps -d DIR -r LIST for the requirements-nodeps.txt beside it",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    if options.openmmlab and options.remove_openmmlab:
        parser.error("--openmmlab and --remove-openmmlab exclude each other")
    if options.arm and options.remove_arm:
        parser.error("--arm and --remove-arm exclude each other")
    if options.web and options.remove_web:
        parser.error("--web and --remove-web exclude each other")
    return options


def _code(components: Sequence[toolchain.Component], error: EdgePressError | None) -> int:
    if isinstance(error, OptionError):
        return _UNUSABLE
    if error is not None:
        return _FAILED
    return _LACKING if any(component.lacking for component in components) else _READY


def _show(console: Console, components: Sequence[toolchain.Component]) -> None:
    """One line for each component; an optional one that is missing is not marked as an error."""
    for component in components:
        name_and_version = f"{component.name:<22}{component.version or '-':<16}"
        is_unneeded = component.optional and component.status == "missing"
        verdict = say("not there") if is_unneeded else _VERDICTS[component.status]
        console.print(
            say("{part}{verdict} - {purpose}", part=name_and_version, verdict=verdict, purpose=component.needed_for)
        )
        if component.note:
            console.print(component.note, indent=22)


def _as_data(code: int, components: Sequence[toolchain.Component], error: EdgePressError | None) -> dict[str, object]:
    return {
        "ready": code == _READY,
        "exit_code": code,
        "interpreter": sys.executable,
        "parts": [_component_data(component) for component in components],
        "error": None
        if error is None
        else {"reason": str(error.reason), "next_step": str(error.next_step), "detail": error.detail},
    }


def _component_data(component: toolchain.Component) -> dict[str, object]:
    return {
        "key": component.key,
        "name": component.name,
        "version": component.version,
        "needed_for": str(component.needed_for),
        "status": component.status,
        "note": str(component.note) if component.note else None,
        "optional": component.optional,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
