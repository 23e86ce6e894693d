"""The files between which the person may choose: what each keeps, its size and its speed, and a button to take it."""

from __future__ import annotations

import streamlit as st

from core.common import number_format
from core.common.errors import EdgePressError
from core.common.unexpected_errors import as_readable_error
from core.queue.choose_variant import choose_variant
from core.queue.supervisor import get_supervisor
from core.report.schema import ComparisonEntry, OutcomeEntry, VariantEntry
from core.report.wording import with_interval
from core.targets import target_by_id
from pages.parts.results.light import show_light
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.job_choice import Done
from pages.parts.widgets.language import t

_ERROR = "variant-error"
_WIDTHS = (2.2, 2.4, 2.0, 1.6, 1.8)


def show_variants(done: Done) -> None:
    """Draw them, target by target; nothing where there is nothing to choose from."""
    results = [result for result in done.report.converted if result.variants]
    if not results:
        return
    st.subheader(t("More files to choose from"), anchor=False)
    st.caption(
        t(
            "On the way to each file others were made: smaller, faster, or closer to the original. They were measured "
            "on the same test examples. The one that you take replaces the file in the folder of the results at once, "
            "under the same name."
        )
    )
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)
    for result in results:
        with st.container(border=True, key=f"variants-{result.target}"):
            st.markdown(f"**{t(target_by_id(result.target).title)}**")
            for variant in sorted(result.variants, key=lambda one: one.size_bytes):
                _show_row(done, result, variant)


def _show_row(done: Done, result: OutcomeEntry, variant: VariantEntry) -> None:
    source, comparison = done.report.source, variant.comparison
    columns = st.columns(_WIDTHS, vertical_alignment="center")
    with columns[0].container(gap=None):
        show_light(comparison)
        if result.variant and not variant.number:
            st.caption(t("proposed at first"))
    columns[1].markdown(_kept(comparison))
    columns[2].markdown(number_format.size_and_part(variant.size_bytes, source.share(variant.size_bytes)))
    columns[3].markdown(t("{times} as fast", times=number_format.times(comparison.speed_up(source))))
    with columns[4]:
        if variant.number == result.variant:
            st.badge(t("in use"), icon=":material/check:", color="blue")
        else:
            st.button(
                t("Take it"),
                key=f"variant-{result.target}-{variant.number}",
                on_click=_choose,
                args=(done.id, result.target, variant.number),
                width="stretch",
            )


def _kept(comparison: ComparisonEntry) -> str:
    if comparison.agreement is None:
        return t("similarity {value}", value=number_format.similarity(comparison.cosine))
    return t("keeps {share}", share=t(with_interval(comparison.agreement)))


def _choose(job_id: str, target: str, number: int) -> None:
    try:
        choose_variant(get_supervisor().store, job_id, target, number)
    except (EdgePressError, OSError) as exc:
        st.session_state[_ERROR] = as_readable_error(exc)
    else:
        st.toast(t("The file is in its place."), icon=":material/check_circle:")
