"""The settings of the preprocessing as a form: size, fit, colour order and normalization."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import streamlit as st

from core.common.errors import OptionError
from core.common.text import say
from core.onnx_model.source import Source
from core.preprocessing import Color, Preprocessing
from core.report.wording import COLORS, FITS
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t

_Normalization: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and std of the colour values 0 to 255."""

_OWN = "own"


def ask_preprocessing(
    source: Source, now: Preprocessing, key: str, *, on_reset: Callable[[], None]
) -> Preprocessing | None:
    """Draw the form; the settings in it, or None while they cannot be used.

    Args:
        source: the model.
        now: what the fields start with.
        key: start of the fields' keys.
        on_reset: called when the proposal is wanted back.
    """
    left, right = st.columns(2, gap="large")
    with left:
        size = _ask_size(source, now, key)
        fit = st.selectbox(
            t("Pictures of another shape"),
            list(FITS),
            index=list(FITS).index(now.fit),
            format_func=lambda fit: t(FITS[fit]),
            key=f"{key}-fit",
        )
    with right:
        color = _ask_color(source, now, key)
        normalization = _ask_normalization(now, key)
    back = t("Back to the proposal")
    st.button(back, key=f"{key}-back", icon=":material/undo:", type="tertiary", on_click=on_reset)
    try:
        mean, std = normalization(color)
        chosen = replace(now, size=size, fit=fit, color=color, mean=mean, std=std)
        source.check_preprocessing(chosen)
        return chosen
    except OptionError as exc:
        show_error(exc)
        return None


def _ask_size(source: Source, now: Preprocessing, key: str) -> tuple[int, int]:
    """Height and width; one that the model fixes is shown but cannot be changed."""
    sides = []
    labels = (t("Height in pixels"), t("Width in pixels"))
    columns = st.columns(2)
    for column, label, value, fixed in zip(columns, labels, now.size, source.image_size, strict=True):
        with column:
            is_fixed = isinstance(fixed, int)
            help_text = t("The model works with this size only.") if is_fixed else None
            side = st.number_input(
                label, 1, 8192, value, key=f"{key}-{label}", disabled=is_fixed, help=help_text, step=1
            )
            sides.append(int(side))
    return sides[0], sides[1]


def _ask_color(source: Source, now: Preprocessing, key: str) -> Color:
    channels = source.inputs[0].shape[3 if now.layout == "nhwc" else 1]
    choices: Sequence[Color] = ("gray",) if channels == 1 else ("rgb", "bgr") if channels == 3 else tuple(COLORS)
    index = choices.index(now.color) if now.color in choices else 0
    chosen: Color = st.selectbox(
        t("Order of the colours"),
        choices,
        index=index,
        format_func=lambda color: t(COLORS[color]),
        key=f"{key}-color",
        disabled=len(choices) == 1,
    )
    return chosen


def _ask_normalization(now: Preprocessing, key: str) -> Callable[[Color], _Normalization]:
    """The normalisation of the colour values: a common one by its name, or mean and std by hand.

    Returns:
        A function from the colour order to mean and std, which raises :class:`OptionError` where they cannot be used.
    """
    from core.inputs.infer_preprocessing import COMMON_NORMALIZATIONS

    names = [*COMMON_NORMALIZATIONS, _OWN]
    chosen = st.selectbox(
        t("Scale of the colours"),
        names,
        index=names.index(_name_of(now, COMMON_NORMALIZATIONS)),
        format_func=lambda name: t("Numbers of my own") if name == _OWN else name,
        key=f"{key}-scale",
        help=t("Each colour value, 0 to 255, has the mean subtracted and is then divided by std."),
    )
    if chosen != _OWN:
        return lambda color: _in_order(COMMON_NORMALIZATIONS[chosen], color)
    mean = st.text_input("mean", ", ".join(f"{number:g}" for number in now.mean), key=f"{key}-mean")
    std = st.text_input("std", ", ".join(f"{number:g}" for number in now.std), key=f"{key}-std")
    return lambda color: (_numbers("mean", mean, color), _numbers("std", std, color))


def _name_of(now: Preprocessing, common: Mapping[str, _Normalization]) -> str:
    return next((name for name, scale in common.items() if _in_order(scale, now.color) == (now.mean, now.std)), _OWN)


def _in_order(scale: _Normalization, color: Color) -> _Normalization:
    """Mean and std, known in the order red, green, blue, in the order of ``color``."""
    ordered = Preprocessing((1, 1), mean=scale[0], std=scale[1]).with_color(color)
    return ordered.mean, ordered.std


def _numbers(name: str, typed: str | None, color: Color) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in (typed or "").replace(",", " ").split())
    except ValueError as exc:
        raise OptionError(
            say('"{typed}" are not numbers.', typed=typed),
            next_step=say("Write {name} as numbers with commas between them, such as 123.7, 116.3, 103.5", name=name),
        ) from exc
    return numbers * (1 if color == "gray" else 3) if len(numbers) == 1 else numbers
