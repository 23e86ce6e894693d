"""Readable errors: what is wrong, what to do next, and technical details."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from core.common.errors import EdgePressError
from core.common.text import Text, visible
from core.common.unexpected_errors import as_readable_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Draw whatever goes wrong as every other error: nobody is to see a traceback, or Streamlit's own box."""
    try:
        yield
    except Exception as exc:  # noqa: BLE001 - signals of Streamlit are no Exceptions
        show_error(as_readable_error(exc))


def fragment(draw: Callable[..., None], *, run_every: float | None = None) -> Callable[..., None]:
    """``st.fragment`` of a function, within :func:`errors_in_words`: a fragment does not pass errors on."""
    drawn: Callable[..., None] = st.fragment(errors_in_words()(draw), run_every=run_every)
    return drawn


def show_error(error: EdgePressError) -> None:
    """Draw an error."""
    show_error_text(error.reason, error.next_step, error.detail)


def show_error_text(reason: Text, next_step: Text | None, detail: str = "") -> None:
    """Draw what is wrong, the next step, and technical details, closed."""
    lines = [f"**{plain(t(reason))}**"]
    if next_step is not None:
        lines.append(plain(t(next_step)))
    st.error("\n\n".join(lines), icon=":material/error:")
    show_detail(detail)


def show_detail(detail: str) -> None:
    """Draw technical detail, closed; nothing where there is none."""
    if detail:
        with st.expander(t("Technical details"), icon=":material/terminal:"):
            st.code(visible(detail), language=None, wrap_lines=True)
