"""Runs an ONNX file with onnxruntime, on the processor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime as ort

from errors import UserError
from preprocessing import Array, cast

_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int16)": "int16",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
}
_ERRORS_ONLY = 3


class Session:
    """One ONNX file, loaded.

    Args:
        path: the file.
        threads: for one run; 0 for every core.

    Raises:
        UserError: it is missing, or onnxruntime does not load it.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        if not path.is_file():
            raise UserError(f'The model file "{path}" is missing. Keep the files of the kit together.')
        options = ort.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = threads
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        # onnxruntime's exceptions share no base class but Exception.
        except Exception as exc:
            raise UserError(f'onnxruntime {ort.__version__} does not load "{path.name}": {exc}') from exc
        self._types = {entry.name: _TYPES[entry.type] for entry in self._session.get_inputs()}
        self._outputs = [entry.name for entry in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name; what the model does not take is left aside.

        Raises:
            UserError: a tensor does not fit, or onnxruntime fails.
        """
        typed = {name: cast(tensor, self._types[name], name) for name, tensor in feeds.items() if name in self._types}
        try:
            return dict(zip(self._outputs, self._session.run(None, typed), strict=True))
        except Exception as exc:
            raise UserError(f"The model stopped while it was being run: {exc}") from exc


class Model:
    """The model of the kit.

    Args:
        folder: the kit.
        settings: all of preprocessing.json.
        threads: for one run; 0 for every core.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], threads: int = 0) -> None:
        self._session = Session(folder / settings["model"]["files"][0], threads)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name."""
        return self._session.run(feeds)
