"""Text recognition by CTC: one row of character scores for each step along the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from core.common.text import Text, plural, say
from core.job.task_name import TaskName
from core.preprocessing import Placement
from core.runtimes.predictor import Tensor
from core.tasks.base import Budget, Evidence, TaskOptions
from core.tasks.mean_metrics import Compared, MeanAgreement, MeanTruth
from core.tasks.predictions import ClassTruth, RecognizedText, TextTruth, Truth

_FEWEST_CLASSES, _MOST_STEPS = 11, 2048
_WIDE = 1.5
"""Least ratio of width to height of an image of a line."""

_BLANKS = frozenset({"", "-", "blank", "<blank>", "[blank]", "<blk>", "[blk]", "[ctcblank]"})
_LEAST_BLANK = 0.2
"""Least share of the steps at which a trained reader gives the blank."""


class TextRecognition:
    """Greedy CTC decoding (Graves et al., 2006): the best class of each step, repeats merged, blanks dropped.

    Args:
        output: name of the output: scores of shape (1, steps, classes) or (steps, 1, classes), or the indices of the
            best classes, an integer tensor with one axis longer than 1.
        blank: index of the blank.
        characters: by class index; empty where they are unknown: then the numbers of the classes are compared.
        reason: why the model is taken for a reader.
    """

    name: ClassVar[TaskName] = "text"
    noise: ClassVar[None] = None  # that of the scores says it
    budget: ClassVar[Budget] = Budget(keeps=0.95, floor=0.3)
    options = TaskOptions()

    def __init__(self, output: str, *, blank: int = 0, characters: Sequence[str] = (), reason: Text) -> None:
        self._output = output
        self._blank = blank
        self._characters = tuple(characters)
        self.class_names: tuple[str, ...] = ()
        self.reason = reason

    @property
    def decoder(self) -> Mapping[str, Any]:
        """The output and the index of the blank."""
        return {"output": self._output, "blank": self._blank}

    @property
    def characters(self) -> tuple[str, ...]:
        """By class index; empty where they are unknown."""
        return self._characters

    def decode(self, outputs: Mapping[str, Tensor], placement: Placement) -> RecognizedText:
        """The text; of a batch the first sample counts."""
        indices, probabilities = _best(outputs[self._output])
        kept = (indices != self._blank) & np.diff(indices, prepend=-1).astype(np.bool_)
        characters = tuple(self._character(int(index)) for index in indices[kept])
        score = float(probabilities[kept].mean()) if kept.any() else 0.0
        return RecognizedText(("" if self._characters else " ").join(characters), score, characters)

    def _character(self, index: int) -> str:
        return self._characters[index] if index < len(self._characters) else str(index)

    def agreement(self) -> MeanAgreement[RecognizedText]:
        """Share of samples with the same text; ``character_error`` in the details."""
        return MeanAgreement("same-text", _same_text)

    def truth(self) -> MeanTruth[RecognizedText]:
        """Shares of words and of characters that are right."""
        return MeanTruth(("words", "characters"), _correct)

    def confidence(self, predictions: Sequence[RecognizedText]) -> float:
        """Mean probability of the characters, 0 for images in which nothing was read."""
        return float(np.mean([prediction.score for prediction in predictions])) if predictions else 0.0

    def to_json(self, prediction: RecognizedText) -> dict[str, Any]:
        """The text and its score."""
        return {"kind": "text", "text": prediction.text, "score": round(prediction.score, 4)}


def recognize(evidence: Evidence, options: TaskOptions, *, is_chosen: bool = False) -> TextRecognition | None:
    """A model that takes images of lines and gives a sequence of class scores with a frequent blank.

    Args:
        evidence: what is known of the model.
        options: what the person chose.
        is_chosen: whether the person says that it reads: then any sequence of class scores will do.
    """
    size = evidence.input_size
    if size is None:
        return None
    own = _listed(evidence.metadata.get("character", ""))
    is_line = size[1] >= _WIDE * size[0]
    for name, tensor in evidence.outputs[0].items():
        classes = _class_count(tensor)
        if classes is None:
            continue
        samples = [sample[name] for sample in evidence.outputs]
        # PaddleOCR, which writes the characters into the file, has the blank first.
        blank = 0 if own and not evidence.characters else _blank_of(samples, classes)
        characters = _by_index(evidence.characters or own, classes, blank)
        if characters or is_chosen or (is_line and _has_blank(samples)):
            return TextRecognition(name, blank=blank, characters=characters, reason=_reason(characters))
    return None


def _reason(characters: Sequence[str]) -> Text:
    if characters:
        return plural(
            "It reads a line of text; {count} character is known.",
            "It reads a line of text; {count} characters are known.",
            count=sum(bool(character) for character in characters),
        )
    return say("It reads a line of text. Which characters it knows is not said, so their numbers are compared.")


def _class_count(tensor: Tensor) -> int | None:
    """Number of classes; 0 for class indices, where it is not known; None if it cannot be a sequence."""
    if np.issubdtype(tensor.dtype, np.integer):
        steps = max(tensor.shape, default=0)
        return 0 if tensor.ndim in (1, 2) and 2 <= tensor.size == steps <= _MOST_STEPS else None
    if tensor.ndim != 3 or 1 not in tensor.shape[:2]:
        return None
    steps, classes = tensor.shape[0] * tensor.shape[1], tensor.shape[2]
    return classes if 2 <= steps <= _MOST_STEPS and classes >= _FEWEST_CLASSES else None


def _best(tensor: Tensor) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Best class and its probability at each step."""
    if np.issubdtype(tensor.dtype, np.integer):
        indices = tensor.ravel().astype(np.int64)
        return indices, np.ones(len(indices))
    rows = (tensor[:, 0] if tensor.shape[1] == 1 else tensor[0]).astype(np.float64)
    indices = rows.argmax(axis=1)
    best = rows.max(axis=1)
    if rows.min() >= 0.0 and abs(rows[0].sum() - 1.0) < 1e-2:
        return indices, best
    return indices, 1 / np.exp(rows - best[:, None]).sum(axis=1)


