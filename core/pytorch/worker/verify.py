"""Compare an ONNX file with the torch module that it came from, on uniform noise and on real pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.common.errors import ConversionError, VerificationError
from core.common.paths import ASSETS
from core.common.text import say
from core.preprocessing import Preprocessing
from core.pytorch.request import MAX_RELATIVE_DIFFERENCE, OutputCheck

PICTURES = ASSETS / "sample" / "images"

_SAMPLES = 4

InputKind = Literal["random", "pictures"]

Inputs = Sequence[tuple[InputKind, Any]]
"""What to run the model on: the kind, and a float32 array of the shape N, C, H, W."""


def make_inputs(preprocessing: Preprocessing, *, batches: Sequence[int]) -> Inputs:
    """Inputs to compare on: uniform noise from 0 to 255, and the bundled pictures, in batches of each size."""
    random = np.random.default_rng(0)
    noise = [_random_image(random, preprocessing) for _ in range(_SAMPLES)]
    real = [preprocessing.tensor(picture) for picture in _pictures()]
    inputs: list[tuple[InputKind, Any]] = []
    for size in batches:
        inputs += [("random", batch) for batch in _batches(noise, size)]
        inputs += [("pictures", batch) for batch in _batches(real, size)]
    return inputs


def torch_outputs(module: Any, inputs: Inputs) -> list[list[Any]]:
    """The outputs of a torch module for each input, as numpy arrays.

    Raises:
        ConversionError: a value is not finite.
    """
    import torch

    with torch.no_grad():
        results = [[output.numpy().copy() for output in module(torch.from_numpy(tensor))] for _, tensor in inputs]
    if not all(np.isfinite(output).all() for outputs in results for output in outputs):
        raise ConversionError(
            say("The model itself gives numbers that are not finite, so nothing can be compared."),
            next_step=say("Check that the checkpoint is a trained one and belongs to this config."),
        )
    return results


def compare(path: Path, inputs: Inputs, expected: Sequence[Sequence[Any]]) -> tuple[OutputCheck, ...]:
    """Run the file with onnxruntime and compare its outputs with PyTorch's.

    The relative difference is max |onnx - torch| / max |torch|, both over one output and all inputs of a kind.

    Args:
        path: the ONNX file.
        inputs: what both are run on.
        expected: the outputs of PyTorch for each input.

    Returns:
        One check for each output and each kind of input.

    Raises:
        VerificationError: an output differs by more than :data:`MAX_RELATIVE_DIFFERENCE`, or in shape.
        ConversionError: onnxruntime does not run the file.
    """
    from core.onnx_model.inspect import inspect
    from core.runtimes.onnx import OnnxPredictor

    predictor = OnnxPredictor(path)
    name = inspect(path).inputs[0].name
    results = [list(predictor.run({name: tensor}).values()) for _, tensor in inputs]
    checks = []
    for index, output in enumerate(predictor.outputs):
        for kind in ("random", "pictures"):
            rows = [row for row, (kind_here, _) in enumerate(inputs) if kind_here == kind]
            pairs = [(results[row][index], expected[row][index]) for row in rows]
            samples = sum(len(inputs[row][1]) for row in rows)
            checks.append(OutputCheck(kind, samples, output, _relative_difference(pairs, output)))
    _check_limit(checks)
    return tuple(checks)


def _relative_difference(pairs: Sequence[tuple[Any, Any]], output: str) -> float:
    """Of pairs of the file's and PyTorch's values of one output; absolute where PyTorch's are all zero."""
    for actual, expected in pairs:
        if actual.shape != expected.shape:
            raise VerificationError(
                say('The output "{name}" has another shape than in PyTorch.', name=output),
                next_step=say("Export it for one picture at a time, or as another ONNX version (opset)."),
                detail=f"{actual.shape} instead of {expected.shape}",
            )
    abs_max = max(float(np.abs(expected).max(initial=0)) for _, expected in pairs)
    difference = max(
        float(np.abs(actual.astype(np.float64) - expected.astype(np.float64)).max(initial=0))
        for actual, expected in pairs
    )
    return difference / abs_max if abs_max > 0 else difference


def _check_limit(checks: Sequence[OutputCheck]) -> None:
    worst = max(checks, key=lambda check: check.difference if np.isfinite(check.difference) else np.inf)
    if not worst.difference <= MAX_RELATIVE_DIFFERENCE:
        raise VerificationError(
            say(
                'The ONNX file gives other results than PyTorch: output "{name}" differs by {share} of its largest '
                "number, more than {limit}.",
                name=worst.output,
                share=f"{worst.difference:.1e}",
                limit=f"{MAX_RELATIVE_DIFFERENCE:.0e}",
            ),
            next_step=say(
                "Try another ONNX version (opset). If it stays, the model does something that a trace cannot follow."
            ),
            detail="\n".join(f"{check.output} {check.on}: {check.difference:.3e}" for check in checks),
        )


def _random_image(random: np.random.Generator, preprocessing: Preprocessing) -> Any:
    """Uniform noise from 0 to 255, preprocessed like a picture."""
    from PIL import Image

    height, width = preprocessing.size
    pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return preprocessing.tensor(Image.fromarray(pixels))


def _pictures() -> Iterator[Any]:
    from PIL import Image

    files = sorted(path for path in PICTURES.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    for path in files[:: max(1, len(files) // _SAMPLES)][:_SAMPLES]:
        with Image.open(path) as picture:
            yield picture.convert("RGB")


def _batches(tensors: Sequence[Any], size: int) -> Iterator[Any]:
    for start in range(0, len(tensors) - size + 1, size):
        yield np.concatenate(tensors[start : start + size])
