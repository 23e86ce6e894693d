"""Step 3 of Convert: the preprocessing of pictures; inferred, shown, and open to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import streamlit as st

from core.common.errors import EdgePressError, ImagesError, OptionError
from core.common.text import Text, say
from core.inputs.images import open_image
from core.inputs.infer_in_subprocess import infer_in_subprocess
from core.onnx_model.source import Source
from core.preprocessing import Color, Fit, Preprocessing
from pages.parts.convert import draft
from pages.parts.convert.example_folder import ExampleFolder
from pages.parts.widgets.error_message import show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.step import step_heading

if TYPE_CHECKING:
    from core.inputs.infer_preprocessing import Proposal

_Normalization: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and std of the colour values 0 to 255."""

_PROPOSAL = "proposal"
_ROUND = "preprocessing-round"
_INFERENCE_SECONDS = 120.0
_SHOWN = 6
_OWN = "own"

_FITS: Mapping[Fit, Text] = {
    "crop": say("Cut off the border"),
    "stretch": say("Stretch to fit"),
    "pad": say("Add a grey border"),
}
_COLORS: Mapping[Color, Text] = {
    "rgb": say("Red, green, blue (usual)"),
    "bgr": say("Blue, green, red (OpenCV)"),
    "gray": say("Grey"),
}


def choose_preprocessing(source: Source, examples: ExampleFolder | None) -> Preprocessing | None:
    """Draw the step; the settings that were chosen, or None while they cannot be used."""
    if not source.takes_image:
        return Preprocessing((224, 224))  # it will not be used, and a job always has one
    with st.container(border=True, key="step-preprocessing"):
        step_heading(3, t("What the model sees"))
        proposal = _proposal(source, examples)
        if proposal is None:
            return None
        st.caption(plain(t(proposal.reason)))
        preview = st.container()
        with st.expander(t("Change how pictures are prepared (preprocessing)"), icon=":material/tune:"):
            chosen = _change(source, draft.current().preprocessing or proposal.preprocessing)
        if chosen is None:
            return None
        draft.change(preprocessing=None if chosen == proposal.preprocessing else chosen)
        with preview:
            _show(chosen, examples)
    return chosen


def _proposal(source: Source, examples: ExampleFolder | None) -> Proposal | None:
    """Inferred once for each model and folder; it runs the model, so it takes some seconds."""
    images = None if examples is None else examples.path
    key = (source.path, source.path.stat().st_mtime_ns, images)
    known_key, result = st.session_state.get(_PROPOSAL, (None, None))
    if known_key != key:
        with st.spinner(t("Trying the model out to find how it wants its pictures")):
            result = _infer(source, images)
        st.session_state[_PROPOSAL] = (key, result)
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    if not isinstance(result, EdgePressError):
        return result  # type: ignore[no-any-return]
    show_error(result)
    return _default(source)


def _infer(source: Source, images: Path | None) -> Proposal | EdgePressError:
    try:
        return infer_in_subprocess(source, images, timeout=_INFERENCE_SECONDS)
    except EdgePressError as exc:
        return exc


def _default(source: Source) -> Proposal:
    """A start for setting everything by hand, where inference failed."""
    from core.inputs.infer_preprocessing import Proposal

    height, width = (side if isinstance(side, int) else 224 for side in source.image_size)
    channels = source.inputs[0].shape[3 if source.layout == "nhwc" else 1]
    start = Preprocessing((height, width), layout=source.layout or "nchw")
    if channels == 1:
        start = start.with_color("gray")
    return Proposal(start, say("Please set how the pictures are to be prepared."))


def _show(preprocessing: Preprocessing, examples: ExampleFolder | None) -> None:
    if examples is not None and not examples.holds_images:
        st.info(t("Arrays are given to the model as they are."), icon=":material/data_array:")
        return
    if examples is None:
        st.info(t("Choose example pictures to see here what the model will see."), icon=":material/visibility:")
        return
    with st.container(horizontal=True, gap="small", key="preview-strip"):
        for path in examples.shown[:_SHOWN]:
            try:
                st.image(preprocessing.frame(open_image(path)), width=140, output_format="JPEG")
            except ImagesError:
                continue  # removed in the meantime
    height, width = preprocessing.size
    st.caption(t("Each picture is brought to {width} × {height} pixels.", width=width, height=height))


def _change(source: Source, now: Preprocessing) -> Preprocessing | None:
    """The form. Its keys change with every new proposal, so that the fields start from it."""
    key = f"preprocessing-{st.session_state.get(_ROUND, 0)}"
    left, right = st.columns(2, gap="large")
    with left:
        size = _ask_size(source, now, key)
        fit = st.segmented_control(
            t("Pictures of another shape"),
            list(_FITS),
            default=now.fit,
            format_func=lambda fit: t(_FITS[fit]),
            required=True,
            key=f"{key}-fit",
        )
    with right:
        color = _ask_color(source, now, key)
        normalization = _ask_normalization(now, key)
    if st.button(t("Back to the proposal"), key=f"{key}-back", icon=":material/undo:", type="tertiary"):
        draft.change(preprocessing=None)
        st.session_state[_ROUND] += 1
        st.rerun()
    try:
        mean, std = normalization(color)
        return replace(now, size=size, fit=fit, color=color, mean=mean, std=std)
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
    choices: Sequence[Color] = ("gray",) if channels == 1 else ("rgb", "bgr") if channels == 3 else tuple(_COLORS)
    index = choices.index(now.color) if now.color in choices else 0
    chosen: Color = st.selectbox(
        t("Order of the colours"),
        choices,
        index=index,
        format_func=lambda color: t(_COLORS[color]),
        key=f"{key}-color",
        disabled=len(choices) == 1,
    )
    return chosen


def _ask_normalization(now: Preprocessing, key: str) -> Callable[[Color], _Normalization]:
    """The normalization of the colour values: a common one by its name, or mean and std by hand.

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
