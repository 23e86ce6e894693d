"""Open a checkpoint, weights only as long as possible, and put its weights into a model."""

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
from core.common.text import Text, say

_SHOWN = 5
_PREFIX = "module."
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
"""Torch writes its errors for a terminal."""

_MOST_PICKLES = 8
"""Before PyTorch 1.6 a checkpoint was a row of pickles (five), the contents not the first of them."""

_HOLDERS = ("state_dict", "model", "model_state", "net")
_MISMATCH = re.compile(
    r"size mismatch for (?P<name>\S+): copying a param with shape torch\.Size\(\[(?P<theirs>[^\]]*)\]\) "
    r"from checkpoint, the shape in current model is torch\.Size\(\[(?P<ours>[^\]]*)\]\)"
)


@dataclass(frozen=True)
class Checkpoint:
    """What was in the file."""

    weights: Mapping[str, Any]
    """Name -> tensor."""

    meta: Mapping[str, Any]
    """What OpenMMLab notes beside the weights: classes, version, config."""


class _History:
    """Stands for mmengine's HistoryBuffer: the curves of the training, which an export does not need."""

    def __setstate__(self, state: object) -> None:
        """Forget the curves."""


def _attribute(owner: object, name: str) -> None:
    """Stands for ``getattr`` in the pickle of a HistoryBuffer, which names its statistics; the real one could reach
    anything, this one reaches nothing.
    """


def open_checkpoint(path: Path, *, trusted: bool) -> Checkpoint:
    """Read the weights of a checkpoint.

    Args:
        path: the file.
        trusted: whether it may be opened whole, although that can run code.

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


def fit(model: Any, checkpoint: Checkpoint, *, reshaped: Text | None) -> tuple[Text, ...]:
    """Put the weights into the model.

    Args:
        model: gets them.
        checkpoint: the weights.
        reshaped: said as the likely cause of unexpected shapes, where the input size was changed.

    Returns:
        What was noted, for the person.

    Raises:
        CheckpointError: weights are missing, or have other shapes than the model's.
    """
    try:
        result = model.load_state_dict(checkpoint.weights, strict=False)
    except RuntimeError as exc:
        raise _other_shapes(str(exc), reshaped) from exc
    missing = [name for name in result.missing_keys if not name.endswith("num_batches_tracked")]
    if missing:
        raise _missing(missing, len(model.state_dict()))
    left_out = list(result.unexpected_keys)
    if not left_out:
        return ()
    return (
        say(
            "{count} weights of the checkpoint are not part of the model and were left out: {names}",
            count=len(left_out),
            names=_some(left_out),
        ),
    )


def _load(path: Path, *, trusted: bool) -> Any:
    import pickle

    import torch

    try:
        with torch.serialization.safe_globals(_known_classes()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        if "global" not in str(exc).lower() and not _foreign(path):
            raise not_a_checkpoint(path, f"{type(exc).__name__}: {str(exc)[:2000]}") from exc
        if not trusted:
            raise _consent_needed(path, exc) from exc
        content = _load_whole(path)
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


def _load_whole(path: Path) -> Any:
    """Open it with everything in it; the person has agreed."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    # A trusted pickle runs whatever its maker wrote, which can fail in any way.
    except Exception as exc:
        raise CheckpointError(
            say('"{name}" could not be opened, not even as a trusted file.', name=path.name),
            next_step=say("It may need Python code that is not here. Save it again with its weights only."),
            detail=f"{type(exc).__name__}: {exc}",
        ) from exc


def _known_classes() -> list[Any]:
    """What OpenMMLab writes beside tensors; harmless, or replaced by something harmless."""
    import importlib

    import numpy as np

    multiarray = importlib.import_module("numpy._core.multiarray")
    history = (_History, "mmengine.logging.history_buffer.HistoryBuffer")
    attribute = (_attribute, "builtins.getattr")
    rebuild, scalar = multiarray._reconstruct, multiarray.scalar
    arrays = [
        *((function, f"{module}.{function.__name__}") for function in (rebuild, scalar) for module in _NUMPY_MODULES),
        np.ndarray,
        np.dtype,
        *{type(np.dtype(code)) for code in "?bBhHiIlLqQefd"},
    ]
    return [history, attribute, *arrays]


