"""ncnn behind the Predictor protocol, with the checks that ncnn lacks.

ncnn reports errors by return codes and on the C stderr, does not keep the arrays alive that it is given, ignores
their strides and element types, and reads past the end of short weights.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core.common.errors import ConversionError
from core.common.text import say
from core.ncnn.model import NcnnModel
from core.ncnn.weights import write_weights
from core.onnx_model.source import shape_text
from core.runtimes.casting import cast
from core.runtimes.predictor import Feeds, Tensor

_MAX_AXES = 4  # of ncnn's Mat


class NcnnPredictor:
    """An ncnn model run on the CPU; use it in a worker process only, since ncnn may crash.

    Args:
        model: the model, whose weights were checked against its graph when it was read.
        expected: outputs of the source. ncnn has no batch axis, so its outputs are reshaped to these shapes.
        threads: threads for one run; 0 for every core.

    Raises:
        ConversionError: ncnn does not load it.
    """

    def __init__(self, model: NcnnModel, expected: Mapping[str, Tensor], *, threads: int = 0) -> None:
        import ncnn

        self._ncnn = ncnn
        self._model = replace(model, weights=())  # ncnn has them in memory of its own
        self._expected = expected
        self._integers = model.integer_inputs
        self._releases = False
        self._net: Any = ncnn.Net()
        self._net.opt.num_threads = threads or os.cpu_count() or 1
        # fp16 arithmetic exists on some CPUs only; outputs must not depend on the computer.
        self._net.opt.use_fp16_packed = False
        self._net.opt.use_fp16_storage = False
        self._net.opt.use_fp16_arithmetic = False
        if self._net.load_param_mem(model.param.write()) != 0:
            raise _not_loaded("load_param")
        self._weights = write_weights(model.weights)
        self._net.load_model_mem(self._weights)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Output names, in the order of the source."""
        return tuple(self._model.outputs)

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        """Run one inference; several samples are run one after the other, as ncnn takes one.

        Raises:
            ConversionError: ncnn refused the input, failed, or gave an output of another size.
        """
        return self.from_blobs([self._run_sample(blobs) for blobs in self.to_blobs(feeds)])

    def to_blobs(self, feeds: Feeds) -> list[dict[str, Tensor]]:
        """What ncnn is fed in each of its runs: blob -> tensor in the shape and type that it takes there.

        Raises:
            ConversionError: an input is missing, or does not fit into ncnn.
        """
        return [self._blobs(sample) for sample in self._samples(feeds)]

    def from_blobs(self, runs: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """The source's outputs from the output blobs of those runs.

        Raises:
            ConversionError: an output has another size than the source's.
        """
        blobs = self._model.outputs
        return {name: self._with_source_shape(name, [run[blobs[name]] for run in runs]) for name in self.outputs}

    @property
    def output_blobs(self) -> tuple[str, ...]:
        """The blobs from which the outputs are made."""
        return tuple(self._model.outputs.values())

    def _run_sample(self, blobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        # Freed when this returns, after the extractor let go of its blobs. The net's own keep what they have.
        allocators = (self._ncnn.PoolAllocator(), self._ncnn.PoolAllocator()) if self._releases else None
        with self._net.create_extractor() as extractor:
            if allocators is not None:
                extractor.set_blob_allocator(allocators[0])
                extractor.set_workspace_allocator(allocators[1])
            self._feed(extractor, blobs)
            return {blob: np.array(_extract(extractor, blob)) for blob in self.output_blobs}

    def _samples(self, feeds: Feeds) -> list[Feeds]:
        """The feeds of each sample, where all inputs hold the same number of samples along their first axis."""
        names = [name for name, blob in self._model.inputs.items() if name in feeds]
        counts = {self._sample_count(feeds[name], self._model.inputs[name]) for name in names}
        count = counts.pop() if len(counts) == 1 else 1
        if count == 1:
            return [feeds]
        return [{name: feeds[name][index : index + 1] for name in names} for index in range(count)]

    def _sample_count(self, tensor: Tensor, blob: str) -> int:
        """1 where the input takes the tensor as it is."""
        shape = self._model.input_shape(blob)
        is_whole = tensor.ndim < 2 or (shape is not None and math.prod(shape) == tensor.size)
        return 1 if is_whole else tensor.shape[0]

    def extract(self, feeds: Feeds, blobs: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """Run one inference, of the first sample where there are several, and yield blobs, without the batch axis.

        Args:
            feeds: one tensor for each input of the source.
            blobs: names of any blobs, in any order.

        Yields:
            Name and values, in the order of the graph: so each blob is freed once the next layer has read it, and no
            more memory is needed than for an ordinary run. The values are ncnn's memory, valid until the next blob is
            requested.

        Raises:
            ConversionError: ncnn refused the input or failed.
        """
        places = {top: index for index, layer in enumerate(self._model.param.layers) for top in layer.tops}
        with self._net.create_extractor() as extractor:
            extractor.set_light_mode(True)  # frees blobs once the next layer has read them
            self._feed(extractor, self.to_blobs(feeds)[0])
            for blob in sorted(blobs, key=lambda blob: places.get(blob, 0)):
                yield blob, np.array(_extract(extractor, blob), copy=False)

    def release_memory_after_runs(self) -> None:
        """Take memory for blobs only during a run."""
        self._releases = True

    def close(self) -> None:
        """Release the memory."""
        self._net.clear()

    def _blobs(self, feeds: Feeds) -> dict[str, Tensor]:
        missing = [name for name in self._model.inputs if name not in feeds]
        if missing:
            raise _failed(f"input {missing[0]} was not given")
        return {blob: self._fitted(name, feeds[name], blob) for name, blob in self._model.inputs.items()}

    def _feed(self, extractor: Any, blobs: Mapping[str, Tensor]) -> None:
        """Set the inputs, as copies in ncnn's own memory.

        ncnn does not keep numpy's memory alive, and a first layer that works in place (an activation, a
        normalisation) would crash on it.
        """
        for blob, tensor in blobs.items():
            if extractor.input(blob, self._ncnn.Mat(tensor).clone()) != 0:
                raise _failed(f"input {blob}")

    def _fitted(self, name: str, tensor: Tensor, blob: str) -> Tensor:
        """A tensor in the shape and type that an input of the model takes."""
        shape = self._model.input_shape(blob)
        is_told = shape is not None and math.prod(shape) == tensor.size
        fitted = tensor.reshape(shape or ()) if is_told else _without_batch(name, tensor)
        dtype = np.int32 if blob in self._integers else np.float32
        return np.ascontiguousarray(cast(fitted, dtype, name, error=ConversionError))

    def _with_source_shape(self, name: str, samples: Sequence[Tensor]) -> Tensor:
        expected = self._expected[name]
        values = samples[0] if len(samples) == 1 else np.stack(samples)
        if values.size != expected.size:
            raise ConversionError(
                say('The output "{name}" has another size in ncnn than in the original.', name=name),
                next_step=say("Use the ONNX targets for this model."),
                detail=f"{values.shape} instead of {expected.shape}",
            )
        return values.reshape(expected.shape)


def _without_batch(name: str, tensor: Tensor) -> Tensor:
    if not tensor.size:
        raise ConversionError(
            say(
                'The input "{name}", {shape}, is empty, which ncnn cannot hold.',
                name=name,
                shape=shape_text(tensor.shape),
            ),
            next_step=say("Give examples in which it is not empty, or use the ONNX targets for this model."),
        )
    if tensor.ndim > 1 and tensor.shape[0] != 1:
        raise ConversionError(
            say(
                'ncnn takes one example at a time, but the input "{name}" has the shape {shape}, with {count} in its '
                "first axis.",
                name=name,
                shape=shape_text(tensor.shape),
                count=tensor.shape[0],
            ),
            next_step=say("Export the model so that the first axis of this input is 1 (batch size 1)."),
        )
    if tensor.ndim > _MAX_AXES + 1:
        raise ConversionError(
            say(
                'The input "{name}" has the shape {shape}, which does not fit into ncnn.',
                name=name,
                shape=shape_text(tensor.shape),
            ),
            next_step=say("Use the ONNX targets for this model."),
        )
    return tensor[0] if tensor.ndim > 1 else tensor


def _extract(extractor: Any, blob: str) -> Any:
    """An ``ncnn.Mat``."""
    code, mat = extractor.extract(blob)
    if code != 0 or mat.empty():
        raise _failed(f"blob {blob}: code {code}")
    return mat


def _not_loaded(detail: str) -> ConversionError:
    return ConversionError(
        say("ncnn does not load the model."), next_step=say("Use the ONNX targets for this model."), detail=detail
    )


def _failed(detail: str) -> ConversionError:
    return ConversionError(
        say("ncnn stopped while it was running the model."),
        next_step=say("Use the ONNX targets for this model."),
        detail=detail,
    )
