"""A predictor that is loaded when it first runs, and again after it was closed: for many models, of which few fit."""

from __future__ import annotations

from collections.abc import Callable

from core.runtimes.predictor import Feeds, Predictor, Tensor


class OnDemandPredictor:
    """Behaves as the predictor that it loads; errors of loading come from :meth:`run`.

    Args:
        load: opens the predictor.
    """

    def __init__(self, load: Callable[[], Predictor]) -> None:
        self._load = load
        self._loaded: Predictor | None = None
        self._releases = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Output names, in the model's order."""
        return self._predictor().outputs

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        """Run one inference."""
        return self._predictor().run(feeds)

    def release_memory_after_runs(self) -> None:
        """Take memory for activations only during a run."""
        self._releases = True
        if self._loaded is not None:
            self._loaded.release_memory_after_runs()

    def close(self) -> None:
        """Release the memory until the next run."""
        if self._loaded is not None:
            self._loaded.close()
        self._loaded = None

    def _predictor(self) -> Predictor:
        if self._loaded is None:
            self._loaded = self._load()
            if self._releases:
                self._loaded.release_memory_after_runs()
        return self._loaded
