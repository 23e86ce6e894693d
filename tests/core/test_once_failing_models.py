"""Small models of kinds that once failed, were refused or came out wrong: now every file is made, and right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.common.progress import silent
from core.inputs.infer_preprocessing import infer_preprocessing
from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.runner import run_job
from core.targets import TARGET_IDS

MODELS = Path(__file__).parent.parent / "models"
NOT_MADE = {
    ("half_model", "onnx_fp16"): "already a 16 bit model",
    ("stored_half", "onnx_fp16"): "already a 16 bit model",
    ("mm3d", "ncnn_quan"): "no layer that ncnn can compute in 8 bit",
}
"""What nothing can be gained by, with the reason that is given."""

SIZES = {"seq": 12, "T": 12, "P": 0, "b": 1, "N": 1, "h": 32, "w": 32, "batch": 1}
COUNT = 12

LEAST_SQNR = {"onnx_fp16": 50, "onnx_quan_dy": 20, "onnx_quan_st": 20, "ncnn": 80, "ncnn_fp16": 50, "ncnn_quan": 20}
"""In dB; ranges are measured on six examples only."""

OF_ROUNDING = 50
"""Of a source that computes in 16 bit, no file can be nearer than that rounds."""


def pictures(folder: Path) -> None:
    """Smooth colours and edges, as in photographs."""
    random = np.random.default_rng(3)
    for index in range(COUNT):
        coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
        pixels = np.asarray(coarse.resize((96, 96), Image.Resampling.BICUBIC)).copy()
        pixels[10 + 5 * index : 30 + 5 * index, 20:50] = random.integers(0, 256, 3)
        Image.fromarray(pixels).save(folder / f"{index}.png")


def arrays(folder: Path, source) -> None:
    """An array for each input; token ids are small, and masks leave out the end."""
    random = np.random.default_rng(4)
    for index in range(COUNT):
        feeds = {}
        for tensor in source.inputs:
            shape = [size if isinstance(size, int) else SIZES[size] for size in tensor.shape]
            feeds[tensor.name] = random.standard_normal(shape).astype(tensor.dtype)
            if "mask" in tensor.name:
                feeds[tensor.name] = (np.arange(shape[-1]) < 5 + index % 7).astype(tensor.dtype) * np.ones(shape, int)
            elif tensor.dtype == "int64":
                feeds[tensor.name] = random.integers(0, 8, shape)
        np.savez(folder / f"{index}.npz", **feeds)


@pytest.mark.parametrize("name", sorted(path.stem for path in MODELS.glob("*.onnx")))
def test_every_file_is_made_and_right(name, tmp_path):
    source = inspect(MODELS / f"{name}.onnx")
    examples = tmp_path / "examples"
    examples.mkdir()
    if source.takes_image:
        pictures(examples)
    else:
        arrays(examples, source)
    job = Job(
        source=source.path,
        targets=TARGET_IDS,
        preprocessing=infer_preprocessing(source, examples if source.takes_image else None).preprocessing,
        out=tmp_path / "out",
        images=examples,
    )
    report = run_job(job, tmp_path / "job", silent)
    assert report.images.test == COUNT / 2 and report.images.calibration
    for outcome in report.outcomes:
        if (name, outcome.target) in NOT_MADE:
            assert outcome.status != "converted" and NOT_MADE[name, outcome.target] in outcome.reason
            continue
        assert outcome.status == "converted", (outcome.target, outcome.reason, outcome.detail)
        least = min(LEAST_SQNR[outcome.target], OF_ROUNDING if name == "half_model" else 100)
        sqnr = outcome.comparison.sqnr_db  # None where nothing differs
        assert sqnr is None or sqnr > least, (outcome.target, sqnr)
        if outcome.target == "ncnn" and name == "shared-weights":
            assert outcome.size_bytes <= 1.05 * source.size_bytes