def _has_blank(samples: Sequence[Tensor]) -> bool:
    """Whether one class is by far the most frequent, and not the only one."""
    indices = np.concatenate([_best(sample)[0] for sample in samples])
    _, counts = np.unique(indices, return_counts=True)
    return bool(counts.max() >= _LEAST_BLANK * len(indices))


def _blank_of(samples: Sequence[Tensor], classes: int) -> int:
    """The first or the last class, whichever is more frequent."""
    if not classes:
        return 0
    indices = np.concatenate([_best(sample)[0] for sample in samples])
    return classes - 1 if np.sum(indices == classes - 1) > np.sum(indices == 0) else 0


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if "\n" in text else ()


def _by_index(listed: Sequence[str], classes: int, blank: int) -> tuple[str, ...]:
    """Characters by class index; a space follows where there is one class more.

    Some lists end with a line break, others hold characters at which lines may break too, and some the blank.

    Args:
        listed: the characters; empty where they are unknown.
        classes: number of classes; 0 where the output has their indices.
        blank: index of the blank.
    """
    if not listed:
        return ()
    if not classes:
        return tuple(listed) if _is_blank(listed[0]) else ("", *listed)
    for names in (tuple(listed), tuple(listed)[:-1], tuple("\n".join(listed).splitlines())):
        if len(names) == classes and _is_blank(names[blank]):
            return (*names[:blank], "", *names[blank + 1 :])
        spaces = (" ",) * (classes - 1 - len(names))
        if len(spaces) <= 1 and len(names) + 1 + len(spaces) == classes:
            return (*names, *spaces, "") if blank else ("", *names, *spaces)
    return ()


def _is_blank(name: str) -> bool:
    """Whether a list has the blank here, as lists call it."""
    return name.casefold() in _BLANKS


def _same_text(source: RecognizedText, other: RecognizedText) -> Compared:
    length = max(len(source.characters), len(other.characters))
    distance = Levenshtein.distance(source.characters, other.characters)
    error = distance / max(1, len(source.characters))
    return float(source.characters == other.characters), int(length > 0), {"character_error": min(1.0, error)}


def _correct(prediction: RecognizedText, truth: Truth) -> tuple[float, float] | None:
    """A table of labels may name the text as the class of the picture."""
    if not isinstance(truth, (TextTruth, ClassTruth)):
        return None
    text = truth.text if isinstance(truth, TextTruth) else truth.label
    error = Levenshtein.distance(prediction.text, text) / max(1, len(text))
    return float(prediction.text == text), max(0.0, 1.0 - error)
