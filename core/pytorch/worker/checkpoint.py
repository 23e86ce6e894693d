"""Open a checkpoint, with ``weights_only`` unless the person trusts it, and load its weights into a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.common.errors import CheckpointError
from core.common.text import Text, plural, say
from core.process import messages
from core.process.confinement import limited
from core.pytorch.file_kinds import kind_of
from core.pytorch.worker.consent import check_consent, first_names, not_a_checkpoint, weights_consent_needed
from core.pytorch.worker.pickles import foreign_globals

_PREFIX = "module."
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
"""Escape codes for terminals, which torch puts into its errors."""

_MEMORY, _COPIES = 600_000_000, 4
"""Memory for opening any file, and how many copies of its content there may be: even what weights may ask for can be
asked for a million times.
"""

_SECONDS, _BYTES_PER_SECOND = 60.0, 10e6
"""Time for any file, and how much of a large one is read in a second at least."""

_WEIGHT_KEYS = ("state_dict", "model", "model_state", "net")
_MISMATCH = re.compile(
    r"size mismatch for (?P<name>\S+): copying a param with shape torch\.Size\(\[(?P<theirs>[^\]]*)\]\) "
    r"from checkpoint, the shape in current model is torch\.Size\(\[(?P<ours>[^\]]*)\]\)"
)


@dataclass(frozen=True)
class Checkpoint:
    """The contents of the file."""

    weights: Mapping[str, Any]
    """Name -> tensor."""

    meta: Mapping[str, Any]
    """What OpenMMLab saves beside the weights: classes, version, config."""


class _HistoryStub:
    """Unpickled instead of mmengine's HistoryBuffer: the training curves, which an export does not need."""

    def __setstate__(self, state: object) -> None:
        """Discard the curves."""


def _getattr_stub(owner: object, name: str) -> None:
    """Unpickled instead of ``getattr``, by which a HistoryBuffer names its statistics; the real one could reach any
    function, this one returns nothing.
    """


def open_checkpoint(path: Path, *, trusted: bool) -> Checkpoint:
    """Read the weights of a checkpoint.

    Args:
        path: the file.
        trusted: whether it may be unpickled without restrictions, which can run code.

    Raises:
        ConsentNeeded: it holds more than weights and what OpenMMLab is known to write; nothing of it was run.
        CheckpointError: it is damaged, cut off, or no checkpoint.
    """
    kind = kind_of(path)
    if kind in ("torchscript", "torch.export"):
        raise _no_weights_alone(path, kind)
    check_consent(path, kind, trusted=trusted)
    content = _load(path, trusted=trusted)
    weights = _weights(content)
    if not weights:
        raise CheckpointError(
            say('"{name}" holds no weights.', name=path.name),
            next_step=say("Pick a checkpoint (.pth) as OpenMMLab saves it while training."),
        )
    meta = content.get("meta")
    return Checkpoint(weights, meta if isinstance(meta, dict) else {})


def load_weights(model: Any, checkpoint: Checkpoint, *, shape_hint: Text | None) -> tuple[Text, ...]:
    """Load the weights into the model.

    Args:
        model: is changed.
        checkpoint: the weights.
        shape_hint: the likely cause of weights of other shapes, where the input size was changed.

    Returns:
        Notes for the person.

    Raises:
        CheckpointError: weights are missing, or have other shapes than the model's.
    """
    try:
        result = model.load_state_dict(checkpoint.weights, strict=False)
    except RuntimeError as exc:
        raise _other_shapes(str(exc), shape_hint) from exc
    missing = [name for name in result.missing_keys if not name.endswith("num_batches_tracked")]
    if missing:
        raise _missing(missing, len(model.state_dict()))
    unused = list(result.unexpected_keys)
    if not unused:
        return ()
    return (
        plural(
            "{count} weight of the checkpoint is not part of the model and was left out: {names}",
            "{count} weights of the checkpoint are not part of the model and were left out: {names}",
            count=len(unused),
            names=first_names(unused),
        ),
    )


def _load(path: Path, *, trusted: bool) -> Any:
    import pickle

    import torch

    size = path.stat().st_size
    seconds = _SECONDS + size / _BYTES_PER_SECOND
    try:
        with (
            limited(more_bytes=_MEMORY + _COPIES * size, seconds=seconds),
            torch.serialization.safe_globals(_safe_globals()),
        ):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        foreign = foreign_globals(path)
        if not foreign and "global" not in str(exc).lower():
            raise not_a_checkpoint(path, f"{type(exc).__name__}: {str(exc)[:2000]}") from exc
        if not trusted:
            raise weights_consent_needed(path, foreign, _COLOUR.sub("", str(exc))[-1500:]) from exc
        content = _load_unrestricted(path)
    except (MemoryError, TimeoutError) as exc:
        stopped = "memory" if isinstance(exc, MemoryError) else "time"
        reason, next_step = messages.reading_ended(None, stopped, seconds)
        raise CheckpointError(reason, next_step=next_step, detail=repr(exc)) from exc
    # torch raises anything on a damaged file.
    except Exception as exc:
        raise not_a_checkpoint(path, f"{type(exc).__name__}: {str(exc)[:2000]}") from exc
    if not isinstance(content, Mapping):
        raise _no_weights_alone(path, str(type(content)))
    return content


