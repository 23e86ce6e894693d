"""onnxruntime behind the Predictor protocol; the only place where its exceptions are caught."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx

from core.common.errors import ConversionError, RunLimitError, SourceError
from core.common.text import Text, say
from core.onnx_model.serialize import serialize
from core.runtimes.casting import cast
from core.runtimes.predictor import Feeds, Tensor
from core.runtimes.run_limit import limited

_NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(bool)": np.bool_,
}
_PICTURE_AXES = 4
_LOG_FATAL_ONLY = 4  # errors arrive as exceptions with the same text


class OnnxPredictor:
    """A model run by onnxruntime on the CPU.

    Args:
        model: an ONNX file, or a model in memory (below protobuf's 2 GB), serialised or not.
        threads: threads for one run; 0 lets onnxruntime use every core.
        optimize: whether onnxruntime may fuse nodes; without, parts of a model give the very bits of the whole.
        low_memory: take memory tensor by tensor, and run nodes in the model's order, so that one which reads a tensor
            right after it was made lets go of it. A model that observes its tensors took half of the memory so, in the
            same time; one that does not takes up to a quarter longer.

    Raises:
        ConversionError: onnxruntime does not load it, or it is larger than an ONNX file can be.
        RunLimitError: loading takes too much time or memory.
    """

    def __init__(
        self,
        model: Path | onnx.ModelProto | bytes,
        *,
        threads: int = 0,
        optimize: bool = True,
        low_memory: bool = False,
    ) -> None:
        import onnxruntime as ort  # heavy, and pages that run no model import this module too

        options = ort.SessionOptions()
        options.log_severity_level = _LOG_FATAL_ONLY
        options.intra_op_num_threads = threads
        if not optimize:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        if low_memory:
            options.enable_cpu_mem_arena = options.enable_mem_pattern = False
            options.execution_order = ort.ExecutionOrder.PRIORITY_BASED
        # Spinning gains little on an idle computer and costs much on a busy one.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        content = serialize(model) if isinstance(model, onnx.ModelProto) else model
        loaded = str(content) if isinstance(content, Path) else content
        try:
            with limited(lambda: options.set_load_cancellation_flag(True)):
                self._session = ort.InferenceSession(loaded, options, providers=["CPUExecutionProvider"])
        except RunLimitError:
            raise
        # onnxruntime's exceptions share no base class but Exception.
        except Exception as exc:
            raise ConversionError(
                say("The model cannot be loaded by onnxruntime."),
                next_step=say("Look at the technical details; exporting the model again with a newer opset may help."),
                detail=_first_lines(exc),
            ) from exc
        # It keeps the bytes, to be made anew with other providers, which there are none of.
        self._session._model_bytes = None
        self._releases = False
        self._types = {entry.name: _NUMPY_TYPES.get(entry.type) for entry in self._session.get_inputs()}
        self._takes_pictures = [_looks_like_pictures(entry.shape) for entry in self._session.get_inputs()] == [True]
        self._outputs = tuple(entry.name for entry in self._session.get_outputs())
        self.output_types = {
            entry.name: kind for entry in self._session.get_outputs() if (kind := _NUMPY_TYPES.get(entry.type))
        }
        """Output -> its element type, where numpy has it."""

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
            RunLimitError: it took too much time or memory.
        """
        import onnxruntime as ort

        typed = self.typed(feeds)
        options = ort.RunOptions()
        options.log_severity_level = _LOG_FATAL_ONLY
        if self._releases:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        try:
            with limited(lambda: setattr(options, "terminate", True)):
                results = self._session.run(None, typed, options)
        except RunLimitError:
            raise
        except Exception as exc:
            raise ConversionError(
                say("The model stopped while it was being run."),
                next_step=self._what_to_check(),
                detail=_first_lines(exc),
            ) from exc
        return dict(zip(self._outputs, map(_own, results), strict=True))

    def typed(self, feeds: Feeds) -> dict[str, Tensor]:
        """Its inputs among the feeds, in the element types that it takes.

        Raises:
            ConversionError: a number does not fit into the type.
        """
        return {name: self._typed(name, tensor) for name, tensor in feeds.items() if name in self._types}

    def _typed(self, name: str, tensor: Tensor) -> Tensor:
        dtype = self._types[name]
        if dtype is None or tensor.dtype == dtype:
            return tensor
        return cast(tensor, dtype, name, error=ConversionError, next_step=_kind(tensor))

    def _what_to_check(self) -> Text:
        """Next step after a run that failed, by what the model takes."""
        if self._takes_pictures:
            return say("Check that the picture size fits the model; the technical details name the step.")
        return say(
            "Check that the arrays have the shapes, types and numbers that the model takes; the technical details name "
            "the step."
        )

    def release_memory_after_runs(self) -> None:
        """Take memory for activations only during a run; it was slower by up to a quarter."""
        self._releases = True

    def close(self) -> None:
        """Release the memory."""
        del self._session


def _own(result: Tensor) -> Tensor:
    """A copy: onnxruntime's array keeps all memory of its session alive, for as long as somebody keeps the array."""
    return result.copy() if isinstance(result, np.ndarray) and not result.flags.owndata else result


@contextmanager
def source_errors(path: Path) -> Iterator[None]:
    """Raise errors of the source model itself as a :class:`SourceError` that names its file."""
    try:
        yield
    except RunLimitError:
        raise  # it says so itself
    except ConversionError as exc:
        raise SourceError(
            say('The model "{name}" itself cannot be run.', name=path.name),
            next_step=exc.next_step,
            detail=exc.detail,
        ) from exc


def _kind(tensor: Tensor) -> str:
    """What its numbers came from, as far as can be told: words only depend on it."""
    return "pictures" if tensor.ndim == _PICTURE_AXES and tensor.dtype == np.float32 else "arrays"


def _looks_like_pictures(shape: Sequence[int | str | None]) -> bool:
    """Four axes, of which one has the size of colour channels, or may have it."""
    return len(shape) == _PICTURE_AXES and any(
        size in (1, 3) or not isinstance(size, int) for size in (shape[1], shape[3])
    )


def _first_lines(exc: Exception) -> str:
    return str(exc)[:2000]