_NUMPY_MODULES = ("numpy._core.multiarray", "numpy.core.multiarray")
"""The newer name, and that of numpy 1, with which most checkpoints were written."""


def _weights(content: Mapping[str, Any]) -> dict[str, Any]:
    """The dictionary of tensors: inside the checkpoint, or the checkpoint itself."""
    import torch

    holder = next((content[name] for name in _HOLDERS if isinstance(content.get(name), Mapping)), content)
    weights = {str(name): value for name, value in holder.items() if isinstance(value, torch.Tensor)}
    if weights and all(name.startswith(_PREFIX) for name in weights):  # trained on several cards
        weights = {name[len(_PREFIX) :]: value for name, value in weights.items()}
    metadata = getattr(holder, "_metadata", None)
    if metadata is not None:  # versions of layers, by which old weights are converted
        weights = _with_metadata(weights, metadata)
    return weights


def _with_metadata(weights: dict[str, Any], metadata: Any) -> Any:
    from collections import OrderedDict

    ordered: Any = OrderedDict(weights)
    ordered._metadata = metadata
    return ordered


def _foreign(path: Path) -> tuple[str, ...]:
    """Names in the pickle that are not torch's or OpenMMLab's; read without running anything."""
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
    """Module and name of whatever the pickles ask for."""
    found: list[tuple[str, str]] = []
    row = io.BytesIO(pickled)
    try:
        for _ in range(_MOST_PICKLES):
            _note_globals(row, found)
    except (ValueError, IndexError, UnicodeDecodeError):  # the end of what can be read
        return found
    return found


def _note_globals(row: io.BytesIO, found: list[tuple[str, str]]) -> None:
    """Go through one pickle, to its end."""
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(row):
        if opcode.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            found.append((module, name))
        elif opcode.name == "STACK_GLOBAL" and len(strings) >= 2:
            found.append((strings[-2], strings[-1]))
        elif isinstance(argument, str):
            strings.append(argument)


def _consent_needed(path: Path, exc: Exception) -> ConsentNeeded:
    foreign = _foreign(path)
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
        detail=f"It asks for: {_some(foreign)}" if foreign else _COLOUR.sub("", str(exc))[-1500:],
    )


def not_a_checkpoint(path: Path, detail: str = "") -> CheckpointError:
    """What to say of a file that PyTorch did not write, or not all of it."""
    return CheckpointError(
        say('"{name}" is not a PyTorch checkpoint, or it is damaged or cut off.', name=path.name),
        next_step=say("Pick another file, or download or copy it again."),
        detail=detail,
    )


def _missing(missing: Sequence[str], wanted: int) -> CheckpointError:
    if len(missing) > wanted / 2:
        return CheckpointError(
            say("The checkpoint belongs to another model: most weights of this one are not in it."),
            next_step=say("Pick the config and the checkpoint that belong together."),
            detail=_some(missing),
        )
    return CheckpointError(
        say("{count} weights are missing in the checkpoint: {names}", count=len(missing), names=_some(missing)),
        next_step=say("Pick the config and the checkpoint that belong together."),
        detail="\n".join(missing),
    )


def _other_shapes(message: str, reshaped: Text | None) -> CheckpointError:
    found = list(_MISMATCH.finditer(message))
    if not found:
        return CheckpointError(
            say("The weights of the checkpoint do not fit into the model."),
            next_step=say("Pick the config and the checkpoint that belong together."),
            detail=message[:4000],
        )
    first = found[0]
    return CheckpointError(
        say(
            "{count} weights have another shape than in the model. {name}: ({theirs}) in the checkpoint, "
            "({ours}) here.",
            count=len(found),
            name=first["name"],
            theirs=first["theirs"],
            ours=first["ours"],
        ),
        next_step=reshaped
        or say("Check the number of classes in the config, and that config and checkpoint belong together."),
        detail=message[:4000],
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} ..."
