"""``python -m core.ncnn info model.param``: list the layers of an ncnn model and their weights."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.common.console import Console
from core.common.errors import EdgePressError
from core.common.text import Text, say
from core.ncnn.model import NcnnModel
from core.ncnn.param import Layer
from core.ncnn.weights import TAG_FLOAT16, TAG_FLOAT32, TAG_INT8, TAG_RAW_FLOAT32, Array

_BITS = {TAG_FLOAT32: 32, TAG_RAW_FLOAT32: 32, None: 32, TAG_FLOAT16: 16, TAG_INT8: 8}


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Run the command.

    Args:
        arguments: command line arguments; None for those of this process.
        console: where to write; standard output if None.

    Returns:
        The exit code: 0, or 1 if the model cannot be read.
    """
    given = _parser().parse_args(arguments)
    console = console or Console()
    bin_path = given.weights or given.param.with_suffix(".bin")
    try:
        model = NcnnModel.load(given.param, bin_path, inputs={}, outputs={})
    except EdgePressError as error:
        console.error(error)
        return 1
    for line in _table(model):
        console.write(line)
    for text in _summary(model):
        console.print(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core.ncnn", description=__doc__)
    commands = parser.add_subparsers(required=True)
    info = commands.add_parser("info", help="layers, their weights, and what is computed in 8 bit")
    info.add_argument("param", type=Path, help="the .param file")
    info.add_argument("--weights", type=Path, help="the .bin file, if its name is not that of the .param file")
    return parser


def _table(model: NcnnModel) -> Iterator[str]:
    width = max((len(layer.type) for layer in model.param.layers), default=0)
    for index, (layer, arrays) in enumerate(zip(model.param.layers, model.weights, strict=True)):
        flow = f"{','.join(layer.bottoms)} -> {','.join(layer.tops)}"
        weights = ", ".join(f"{array.slot.role} {array.slot.count} x {_BITS[array.tag]} bit" for array in arrays)
        mark = "8" if _is_in_8_bit(layer) else " "
        yield f"{index:4} {mark} {layer.type:{width}}  {layer.name}  {flow}  {weights}".rstrip()


def _is_in_8_bit(layer: Layer) -> bool:
    """Whether it is quantised; the id of the parameter ``int8_scale_term`` depends on the type of the layer."""
    if layer.type in ("Embed", "Gemm", "MultiHeadAttention", "SDPA"):
        return bool(layer.integer(18))
    types = ("Convolution", "ConvolutionDepthWise", "InnerProduct", "LSTM", "GRU", "RNN")
    return layer.type in types and bool(layer.integer(8))


def _summary(model: NcnnModel) -> Iterator[Text]:
    layers = model.param.layers
    quantised = sum(map(_is_in_8_bit, layers))
    yield say("Layers: {count}. Computed in 8 bit: {quantised}.", count=len(layers), quantised=quantised)
    types = Counter(layer.type for layer in layers).most_common()
    yield say("Kinds of layers: {kinds}.", kinds=", ".join(f"{kind} {count}" for kind, count in types))
    yield say(
        "Inputs: {inputs}. Outputs: {outputs}.",
        inputs=", ".join(model.param.inputs),
        outputs=", ".join(model.param.outputs),
    )
    sizes = _sizes(array for arrays in model.weights for array in arrays)
    shares = ", ".join(f"{bits} bit: {size:,}" for bits, size in sorted(sizes.items(), reverse=True))
    yield say("Bytes of weights in {shares}.", shares=shares or "0")


def _sizes(arrays: Iterator[Array]) -> Counter[int]:
    sizes: Counter[int] = Counter()
    for array in arrays:
        sizes[_BITS[array.tag]] += len(array.write())
    return sizes


if __name__ == "__main__":
    sys.exit(main())
