"""Options of benchmarks that convert and compare one model on two folders of pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.onnx_model.source import Source
from core.preprocessing import Preprocessing


def add_picture_options(parser: argparse.ArgumentParser) -> None:
    """The model, its pictures, and how they are prepared."""
    parser.add_argument("model", type=Path)
    parser.add_argument("--calibration", type=Path, required=True, help="pictures to measure ranges on")
    parser.add_argument("--test", type=Path, required=True, help="other pictures, to compare on")
    parser.add_argument("--size", type=int, nargs=2, help="height and width, where the model leaves them free")
    parser.add_argument("--fit", default="crop", choices=["crop", "stretch", "pad"])
    parser.add_argument("--color", default="rgb", choices=["rgb", "bgr"])
    parser.add_argument("--mean", type=float, default=127.5)
    parser.add_argument("--std", type=float, default=127.5)


def preprocessing_of(options: argparse.Namespace, source: Source) -> Preprocessing:
    """As the options say."""
    height, width = options.size or [int(side) for side in source.image_size]
    mean, std = (options.mean,) * 3, (options.std,) * 3
    return Preprocessing((height, width), fit=options.fit, color=options.color, mean=mean, std=std)
