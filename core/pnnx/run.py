"""Run pnnx, the converter from ONNX to ncnn, and check its log and the files that it writes.

pnnx is a program inside the wheel of the same name. The wheel's Python code needs torch, the program does not; so
the program is run, and the package never imported.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import EncodeError

from core.common.errors import ConversionError, ToolError
from core.common.text import Text, say
from core.ncnn.param import Layer, Param, parse_param
from core.pnnx.program import find_pnnx

_MINUTES = 10
_MOST_NAMES = 3
"""Nodes of one operator that an error names."""
_OUTPUTS = ("ncnnparam=model.ncnn.param", "ncnnbin=model.ncnn.bin")
_TYPE_SUFFIXES = {
    onnx.TensorProto.FLOAT: "f32",
    onnx.TensorProto.FLOAT16: "f16",
    onnx.TensorProto.DOUBLE: "f64",
    onnx.TensorProto.INT64: "i64",
    onnx.TensorProto.INT32: "i32",
    onnx.TensorProto.INT16: "i16",
    onnx.TensorProto.INT8: "i8",
    onnx.TensorProto.UINT8: "u8",
    onnx.TensorProto.BOOL: "bool",
}
# Anywhere in a line: pnnx and the onnxruntime inside it share one log, at times one line.
_ERROR_LINE = re.compile(r"(?:^|\s)ignore \S+ \S+ param |FATAL ERROR|CreateSession failed|fopen .*failed")
_REWRITTEN = re.compile(r"_pnnx\d+$")
_ANSI_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class PnnxResult:
    """The ncnn model that pnnx wrote, not yet compared with the source."""

    param: Param
    weights: bytes
    log: str


def run_pnnx(model: onnx.ModelProto, folder: Path) -> PnnxResult:
    """Convert a model with pnnx.

    Args:
        model: with every dimension fixed.
        folder: an empty folder; pnnx writes half a dozen files into it.

    Raises:
        ToolError: pnnx is not installed.
        ConversionError: pnnx crashed or took too long, or ncnn lacks an operator of the model.
    """
    program = find_pnnx()
    if program is None:
        raise ToolError(
            say("pnnx, which turns ONNX into ncnn, is not installed."),
            next_step=say("Open the page Toolbox and press the button, or run: python tools/env_config.py"),
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(_serialised(model))
    code, log = _run(program, folder, [f"inputshape={_input_shapes(model)}", "fp16=0", *_OUTPUTS])
    param_path, bin_path = folder / "model.ncnn.param", folder / "model.ncnn.bin"
    if code != 0 or not param_path.is_file() or not bin_path.is_file():
        raise _refused(say("pnnx could not read the model."), f"exit code {code}\n{_last_lines(log)}")
    param = parse_param(param_path.read_text(encoding="utf-8", errors="replace"))
    _check_result(param, log, model)
    return PnnxResult(param, bin_path.read_bytes(), log)


def _serialised(model: onnx.ModelProto) -> bytes:
    try:
        return bytes(model.SerializeToString())
    except (EncodeError, ValueError) as exc:  # protobuf's limit of 2 GB; which of the two depends on its build
        raise _refused(say("The model is larger than 2 GB, which pnnx cannot read."), str(exc)) from exc


def _input_shapes(model: onnx.ModelProto) -> str:
    parts = []
    for value in model.graph.input:
        tensor = value.type.tensor_type
        sizes = ",".join(str(dim.dim_value) for dim in tensor.shape.dim)
        parts.append(f"[{sizes}]{_TYPE_SUFFIXES.get(tensor.elem_type, 'f32')}")
    return ",".join(parts)


def _run(program: Path, folder: Path, arguments: list[str]) -> tuple[int, str]:
    """Exit code and log. On cancel the worker process is killed together with its children."""
    # pnnx resolves paths from the current folder.
    try:
        done = subprocess.run(
            [str(program), "model.onnx", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60 * _MINUTES,
        )
    except subprocess.TimeoutExpired as exc:
        raise _refused(say("pnnx took longer than {minutes} minutes.", minutes=_MINUTES), "") from exc
    except OSError as exc:
        raise ToolError(
            say("pnnx could not be started."),
            next_step=say("Open the page Toolbox, which installs it again."),
            detail=str(exc),
        ) from exc
    return done.returncode, _ANSI_COLOURS.sub("", done.stdout.decode("utf-8", errors="replace"))


def _check_result(param: Param, log: str, model: onnx.ModelProto) -> None:
    """Exit code 0 is not enough: pnnx copies operators that it cannot convert, and ignores options."""
    unknown = sorted({layer.type for layer in param.layers if not is_ncnn_type(layer.type)})
    if unknown:
        raise _refused(
            say(
                "ncnn has no counterpart for these parts of the model: {operators}.",
                operators=_onnx_names([layer for layer in param.layers if layer.type in unknown], model),
            ),
            "\n".join(layer.text for layer in param.layers if layer.type in unknown)[:2000],
        )
    errors = [line for line in log.splitlines() if _ERROR_LINE.search(line)]
    if errors:
        raise _refused(
            say("pnnx left out a part of the model that it does not understand: {line}", line=errors[0][:120]),
            "\n".join(errors[:20]),
        )


def _onnx_names(layers: Sequence[Layer], model: onnx.ModelProto) -> str:
    """Layers by their ONNX operators and nodes, where they have some: ``Tensor.slice`` is a Slice."""
    kinds = sorted({layer.type for layer in layers})
    names = []
    for kind in kinds:
        operator = kind.rpartition(".")[2].lower()
        nodes = [node for node in model.graph.node if node.op_type.lower() == operator]
        at_fault = [found for layer in layers if layer.type == kind and (found := _numbered(layer, model)) is not None]
        if at_fault or nodes:
            names += [_own_name(node) for node in (at_fault or nodes)[:_MOST_NAMES]]
        else:
            names.append(kind)
    return ", ".join(names)


def _numbered(layer: Layer, model: onnx.ModelProto) -> onnx.NodeProto | None:
    """The node that a layer was left from: pnnx names it ``Pad_4`` if it is the node with the number 4."""
    number = layer.name.rpartition("_")[2]
    nodes = [node for node in model.graph.node if node.op_type != "Constant"]
    if not number.isdigit() or layer.name != f"{layer.type}_{number}" or int(number) >= len(nodes):
        return None
    return nodes[int(number)] if nodes[int(number)].op_type == layer.type else None


def _own_name(node: onnx.NodeProto) -> str:
    """Without the number that a rewrite gives to its nodes."""
    return f'{node.op_type} ("{_REWRITTEN.sub("", node.name or node.output[0])}")'


def is_ncnn_type(name: str) -> bool:
    """Whether the installed ncnn has a layer of this type."""
    import ncnn

    return "." not in name and "::" not in name and ncnn.layer_to_index(name) >= 0


def _last_lines(log: str) -> str:
    return "\n".join(log.splitlines()[-20:])


def _refused(reason: Text, detail: str) -> ConversionError:
    return ConversionError(
        reason,
        next_step=say("Use the ONNX targets, or export the model with simpler operators."),
        detail=detail,
    )
