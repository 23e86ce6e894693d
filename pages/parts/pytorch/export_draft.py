"""What a person has chosen so far on the page From PyTorch, kept in the session while other pages are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from core.common.text import Text, say
from core.pytorch.request import DEFAULT_OPSET, ExportRequest
from pages.parts.widgets.language import t

ExportKind = Literal["openmmlab", "other"]

_KEY = "export-draft"
_CONTROL = "export-kind"
_KINDS: Mapping[ExportKind, Text] = {
    "openmmlab": say("OpenMMLab: a config and its weights"),
    "other": say("A file of another kind"),
}


@dataclass(frozen=True)
class ExportDraft:
    """The choices for an export that is not started yet."""

    kind: ExportKind = "openmmlab"
    config: Path | None = None
    trust_config: bool = False
    """Whether the person has agreed to run this config."""

    checkpoint: Path | None = None
    shape: tuple[int, int] | None = None
    """As the person changed it, height and width in pixels; None: as the config says."""

    opset: int = DEFAULT_OPSET
    dynamic_batch: bool = False
    out: Path | None = None
    """The folder for the ONNX file; None: beside the weights."""

    def request(self, checkpoint: Path, *, shape: tuple[int, int] | None) -> ExportRequest:
        """These choices as a request, with the checkpoint and the shape that the page found."""
        folder = self.out or checkpoint.parent
        return ExportRequest(
            checkpoint=checkpoint,
            config=self.config if self.kind == "openmmlab" else None,
            trust_config=self.trust_config,
            shape=shape,
            output=folder / f"{checkpoint.stem}.onnx",
            opset=self.opset,
            dynamic_batch=self.dynamic_batch,
        )


def current() -> ExportDraft:
    """The draft of this session."""
    found = st.session_state.get(_KEY)
    return found if isinstance(found, ExportDraft) else ExportDraft()


def change(**choices: Any) -> ExportDraft:
    """Change the draft; a new model resets the shape that was chosen for the old one, and the trust in it."""
    draft = replace(current(), **choices)
    if "config" in choices:
        draft = replace(draft, trust_config=False)
    if "config" in choices or "kind" in choices:
        draft = replace(draft, shape=None)
    st.session_state[_KEY] = draft
    return draft


def restore(request: ExportRequest) -> None:
    """Fill the draft of a new session with the last request: a refresh of the page empties it."""
    if _KEY in st.session_state:
        return
    target = request.target
    st.session_state[_KEY] = ExportDraft(
        kind="other" if request.config is None else "openmmlab",
        config=request.config,
        trust_config=request.trust_config,
        checkpoint=request.checkpoint,
        shape=request.shape,
        opset=request.opset,
        dynamic_batch=request.dynamic_batch,
        out=None if target.parent == request.checkpoint.parent else target.parent,
    )


def forget() -> None:
    """Reset it."""
    st.session_state.pop(_KEY, None)


def choose_kind() -> ExportKind:
    """Draw the switch between the kinds of files that can be opened."""
    kind = st.segmented_control(
        t("What do you have?"),
        list(_KINDS),
        default=current().kind,
        format_func=lambda kind: t(_KINDS[kind]),
        required=True,
        key=_CONTROL,
    )
    if kind != current().kind:
        change(kind=kind, checkpoint=None)
    chosen: ExportKind = kind
    return chosen
