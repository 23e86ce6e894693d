"""Step 1 of Convert: which model, and what is in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from core.common import number_format
from core.common.errors import EdgePressError
from core.common.text import plural
from core.onnx_model.source import Source, TensorInfo
from core.preflight.in_helper import inspect_in_helper, prepare
from pages.parts.convert import draft
from pages.parts.paths import uploads
from pages.parts.paths.path_chooser import ask_for_path
from pages.parts.paths.upload_field import ask_for_upload
from pages.parts.widgets.error_message import show_detail, show_error
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.step import show_chosen, step_heading

_SHOWN_CLASSES = 6


def choose_model() -> Source | None:
    """Draw the step; the model once a usable one is chosen."""
    with st.container(border=True, key="step-model"):
        step_heading(1, t("Model"))
        path = draft.current().source
        source = None if path is None else _read(path)
        if source is None:
            _ask()
            return None
        _show(source)
        return replace(source, dequantize=source.is_quantized and _ask_to_dequantize())


def _read(path: Path) -> Source | None:
    try:
        return read_source(path)
    except EdgePressError as exc:
        show_error(exc)
        return None


def read_source(path: Path) -> Source:
    """Read a model, once for as long as the file stays the same.

    Raises:
        SourceError: it cannot be used.
    """
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return inspect_in_helper(path)  # says what is wrong
    return _inspect(str(path), stamp)


@st.cache_data(show_spinner=False, max_entries=8)
def _inspect(path: str, stamp: int) -> Source:  # noqa: ARG001 - the time of the last change is part of the cache's key
    return inspect_in_helper(Path(path))


def _ask() -> None:
    prepare()  # while the person chooses
    st.caption(t("The trained model that you want to make small, as an .onnx file. It is only read, never changed."))
    left, right = st.columns(2, gap="large")
    with left:
        uploaded = ask_for_upload(
            t("Drop the file here"),
            "model-uploads",
            uploads.save_model,
            accept_multiple_files=True,
            help=t("A model whose weights lie in a second file (.data) needs both: drop them together."),
        )
    with right:
        label = t("Or where it lies on this computer")
        path = ask_for_path("model", "model", label=label, placeholder="model.onnx") or uploaded
    if path is not None:
        draft.change(source=path)
        st.rerun()


def _show(source: Source) -> None:
    show_chosen(source.path.name, change=t("Choose another model"), key="model-other", on_change=_choose_another)
    st.markdown(describe(source))
    with st.container(horizontal=True, gap="small"):
        st.badge(number_format.size(source.size_bytes), icon=":material/hard_drive:", color="gray")
        st.badge(t(number_format.weights(source.parameters)), icon=":material/numbers:", color="gray")
        operations = plural("{count} operation", "{count} operations", count=sum(source.operators.values()))
        st.badge(t(operations), icon=":material/account_tree:", color="gray")
        st.badge(t("ONNX version {version}", version=source.opset), icon=":material/sell:", color="gray")
    show_detail(_technical(source))


def _ask_to_dequantize() -> bool:
    chosen = st.checkbox(
        t("Turn the 8 bit model back to 32 bit first (dequantise)"),
        value=draft.current().dequantize,
        key="dequantize",
        help=t("Then all files can be made from it. None of them will be more accurate than the 8 bit model."),
    )
    draft.change(dequantize=chosen)
    return chosen


def _choose_another() -> None:
    draft.change(source=None)


def describe(source: Source) -> str:
    """What the model takes and gives, in plain English, as markdown."""
    outputs = ", ".join(_numbers(tensor) for tensor in source.outputs)
    if not source.takes_image:
        inputs = ", ".join(_numbers(tensor) for tensor in source.inputs)
        return t("It takes {inputs} and answers with {outputs}.", inputs=inputs, outputs=outputs)
    height, width = source.image_size
    if isinstance(height, int) and isinstance(width, int):
        picture = t("one picture of {width} × {height} pixels", width=width, height=height)
    else:
        picture = t("one picture of any size")
    names = source.class_names
    if not names:
        return t("It takes {inputs} and answers with {outputs}.", inputs=picture, outputs=outputs)
    shown = ", ".join(plain(name) for name in names[:_SHOWN_CLASSES]) + (", …" if names[_SHOWN_CLASSES:] else "")
    values = {"picture": picture, "names": shown}
    if any(tensor.shape[1:] == (len(names),) for tensor in source.outputs):
        return t("It takes {picture} and says which of {count} things it shows: {names}.", count=len(names), **values)
    found = plural(
        "It takes {picture} and finds one kind of thing in it: {names}.",
        "It takes {picture} and finds {count} kinds of things in it: {names}.",
        count=len(names),
        **values,
    )
    return t(found)


def _numbers(tensor: TensorInfo) -> str:
    count = 1
    # The first axis is the batch; exporters leave it free, and one sample is given at a time.
    batch, *sizes = tensor.shape or (1,)
    for size in [batch, *sizes] if isinstance(batch, int) or not sizes else sizes:
        if not isinstance(size, int):
            return t("a varying amount of numbers")
        count *= size
    return t(plural("{count} number", "{number} numbers", count=count, number=f"{count:,}"))


def _technical(source: Source) -> str:
    """The same for those who know the terms, which are not translated."""
    lines = [f"path: {source.path}", f"opset: {source.opset}"]
    for kind, tensors in (("input", source.inputs), ("output", source.outputs)):
        lines += [f"{kind}: {tensor.name} {tensor.dtype}[{', '.join(map(str, tensor.shape))}]" for tensor in tensors]
    lines.append("operators: " + ", ".join(f"{name} × {count}" for name, count in source.operators.items()))
    lines.append("weights: " + ", ".join(sorted(source.weight_dtypes)))
    return "\n".join(lines)
