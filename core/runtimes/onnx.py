"""onnxruntime behind the Predictor protocol; the only place where its exceptions are caught."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx

from core.common.errors import ConversionError, SourceError
from core.common.text import say
from core.runtimes.predictor import Feeds, Tensor

_NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
_LOG_FATAL_ONLY = 4  # errors arrive as exceptions with the same text


class OnnxPredictor:
    """A model run by onnxruntime on the CPU.

    Args:
        model: an ONNX file, or a model in memory (below protobuf's 2 GB), serialised or not.
        threads: threads for one run; 0 lets onnxruntime use every core.
        optimize: whether onnxruntime may fuse nodes; without, parts of a model give the very bits of the whole.

    Raises:
        ConversionError: onnxruntime does not load it.
    """

    def __init__(self, model: Path | onnx.ModelProto | bytes, *, threads: int = 0, optimize: bool = True) -> None:
        import onnxruntime as ort  # heavy, and pages that run no model import this module too

        options = ort.SessionOptions()
        options.log_severity_level = _LOG_FATAL_ONLY
        options.intra_op_num_threads = threads
        if not optimize:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        # Spinning gains little on an idle computer and costs much on a busy one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        content = model.SerializeToString() if isinstance(model, onnx.ModelProto) else model
        content = str(content) if isinstance(content, Path) else content
        try:
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        # onnxruntime's exceptions share no base class but Exception.
        except Exception as exc:
            raise ConversionError(
                say("The model cannot be loaded by onnxruntime."),
                next_step=say("Look at the technical details; exporting the model again with a newer opset may help."),
                detail=_first_lines(exc),
            ) from exc
        self._types = {entry.name: _NUMPY_TYPES.get(entry.type) for entry in self._session.get_inputs()}
        self._outputs = tuple(entry.name for entry in self._session.get_outputs())
        self.float_tensors = frozenset(
            entry.name
            for entry in (*self._session.get_inputs(), *self._session.get_outputs())
            if entry.type == "tensor(float)"
        )
        """Inputs and outputs of type float32."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Output names, in the model's order."""
        return self._outputs

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        """Run one inference; tensors are cast to the element types of the model's inputs.

        Raises:
            ConversionError: onnxruntime refused the input or failed.
        """
        typed = {name: _cast(tensor, self._types.get(name)) for name, tensor in feeds.items() if name in self._types}
        try:
            results = self._session.run(None, typed)
        except Exception as exc:
            raise ConversionError(
                say("The model stopped while it was being run."),
                next_step=say("Check that the picture size fits the model; the technical details name the step."),
                detail=_first_lines(exc),
            ) from exc
        return dict(zip(self._outputs, results, strict=True))

    def close(self) -> None:
        """Release the memory."""
        del self._session


@contextmanager
def source_errors(path: Path) -> Iterator[None]:
    """Raise errors of the source model itself as a :class:`SourceError` that names its file."""
    try:
        yield
    except ConversionError as exc:
        raise SourceError(
            say('The model "{name}" itself cannot be run.', name=path.name),
            next_step=exc.next_step,
            detail=exc.detail,
        ) from exc


def _cast(tensor: Tensor, dtype: type[np.generic] | None) -> Tensor:
    if dtype is None or tensor.dtype == dtype:
        return tensor
    if np.issubdtype(dtype, np.integer) and np.issubdtype(tensor.dtype, np.floating):
        limits = np.iinfo(np.dtype(dtype))
        return np.clip(np.rint(tensor), limits.min, limits.max).astype(dtype)
    return tensor.astype(dtype)


def _first_lines(exc: Exception) -> str:
    return str(exc)[:2000]
