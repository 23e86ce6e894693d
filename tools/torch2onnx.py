"""Export a PyTorch model as ONNX: ``torch2onnx.py --config C --checkpoint P --shape 128,96 --task mmpose``.

The exit code is 0 when the file was written and its outputs agree with PyTorch's, 2 when an option or a file cannot be
used (or the OpenMMLab environment is missing), 1 when the export failed, 130 after Ctrl-C.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import signal

    # Before anything is loaded, Ctrl-C ends a command without Python's traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import contextlib
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if __name__ == "__main__":
    from core.common.interrupt import end_when_interrupted

    end_when_interrupted()

    from core.setup.own_python import require_packages

    require_packages(Path(__file__).resolve().parent.parent)

from core.common.console import Console
from core.common.errors import EdgePressError, InputError, ToolError
from core.common.interrupt import STOPPED, raise_when_interrupted
from core.common.serialization import to_data
from core.common.text import say
from core.common.unexpected_errors import as_readable_error
from core.process.error_json import error_to_json
from core.pytorch.export import export
from core.pytorch.request import DEFAULT_OPSET, Exported, ExportRequest, shape_from_text, task_from_name
from core.setup import openmmlab
from tools.console import JobProgress, ToolConsole
from tools.result_file import check_result_file, write_result

_TASKS = ("mmdet", "mmcls", "mmpretrain", "mmpose", "auto")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    options = _parser().parse_args(arguments)
    console = ToolConsole(sys.stderr)
    raise_when_interrupted()
    try:
        with JobProgress(console) as progress:
            check_result_file(options.json)
            exported = export(_request(options), progress.update)
        _show(exported, Console())
        write_result(options.json, {**to_data(exported), "difference": exported.difference})
    except KeyboardInterrupt:
        console.print(say("Stopped."))
        return STOPPED
    except Exception as exc:  # noqa: BLE001 - nobody is to see a traceback, whatever a file or a folder is like
        error = as_readable_error(exc)
        console.error(error)
        _write_error(options.json, error)
        return 2 if isinstance(error, (InputError, ToolError)) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="torch2onnx.py",
        description="Export an OpenMMLab checkpoint as ONNX, and make sure that it answers like PyTorch.",
        epilog=f"It needs the OpenMMLab environment, made once with: {openmmlab.COMMAND}",
    )
    parser.add_argument(
        "--config",
        type=Path,
        help="the OpenMMLab config; without it, --checkpoint is a TorchScript (.pt) or "
        "torch.export (.pt2) file or an Ultralytics checkpoint",
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="the trained weights (.pth)")
    parser.add_argument(
        "--shape", metavar="H,W", help="height and width in pixels; one number: a square (default: the config's)"
    )
    parser.add_argument("--task", choices=_TASKS, default="auto", help="what the config is for (default: it says so)")
    parser.add_argument("--opset", type=int, default=DEFAULT_OPSET, help="version of ONNX to write (default: 17)")
    parser.add_argument("--dynamic-batch", action="store_true", help="let the model take any number of pictures")
    parser.add_argument("--output", type=Path, help="the file to write (default: beside the checkpoint)")
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="open a checkpoint that holds more than weights, a TorchScript, torch.export (.pt2) or Ultralytics file, "
        "or a config of your own; this can run any program that its maker put into it, with your rights",
    )
    parser.add_argument(
        "--trust-config",
        action="store_true",
        help="run a config of your own, which is a program; the checkpoint is still opened as weights only",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to this file")
    return parser


def _request(options: argparse.Namespace) -> ExportRequest:
    return ExportRequest(
        checkpoint=options.checkpoint,
        config=options.config,
        task=None if options.task == "auto" else task_from_name(options.task),
        shape=None if options.shape is None else shape_from_text(options.shape),
        output=options.output,
        opset=options.opset,
        dynamic_batch=options.dynamic_batch,
        trust_checkpoint=options.trust_checkpoint,
        trust_config=options.trust_config,
    )


def _show(exported: Exported, console: Console) -> None:
    """The file, its inputs and outputs, and its difference from PyTorch."""
    console.write(str(exported.path))
    size = f"{exported.size_bytes / 1e6:.2f}"
    console.print(say("{size} MB, opset {opset}", size=size, opset=exported.opset), indent=2)
    for tensor in exported.inputs:
        console.print(say("input  {name} {shape}", name=tensor.name, shape=_shape(tensor.shape)), indent=2)
    for tensor in exported.outputs:
        console.print(say("output {name} {shape}", name=tensor.name, shape=_shape(tensor.shape)), indent=2)
    console.print(
        say(
            "Compared with PyTorch on noise and on pictures: largest relative difference {difference}",
            difference=f"{exported.difference:.1e}",
        ),
        indent=2,
    )
    for note in exported.notes:
        console.print(note, indent=2)
    console.print(say("Next: python tools/export_quantize.py {path}", path=_quoted(exported.path)), indent=2)


def _quoted(path: Path) -> str:
    """Quoted for the terminal where the name has spaces in it."""
    return subprocess.list2cmdline([str(path)]) if sys.platform == "win32" else shlex.quote(str(path))


def _shape(shape: Sequence[int | str]) -> str:
    return "x".join(map(str, shape))


def _write_error(path: Path | None, error: EdgePressError) -> None:
    """Write the error for other programs; a file that cannot be written is the error that was printed already."""
    with contextlib.suppress(EdgePressError):
        write_result(path, {"error": error_to_json(error)})


if __name__ == "__main__":
    sys.exit(main())
