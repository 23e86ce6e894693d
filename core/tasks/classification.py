"""Image classification: one score for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.runtimes.predictor import Tensor
from core.tasks.base import Prediction, TaskName

_TOP = 5


class Classification:
    """Decodes an output with one score for each class.

    Args:
        output: name of the output with the scores, of shape (1, classes) or (1, classes, 1, 1).
        names: class names by index, where they are known.
        folders: names of the test images' class folders, one for each class; where the model has no class names,
            their alphabetical order gives the indices, as in torchvision's ImageFolder.
    """

    name: TaskName = "classification"

    def __init__(self, output: str, *, names: Sequence[str] = (), folders: Sequence[str] = ()) -> None:
        self._output = output
        self._names = tuple(names)
        known = self._names or tuple(sorted(set(folders)))
        self._indices = {_normalized(name): index for index, name in enumerate(known)}

    def decode(self, outputs: Mapping[str, Tensor]) -> Prediction:
        """Rank the classes by their scores."""
        scores = outputs[self._output].ravel()
        # Stable, so that equal scores rank the same in every file.
        ranking = tuple(int(index) for index in np.argsort(-scores, kind="stable")[:_TOP])
        probability = to_probabilities(scores)[ranking[0]]
        return Prediction(ranking, self.class_name(ranking[0]), float(probability))

    def class_index(self, label: str) -> int | None:
        """Index of the class with this name; a number that is no class name is the index itself."""
        named = self._indices.get(_normalized(label))
        return int(label) if named is None and label.isdecimal() else named

    def class_name(self, index: int) -> str:
        """The model's own name for it, or its number."""
        return self._names[index] if index < len(self._names) else str(index)


def to_probabilities(scores: Tensor) -> NDArray[np.float64]:
    """Softmax of all scores, flattened; scores that sum to 1 are probabilities already and stay as they are."""
    scores = scores.astype(np.float64).ravel()
    if scores.min() >= 0.0 and abs(scores.sum() - 1.0) < 1e-2:
        return scores
    exponentials: NDArray[np.float64] = np.exp(scores - scores.max())
    return exponentials / float(exponentials.sum())


def _normalized(name: str) -> str:
    return name.strip().casefold().replace("_", " ")
