"""Open a checkpoint, with ``weights_only`` unless the person trusts it, and load its weights into a model."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.common.errors import CheckpointError, ConsentNeeded
from core.common.text import Text, plural, say

_MAX_NAMES = 5
_PREFIX = "module."
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
"""Escape codes for terminals, which torch puts into its errors."""

_MAX_PICKLES = 8
"""Before PyTorch 1.6 a checkpoint was a sequence of five pickles, the contents not the first of them."""

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
            names=_first(unused),
        ),
    )


def _load(path: Path, *, trusted: bool) -> Any:
    import pickle

    import torch

    try:
        with torch.serialization.safe_globals(_safe_globals()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        if "global" not in str(exc).lower() and not _unknown_globals(path):
            raise not_a_checkpoint(path, f"{type(exc).__name__}: {str(exc)[:2000]}") from exc
        if not trusted:
            raise _consent_needed(path, exc) from exc
        content = _load_unrestricted(path)
    except (
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        zipfile.BadZipFile,
    ) as exc:
        raise not_a_checkpoint(path, f"{type(exc).__name__}: {str(exc)[:2000]}") from exc
    if not isinstance(content, Mapping):
        raise CheckpointError(
            say('"{name}" holds a whole model or something else, not a checkpoint.', name=path.name),
            next_step=say("Pick a checkpoint (.pth) as OpenMMLab saves it while training."),
            detail=str(type(content)),
        )
    return content


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


def _unknown_globals(path: Path) -> tuple[str, ...]:
    """Names that the pickle imports from other packages than torch and OpenMMLab; parsed, not run."""
    names = []
    for module, name in _globals(_pickle(path)):
        if module.split(".")[0] not in ("torch", "collections", "numpy", "mmengine", "_codecs"):
            names.append(f"{module}.{name}")
    return tuple(dict.fromkeys(names))


def _pickle(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
            return archive.read(inside) if inside else b""
    except (zipfile.BadZipFile, OSError):
        with path.open("rb") as file:
            return file.read(1_000_000)


def _globals(pickled: bytes) -> list[tuple[str, str]]:
    """Module and name of everything that the pickles import."""
    found: list[tuple[str, str]] = []
    stream = io.BytesIO(pickled)
    try:
        for _ in range(_MAX_PICKLES):
            _collect_globals(stream, found)
    except (ValueError, IndexError, UnicodeDecodeError):  # the end of what can be parsed
        return found
    return found


def _collect_globals(stream: io.BytesIO, found: list[tuple[str, str]]) -> None:
    """Read one pickle to its end."""
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            found.append((module, name))
        elif opcode.name == "STACK_GLOBAL" and len(strings) >= 2:
            found.append((strings[-2], strings[-1]))
        elif isinstance(argument, str):
            strings.append(argument)


def _consent_needed(path: Path, exc: Exception) -> ConsentNeeded:
    unknown = _unknown_globals(path)
    return ConsentNeeded(
        say(
            '"{name}" holds more than weights: opening it can run any program that its maker put into it, with your '
            "rights. Nothing of it was run.",
            name=path.name,
        ),
        next_step=say(
            "If you trust where the file comes from, agree to it (--trust-checkpoint). Else do not use it, or ask for "
            "a file with the weights only."
        ),
        detail=f"It asks for: {_first(unknown)}" if unknown else _COLOUR.sub("", str(exc))[-1500:],
    )


def not_a_checkpoint(path: Path, detail: str = "") -> CheckpointError:
    """The error for a file that PyTorch did not write, or that is incomplete."""
    return CheckpointError(
        say('"{name}" is not a PyTorch checkpoint, or it is damaged or cut off.', name=path.name),
        next_step=say("Pick another file, or download or copy it again."),
        detail=detail,
    )


def _missing(missing: Sequence[str], total: int) -> CheckpointError:
    if len(missing) > total / 2:
        return CheckpointError(
            say("The checkpoint belongs to another model: most weights of this one are not in it."),
            next_step=say("Pick the config and the checkpoint that belong together."),
            detail=_first(missing),
        )
    return CheckpointError(
        plural(
            "{count} weight is missing in the checkpoint: {names}",
            "{count} weights are missing in the checkpoint: {names}",
            count=len(missing),
            names=_first(missing),
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


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES])
    return shown if len(names) <= _MAX_NAMES else f"{shown} ..."
