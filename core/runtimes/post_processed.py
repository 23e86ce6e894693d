"""A model that ends before its post-processing, with the post-processing run after it by onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from core.runtimes.onnx import OnnxPredictor
from core.runtimes.predictor import Feeds, Predictor, Tensor


class PostProcessedPredictor:
    """Gives the source's outputs, of which some may have another number of rows in every run.

    Args:
        head: gives the tensors that the post-processing reads, and those of the source's outputs that need none.
        tail: the post-processing, an ONNX file.
        outputs: names of the source's outputs, in order.
        threads: threads for one run; 0 for every core.

    Raises:
        ConversionError: onnxruntime does not load the post-processing.
    """

    def __init__(self, head: Predictor, tail: Path, outputs: Sequence[str], *, threads: int = 0) -> None:
        self._head = head
        self._tail_path = tail
        self._tail = OnnxPredictor(tail, threads=threads)
        self._outputs = tuple(outputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Output names, in the order of the source."""
        return self._outputs

    def with_head(self, change: Callable[[Predictor], Predictor]) -> PostProcessedPredictor:
        """The same post-processing behind another predictor, made from this one's."""
        return PostProcessedPredictor(change(self._head), self._tail_path, self._outputs, threads=1)

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        """Run one inference.

        Raises:
            ConversionError: one of the two parts failed.
        """
        made = self._head.run(feeds)
        finished = {**made, **self._tail.run({**feeds, **made})}
        return {name: finished[name] for name in self._outputs}

    def release_memory_after_runs(self) -> None:
        """Take memory for activations only during a run."""
        self._head.release_memory_after_runs()
        self._tail.release_memory_after_runs()

    def close(self) -> None:
        """Release the memory."""
        self._head.close()
        self._tail.close()
