"""Run ncnn's own C++ programs ``ncnn2table`` and ``ncnn2int8``, for those who have them.

They are never needed. Where they are wanted, the calibration samples go to ``ncnn2table`` as preprocessed tensors,
and of the output of ``ncnn2int8`` only the weights are used: its ``.param`` loses parameters.
Both exit with 0 on most failures, so the files are checked instead.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common.archives import DAMAGED, ArchiveLimits, UnsafeArchive, check_names, open_archive
from core.common.errors import ConversionError, ToolError
from core.common.text import say
from core.ncnn.model import NcnnModel
from core.ncnn.table import Table, parse_table
from core.ncnn.weights import read_weights
from core.quantization.ncnn.official_ncnn2int8 import to_int8_official
from core.quantization.ncnn.official_ncnn2table import ClippingMethod
from core.runtimes.predictor import Feeds

_TIMEOUT_MINUTES = 60

_LIMITS = ArchiveLimits(most_bytes=1 << 30, most_ratio=50, never_refused_bytes=64 << 20)
"""Of a release of ncnn; the largest ones unpack to a quarter of that, at a ratio of four."""


@dataclass(frozen=True)
class OfficialTools:
    """The two programs of one ncnn build."""

    ncnn2table: Path
    ncnn2int8: Path


def quantize_with_official_tools(model: NcnnModel, feeds: Iterable[Feeds], *, choice: str, folder: Path) -> NcnnModel:
    """Let both programs do the whole work, with KL.

    Args:
        model: in 32 bit.
        feeds: the calibration samples, taken one by one.
        choice: which programs, as for :func:`open_tools`.
        folder: for their files.

    Raises:
        ToolError: the programs are missing or do not start.
        ConversionError: they gave no usable result, or the model takes more than one input.
    """
    tools = open_tools(choice, folder=folder / "release")
    if len(model.inputs) != 1:
        raise ConversionError(
            say(
                "The official tools are used for models with one input, and this one has {count}.",
                count=len(model.inputs),
            ),
            next_step=say("Leave out the official tools: EdgePress does the same by itself."),
        )
    (name,) = model.inputs
    tensors = (sample[name][0] for sample in feeds)
    table = calibrate(tools, model, tensors, method="kl", folder=folder / "table")
    return quantize(tools, model, table, folder=folder / "int8")


def open_tools(choice: str, *, folder: Path) -> OfficialTools:
    """The tools that were asked for.

    Args:
        choice: ``official`` for those on the PATH, or a folder, or a release of ncnn as a .zip file.
        folder: where a release may be unpacked.

    Raises:
        ToolError: they are not there.
    """
    place = None if choice == "official" else Path(choice)
    if place is not None and place.suffix.lower() == ".zip":
        place = _unpack(place, folder)
    tools = find_tools(place)
    if tools is None:
        raise ToolError(
            say("The official tools ncnn2table and ncnn2int8 were not found: {place}", place=choice),
            next_step=say("Give the folder or the .zip file that holds them, or leave out the official tools."),
        )
    return tools


def _unpack(release: Path, folder: Path) -> Path:
    try:
        with open_archive(release, _LIMITS) as archive:
            check_names(archive)
            archive.extractall(folder)
        for path in folder.rglob("ncnn2*"):
            path.chmod(0o755)  # zipfile does not restore the executable bit
    except UnsafeArchive as exc:
        raise ToolError(
            say('The file "{name}" is not unpacked. {why}', name=release.name, why=exc.reason),
            next_step=say("Use a release as ncnn publishes it, or leave out the official tools."),
        ) from exc
    except DAMAGED as exc:
        raise ToolError(
            say('The file "{name}" cannot be unpacked.', name=release.name),
            next_step=say("Download the release of ncnn again, or leave out the official tools."),
            detail=str(exc),
        ) from exc
    return folder


def find_tools(folder: Path | None = None) -> OfficialTools | None:
    """Look for the tools.

    Args:
        folder: where to look, at any depth, such as an unpacked release of ncnn; the PATH if None.
    """
    found = {name: _find(name, folder) for name in ("ncnn2table", "ncnn2int8")}
    table, int8 = found["ncnn2table"], found["ncnn2int8"]
    return None if table is None or int8 is None else OfficialTools(table, int8)


def _find(name: str, folder: Path | None) -> Path | None:
    if folder is None:
        program = shutil.which(name)
        return Path(program) if program else None
    suffix = ".exe" if sys.platform == "win32" else ""
    return next((path.resolve() for path in sorted(folder.rglob(name + suffix)) if path.is_file()), None)


def calibrate(
    tools: OfficialTools, model: NcnnModel, tensors: Iterable[NDArray[Any]], *, method: ClippingMethod, folder: Path
) -> Table:
    """Let ``ncnn2table`` measure the ranges.

    Args:
        tools: the programs.
        model: in 32 bit, with one input.
        tensors: the calibration samples, without a batch axis, all of one shape.
        method: how it clips the ranges.
        folder: an empty folder for its files.

    Raises:
        ToolError: the program cannot be started, or takes too long.
        ConversionError: it wrote no table that fits the model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.param", folder / "model.bin")
    shape, names = _write_samples(tensors, folder)
    (folder / "samples.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    # It splits paths at blanks: hence plain names in its current folder.
    arguments = ["model.param", "model.bin", "samples.txt", "model.table", f"method={method}", "type=1", "thread=1"]
    log = _run(tools.ncnn2table, [*arguments, f"shape=[{','.join(map(str, shape))}]"], folder)
    table = _read_table(folder / "model.table", log)
    broken = [key for key, row in table.rows.items() if "_param_" not in key and not np.isfinite(row).all()]
    if broken or not table.rows:
        raise _no_result("ncnn2table", f"no input scale for {', '.join(broken[:5])}\n{log}")
    return table


def quantize(tools: OfficialTools, model: NcnnModel, table: Table, *, folder: Path) -> NcnnModel:
    """Let ``ncnn2int8`` write the weights.

    Args:
        tools: the programs.
        model: in 32 bit.
        table: scales for its layers.
        folder: an empty folder for its files.

    Raises:
        ToolError: the program cannot be started, or takes too long.
        ConversionError: it wrote no weights that fit the model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.param", folder / "model.bin")
    (folder / "model.table").write_text(table.write(), encoding="utf-8")
    log = _run(tools.ncnn2int8, ["model.param", "model.bin", "int8.param", "int8.bin", "model.table"], folder)
    graph = to_int8_official(model, table).param
    try:
        weights = read_weights(graph, (folder / "int8.bin").read_bytes())
    except (OSError, ConversionError) as exc:
        raise _no_result("ncnn2int8", f"{exc}\n{log}") from exc
    return NcnnModel(graph, weights, model.inputs, model.outputs)


def _write_samples(tensors: Iterable[NDArray[Any]], folder: Path) -> tuple[tuple[int, ...], list[str]]:
    """One .npy file a sample; returns their shape in ncnn's order, width first, and their names."""
    names: list[str] = []
    shape: tuple[int, ...] = ()
    for index, tensor in enumerate(tensors):
        names.append(f"{index}.npy")
        np.save(folder / names[-1], np.ascontiguousarray(tensor, np.float32))
        shape = tensor.shape[::-1]
    return shape, names


def _read_table(path: Path, log: str) -> Table:
    try:
        return parse_table(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ConversionError) as exc:
        raise _no_result("ncnn2table", f"{exc}\n{log}") from exc


def _run(program: Path, arguments: list[str], folder: Path) -> str:
    """Run a program; returns its exit code and the last lines of its output."""
    try:
        done = subprocess.run(
            [str(program), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60 * _TIMEOUT_MINUTES,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ToolError(
            say('The program "{name}" could not be run.', name=program.name),
            next_step=say("Check that it belongs to this computer's system, or leave out the official tools."),
            detail=str(exc),
        ) from exc
    lines = done.stdout.decode("utf-8", errors="replace").splitlines()
    return "\n".join([f"exit code {done.returncode}", *lines[-20:]])


def _no_result(name: str, detail: str) -> ConversionError:
    return ConversionError(
        say('The program "{name}" did not give a result that can be used.', name=name),
        next_step=say("Leave out the official tools: EdgePress does the same by itself."),
        detail=detail[:2000],
    )
