"""Runs an ncnn model, on the processor; a post-processing that was cut off is run after it by onnxruntime.

ncnn has blobs in the place of named inputs and outputs, and no batch axis: both are restored here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ncnn
import numpy as np

from errors import UserError
from preprocessing import Array, cast


class Model:
    """The model of the kit.

    Args:
        folder: the kit.
        settings: all of preprocessing.json.
        threads: for one run; 0 for every core.

    Raises:
        UserError: a file is missing, or ncnn does not load it.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], threads: int = 0) -> None:
        model = settings["model"]
        self._inputs = [one for one in settings["inputs"] if one["blob"] is not None]
        self._blobs: Sequence[Mapping[str, Any]] = model["blobs"]
        self._names = [one["name"] for one in settings["outputs"]]
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads or os.cpu_count() or 1
        # Arithmetic in 16 bit is faster on ARM, and gives slightly other numbers: set these to True to use it there.
        self._net.opt.use_fp16_packed = False
        self._net.opt.use_fp16_storage = False
        self._net.opt.use_fp16_arithmetic = False
        param, self._weights = (_read(folder / name) for name in model["files"])
        if self._net.load_param_mem(param.decode("utf-8")) != 0:
            raise UserError(f'ncnn does not load "{model["files"][0]}".')
        self._net.load_model_mem(self._weights)
        self._after = None
        if model["post_processing"] is not None:
            from model_onnx import Session

            self._after = Session(folder / model["post_processing"]["file"], threads)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, in the shapes of the original model.

        Raises:
            UserError: a tensor does not fit, or ncnn fails.
        """
        runs = [self._run_one(sample) for sample in self._samples(feeds)]
        made = {one["name"]: _with_shape([run[one["blob"]] for run in runs], one) for one in self._blobs}
        if self._after is not None:
            made = {**made, **self._after.run({**feeds, **made})}
        return {name: made[name] for name in self._names}

    def _samples(self, feeds: Mapping[str, Array]) -> list[Mapping[str, Array]]:
        """Where all inputs hold several samples: ncnn takes one at a time, and is run for each."""
        counts = {_sample_count(feeds[one["name"]], one) for one in self._inputs}
        count = counts.pop() if len(counts) == 1 else 1
        if count == 1:
            return [feeds]
        return [{one["name"]: feeds[one["name"]][index : index + 1] for one in self._inputs} for index in range(count)]

    def _run_one(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        with self._net.create_extractor() as extractor:
            for one in self._inputs:
                # ncnn does not keep numpy's memory alive: this name does until the copy is made, and a copy it must be,
                # as some first layers write into it.
                tensor = _fitted(feeds[one["name"]], one)
                if extractor.input(one["blob"], ncnn.Mat(tensor).clone()) != 0:
                    raise UserError(f"ncnn refused the input {one['name']!r}.")
            return {blob["blob"]: _extract(extractor, blob["blob"]) for blob in self._blobs}


def _extract(extractor: Any, blob: str) -> Array:
    code, mat = extractor.extract(blob)
    if code != 0 or mat.empty():
        raise UserError(f"ncnn stopped while it was running the model, at the blob {blob!r} (code {code}).")
    return np.array(mat)


def _sample_count(tensor: Array, one: Mapping[str, Any]) -> int:
    is_whole = tensor.ndim < 2 or math.prod(one["blob_shape"]) == tensor.size
    return 1 if is_whole else tensor.shape[0]


def _fitted(tensor: Array, one: Mapping[str, Any]) -> Array:
    """The tensor in the shape and type that ncnn takes: without its batch axis."""
    if math.prod(one["blob_shape"]) == tensor.size:
        fitted = tensor.reshape(one["blob_shape"])
    else:  # arrays of another length than the first one's, where the model takes those
        fitted = tensor[0] if tensor.ndim > 1 else tensor
    return np.ascontiguousarray(cast(fitted, "int32" if one["blob_is_integer"] else "float32", one["name"]))


def _with_shape(runs: Sequence[Array], one: Mapping[str, Any]) -> Array:
    values = runs[0] if len(runs) == 1 else np.stack(runs)
    if values.size != math.prod(one["shape"]):
        raise UserError(f"ncnn gave {one['name']!r} in the shape {values.shape} instead of {tuple(one['shape'])}.")
    return values.reshape(one["shape"])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise UserError(f'The model file "{path}" is missing. Keep the files of the kit together.') from exc
