"""Ask before anything is opened that can act: files that hold a program, and pickles that ask for more than weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.common.archives import DAMAGED, UnsafeArchive
from core.common.errors import CheckpointError, ConsentNeeded
from core.common.text import Text, say
from core.pytorch.file_kinds import FileKind
from core.pytorch.worker.pickles import UnreadablePickle, foreign_globals

_MAX_NAMES = 5

_PROGRAMS: Mapping[FileKind, Text] = {
    "torchscript": say(
        "a TorchScript file, which holds a program: running it can read files, and change or overwrite them, with your "
        "rights. Nothing of it was run."
    ),
    "torch.export": say(
        "a file of torch.export, which can hold program code: opening it can run any program that its maker put into "
        "it, with your rights. Nothing of it was run."
    ),
    "ultralytics": say(
        "an Ultralytics checkpoint, which holds program code: opening it can run any program that its maker put into "
        "it, with your rights. Nothing of it was run."
    ),
}


def check_consent(path: Path, kind: FileKind, *, trusted: bool) -> None:
    """Refuse a file that can act, unless the person trusts it; it is parsed for that, nothing of it is run.

    Args:
        path: the file.
        kind: its kind.
        trusted: whether the person has agreed.

    Raises:
        ConsentNeeded: it holds a program, or its pickles ask for more than weights.
        CheckpointError: it is damaged, or claims to hold far more than a file of its size can.
    """
    foreign = _foreign(path)
    if trusted:
        return
    if kind in _PROGRAMS:
        reason = say('"{name}" is {what}', name=path.name, what=_PROGRAMS[kind])
        raise consent_needed(reason, foreign)
    if foreign:
        raise weights_consent_needed(path, foreign)


def weights_consent_needed(path: Path, foreign: Sequence[str], detail: str = "") -> ConsentNeeded:
    """The question about a checkpoint that holds more than weights.

    Args:
        path: the file.
        foreign: names that it imports.
        detail: used where there is none.
    """
    reason = say(
        '"{name}" holds more than weights: opening it can run any program that its maker put into it, with your '
        "rights. Nothing of it was run.",
        name=path.name,
    )
    return consent_needed(reason, foreign, detail)


def consent_needed(reason: Text, foreign: Sequence[str], detail: str = "") -> ConsentNeeded:
    """The question about a file that can act."""
    return ConsentNeeded(
        reason,
        next_step=say(
            "If you trust where the file comes from, agree to it (--trust-checkpoint). Else do not use it, or ask for "
            "a file with the weights only."
        ),
        detail=f"It asks for: {first_names(foreign)}" if foreign else detail,
    )


def not_a_checkpoint(path: Path, detail: str = "") -> CheckpointError:
    """The error for a file that PyTorch did not write, or that is incomplete."""
    return CheckpointError(
        say('"{name}" is not a PyTorch checkpoint, or it is damaged or cut off.', name=path.name),
        next_step=say("Pick another file, or download or copy it again."),
        detail=detail,
    )


def first_names(names: Sequence[str]) -> str:
    """The first of some names, for a message."""
    shown = ", ".join(names[:_MAX_NAMES])
    return shown if len(names) <= _MAX_NAMES else f"{shown} ..."


def _foreign(path: Path) -> tuple[str, ...]:
    try:
        return foreign_globals(path)
    except UnsafeArchive as exc:
        raise CheckpointError(
            say('"{name}" is not opened. {why}', name=path.name, why=exc.reason),
            next_step=say("Pick another file, or download or copy it again."),
        ) from exc
    except UnreadablePickle as exc:
        raise not_a_checkpoint(path, str(exc)) from exc
    except DAMAGED as exc:
        raise not_a_checkpoint(path, f"{type(exc).__name__}: {exc}") from exc
