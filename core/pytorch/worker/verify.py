"""Hold an ONNX file against the torch module that it came from, on noise and on real pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.common.errors import ConversionError, VerificationError
from core.common.paths import ASSETS
from core.common.text import say
from core.preprocessing import Preprocessing
from core.pytorch.request import LARGEST_DIFFERENCE, OutputCheck

PICTURES = ASSETS / "sample" / "images"

_SAMPLES = 4

Feeds = Sequence[tuple[Literal["random", "pictures"], Any]]
"""What is fed, and where it comes from: float32 tensors in numpy."""


def feeds(preprocessing: Preprocessing, *, batches: Sequence[int]) -> Feeds:
    """Inputs to compare on: noise over the whole range of pixels, and the bundled pictures, in batches of each size."""
    random = np.random.default_rng(0)
    noise = [_noise(random, preprocessing) for _ in range(_SAMPLES)]
    real = [preprocessing.tensor(picture) for picture in _pictures()]
    joined: list[tuple[Literal["random", "pictures"], Any]] = []
    for size in batches:
        joined += [("random", batch) for batch in _batches(noise, size)]
        joined += [("pictures", batch) for batch in _batches(real, size)]
    return joined


def answer(module: Any, given: Feeds) -> list[list[Any]]:
    """What torch answers to each feed, as numpy arrays.

    Raises:
        ConversionError: it is not finite.
    """
    import torch

    with torch.no_grad():
        answers = [[output.numpy().copy() for output in module(torch.from_numpy(tensor))] for _, tensor in given]
    if not all(np.isfinite(output).all() for outputs in answers for output in outputs):
        raise ConversionError(
            say("The model itself answers with numbers that are not finite, so nothing can be compared."),
            next_step=say("Check that the checkpoint is a trained one and belongs to this config."),
        )
    return answers


def compare(path: Path, given: Feeds, expected: Sequence[Sequence[Any]]) -> tuple[OutputCheck, ...]:
    """Run the file with onnxruntime and compare each number.

    The difference is the largest one of a number, over all feeds of a kind, as a share of the largest number
    that torch gave in that output.

    Returns:
        One check for each output and each kind of feed.

    Raises:
        VerificationError: an output differs by more than :data:`LARGEST_DIFFERENCE`, or in shape.
        ConversionError: onnxruntime does not run the file.
    """
    from core.onnx_model.inspect import inspect
    from core.runtimes.onnx import OnnxPredictor

    predictor = OnnxPredictor(path)
    name = inspect(path).inputs[0].name
    answers = [list(predictor.run({name: tensor}).values()) for _, tensor in given]
    checks = []
    for index, output in enumerate(predictor.outputs):
        for kind in ("random", "pictures"):
            rows = [row for row, (what, _) in enumerate(given) if what == kind]
            pairs = [(answers[row][index], expected[row][index]) for row in rows]
            samples = sum(len(given[row][1]) for row in rows)
            checks.append(OutputCheck(kind, samples, output, _difference(pairs, output)))
    _judge(checks)
    return tuple(checks)


def _difference(pairs: Sequence[tuple[Any, Any]], output: str) -> float:
    for got, wanted in pairs:
        if got.shape != wanted.shape:
            raise VerificationError(
                say('The output "{name}" has another shape than in torch.', name=output),
                next_step=say("Export it for one picture at a time, or as another ONNX version (opset)."),
                detail=f"{got.shape} instead of {wanted.shape}",
            )
    largest = max(float(np.abs(wanted).max(initial=0)) for _, wanted in pairs)
    strayed = max(
        float(np.abs(got.astype(np.float64) - wanted.astype(np.float64)).max(initial=0)) for got, wanted in pairs
    )
    return strayed / largest if largest > 0 else strayed


def _judge(checks: Sequence[OutputCheck]) -> None:
    worst = max(checks, key=lambda check: check.difference if np.isfinite(check.difference) else np.inf)
    if not worst.difference <= LARGEST_DIFFERENCE:
        raise VerificationError(
            say(
                'The ONNX file does not answer like torch: output "{name}" strays by {share} of its largest number, '
                "more than {limit}.",
                name=worst.output,
                share=f"{worst.difference:.1e}",
                limit=f"{LARGEST_DIFFERENCE:.0e}",
            ),
            next_step=say(
                "Try another ONNX version (opset). If it stays, the model does something that a trace cannot follow."
            ),
            detail="\n".join(f"{check.output} {check.on}: {check.difference:.3e}" for check in checks),
        )


def _noise(random: np.random.Generator, preprocessing: Preprocessing) -> Any:
    """Pixels from 0 to 255 as the preprocessing hands them on."""
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
