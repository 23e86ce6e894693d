"""The data of preprocessing.json: everything from a picture to the tensor, and from the outputs to the answer.

Programs in other languages read it too, so it is plain: numbers, names, lists; docs/kit.md describes every key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.conversion.context import ConversionContext
from core.inputs.arrays import read_arrays
from core.inputs.object_crops import MAX_SIDE, PADDING
from core.job.outcome import Artifact
from core.job.task_name import TaskName
from core.kit.names import LABELS, POST_PROCESSING, one_line, portable_name
from core.ncnn.model import NcnnModel
from core.onnx_model.source import TensorInfo
from core.preprocessing import CROP_SHARE, PAD_GREY
from core.runtimes.predictor import Feeds, Tensor
from core.tasks.base import AnyTask
from core.tasks.text import TextRecognition

FORMAT = 1
"""Raised when an earlier program could misread the data; new keys need no new number."""

_MODULES: Mapping[TaskName, str] = {
    "classification": "classification",
    "detection": "objects",
    "instance-segmentation": "objects",
    "pose": "objects",
    "keypoints": "keypoints",
    "segmentation": "segmentation",
    "text": "text",
    "embedding": "embedding",
    "image-to-image": "image_to_image",
    "scores": "scores",
    "tensors": "tensors",
}
"""Task -> module of the kit's program that decodes it, ``task_...``."""


def settings_of(artifact: Artifact, context: ConversionContext, task: AnyTask) -> dict[str, Any]:
    """The data for one file.

    Args:
        artifact: the file.
        context: the source, its preprocessing and its samples.
        task: of the model.

    Raises:
        ConversionError: an ncnn file is damaged.
    """
    ncnn = None
    if artifact.files[0].suffix == ".param":
        ncnn = NcnnModel.load(*artifact.files, inputs=artifact.inputs, outputs=artifact.outputs)
    return {
        "format": FORMAT,
        "model": _model(artifact, ncnn, context),
        "inputs": [_input(info, ncnn, context.example.feeds) for info in context.source.inputs],
        "outputs": [_tensor(info) for info in context.source.outputs],
        "picture": _picture(context),
        "object_crop": _object_crop(context, task),
        "fixed_inputs": [_fixed(name, tensor) for name, tensor in fixed_inputs_of(context).items()],
        "labels": LABELS if labels_of(task) else None,
        "task": {"name": task.name, "module": _MODULES[task.name], **task.decoder},
    }


def labels_of(task: AnyTask) -> tuple[str, ...]:
    """Names of the classes, or the characters of a reader, by index; empty where they are unknown."""
    names = task.characters if isinstance(task, TextRecognition) else task.class_names
    return tuple(map(one_line, names))


def fixed_inputs_of(context: ConversionContext) -> Feeds:
    """The inputs that are the same for every sample: those that the person set, and those that no sample has."""
    example = context.example
    if example.file is None or example.image is not None:
        return context.fixed
    given = read_arrays(example.file, context.sampled)
    return {name: tensor for name, tensor in example.feeds.items() if name not in given}


def _model(artifact: Artifact, ncnn: NcnnModel | None, context: ConversionContext) -> dict[str, Any]:
    shapes = {name: list(tensor.shape) for name, tensor in context.expected.items()}
    cut = artifact.cut if ncnn is not None else None
    if cut is not None:
        shapes |= {info.name: list(info.shape) for info in cut.outputs}
    return {
        "runtime": "onnx" if ncnn is None else "ncnn",
        "files": [portable_name(file) for file in artifact.files],
        "blobs": [
            {"name": name, "blob": blob, "shape": shapes[name]}
            for name, blob in ({} if ncnn is None else ncnn.outputs).items()
        ],
        "post_processing": None if cut is None or cut.model is None else {"file": POST_PROCESSING},
    }


def _input(info: TensorInfo, ncnn: NcnnModel | None, feeds: Feeds) -> dict[str, Any]:
    blob = None if ncnn is None else ncnn.inputs.get(info.name)
    if ncnn is None or blob is None:
        return {**_tensor(info), "blob": None, "blob_shape": None, "blob_is_integer": False}
    example = feeds[info.name].shape
    shape = ncnn.input_shape(blob) or (example[1:] if len(example) > 1 else example)
    return {
        **_tensor(info),
        "blob": blob,
        "blob_shape": list(shape),
        "blob_is_integer": blob in ncnn.integer_inputs,
    }


def _tensor(info: TensorInfo) -> dict[str, Any]:
    return {"name": info.name, "shape": list(info.shape), "dtype": info.dtype}


def _picture(context: ConversionContext) -> dict[str, Any]:
    how = context.preprocessing
    if not context.sampled.takes_image:
        return {"takes_pictures": False, "size": list(how.size)}
    image = context.sampled.inputs[0]
    return {
        "takes_pictures": True,
        "input": image.name,
        "batch": image.shape[0] if isinstance(image.shape[0], int) else 1,
        "size": list(how.size),
        "fit": how.fit,
        "color": how.color,
        "layout": how.layout,
        "mean": list(how.mean),
        "std": list(how.std),
        "crop_share": CROP_SHARE,
        "pad_value": PAD_GREY,
    }


def _object_crop(context: ConversionContext, task: AnyTask) -> dict[str, Any] | None:
    """For models that look at one body, face or hand; None for others."""
    if task.name != "keypoints" or not context.sampled.takes_image:
        return None
    return {"padding": PADDING, "longest": MAX_SIDE, "always": context.split.crop is not None}


def _fixed(name: str, tensor: Tensor) -> dict[str, Any]:
    """One number where all are the same."""
    is_one = tensor.size > 0 and bool((tensor == tensor.flat[0]).all())
    values = tensor.flat[0].item() if is_one else np.ravel(tensor).tolist()
    return {"name": name, "shape": list(tensor.shape), "dtype": tensor.dtype.name, "values": values}
