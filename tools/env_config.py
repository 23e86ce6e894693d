"""Show the parts that EdgePress stands on, and install what is missing.

    python tools/env_config.py            complete what is missing, then show everything
    python tools/env_config.py --check    only look
    python tools/env_config.py --json     the table as JSON, for other programs

The exit code is 0 only if every needed part is ready.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core import toolchain
from core.console import Console
from core.errors import EdgePressError
from core.progress import silent
from core.text import Text, say

_VERDICTS = {"ready": say("ready"), "missing": say("MISSING"), "broken": say("BROKEN")}


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks for; the process's exit code."""
    options = _options(arguments)
    console = Console(sys.stderr if options.json else sys.stdout)
    try:
        components = toolchain.check() if options.check else _complete(console, quiet=options.json)
    except EdgePressError as error:
        console.explain(error)
        components = toolchain.check()
    if options.json:
        print(json.dumps([_plain(component) for component in components], indent=2))
    else:
        _show(console, components)
    return 1 if any(component.lacking for component in components) else 0


def _complete(console: Console, *, quiet: bool) -> tuple[toolchain.Component, ...]:
    def hear(fraction: float, message: Text) -> None:
        console.tell(say("[{percent}%] {message}", percent=f"{fraction * 100:3.0f}", message=message), indent=2)

    return toolchain.complete(silent if quiet else hear)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="env_config.py", description="Show the parts that EdgePress stands on, and install what is missing."
    )
    parser.add_argument("--check", action="store_true", help="only look, install nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)


def _show(console: Console, components: Sequence[toolchain.Component]) -> None:
    """One line a part; what is missing only for want of an optional tool is not shouted."""
    for component in components:
        left = f"{component.name:<22}{component.version or '-':<16}"
        idle = component.optional and component.status == "missing"
        verdict = say("not there") if idle else _VERDICTS[component.status]
        console.tell(say("{part}{verdict} - {purpose}", part=left, verdict=verdict, purpose=component.needed_for))
        if component.note:
            console.tell(component.note, indent=22)


def _plain(component: toolchain.Component) -> dict[str, object]:
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