def _no_weights_alone(path: Path, detail: str) -> CheckpointError:
    return CheckpointError(
        say('"{name}" holds a whole model or something else, not a checkpoint.', name=path.name),
        next_step=say("Pick a checkpoint (.pth) as OpenMMLab saves it while training."),
        detail=detail,
    )


def _load_unrestricted(path: Path) -> Any:
    """Unpickle all of it; the person has agreed."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    # A trusted pickle runs its maker's code, which can fail in any way.
    except Exception as exc:
        raise CheckpointError(
            say('"{name}" could not be opened, not even as a trusted file.', name=path.name),
            next_step=say("It may need Python code that is not here. Save it again with its weights only."),
            detail=f"{type(exc).__name__}: {exc}",
        ) from exc


def _safe_globals() -> list[Any]:
    """The classes and functions that OpenMMLab pickles beside tensors; harmless, or replaced by stubs."""
    import importlib

    import numpy as np

    multiarray = importlib.import_module("numpy._core.multiarray")
    history = (_HistoryStub, "mmengine.logging.history_buffer.HistoryBuffer")
    getattr_stub = (_getattr_stub, "builtins.getattr")
    rebuild, scalar = multiarray._reconstruct, multiarray.scalar
    arrays = [
        *((function, f"{module}.{function.__name__}") for function in (rebuild, scalar) for module in _NUMPY_MODULES),
        np.ndarray,
        np.dtype,
        *{type(np.dtype(code)) for code in "?bBhHiIlLqQefd"},
    ]
    return [history, getattr_stub, *arrays]


_NUMPY_MODULES = ("numpy._core.multiarray", "numpy.core.multiarray")
"""The name in numpy 2, and that in numpy 1, with which most checkpoints were written."""


def _weights(content: Mapping[str, Any]) -> dict[str, Any]:
    """The dictionary of tensors: a value of the checkpoint, or the checkpoint itself."""
    import torch

    holder = next((content[name] for name in _WEIGHT_KEYS if isinstance(content.get(name), Mapping)), content)
    weights = {str(name): value for name, value in holder.items() if isinstance(value, torch.Tensor)}
    if weights and all(name.startswith(_PREFIX) for name in weights):  # saved from DataParallel
        weights = {name[len(_PREFIX) :]: value for name, value in weights.items()}
    metadata = getattr(holder, "_metadata", None)
    if metadata is not None:  # versions of layers, by which torch converts old weights
        weights = _with_metadata(weights, metadata)
    return weights


def _with_metadata(weights: dict[str, Any], metadata: Any) -> Any:
    from collections import OrderedDict

    ordered: Any = OrderedDict(weights)
    ordered._metadata = metadata
    return ordered


def _missing(missing: Sequence[str], total: int) -> CheckpointError:
    if len(missing) > total / 2:
        return CheckpointError(
            say("The checkpoint belongs to another model: most weights of this one are not in it."),
            next_step=say("Pick the config and the checkpoint that belong together."),
            detail=first_names(missing),
        )
    return CheckpointError(
        plural(
            "{count} weight is missing in the checkpoint: {names}",
            "{count} weights are missing in the checkpoint: {names}",
            count=len(missing),
            names=first_names(missing),
        ),
        next_step=say("Pick the config and the checkpoint that belong together."),
        detail="\n".join(missing),
    )


def _other_shapes(message: str, shape_hint: Text | None) -> CheckpointError:
    found = list(_MISMATCH.finditer(message))
    if not found:
        return CheckpointError(
            say("The weights of the checkpoint do not fit into the model."),
            next_step=say("Pick the config and the checkpoint that belong together."),
            detail=message[:4000],
        )
    first = found[0]
    return CheckpointError(
        plural(
            "{count} weight has another shape than in the model. {name}: ({theirs}) in the checkpoint, ({ours}) here.",
            "{count} weights have another shape than in the model. {name}: ({theirs}) in the checkpoint, "
            "({ours}) here.",
            count=len(found),
            name=first["name"],
            theirs=first["theirs"],
            ours=first["ours"],
        ),
        next_step=shape_hint
        or say("Check the number of classes in the config, and that config and checkpoint belong together."),
        detail=message[:4000],
    )
