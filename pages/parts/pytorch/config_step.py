"""Step 1 of From PyTorch: the config that says how the model is built, from the list or the person's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import streamlit as st

from core.common.errors import EdgePressError, InputError
from core.common.text import Text, say
from core.pytorch.export import describe
from core.pytorch.request import TASKS, Description, OpenMMLabTask
from core.pytorch.zoo import ZooEntry, entries
from core.queue.supervisor import get_supervisor
from pages.parts.pytorch import export_draft
from pages.parts.widgets import number_format, uploads
from pages.parts.widgets.error_message import show_error, show_error_text
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain
from pages.parts.widgets.path_chooser import ask_for_path
from pages.parts.widgets.system_window import SUFFIXES

_UPLOADS = "config-uploads"
_DESCRIBED = "config-described"
_MOST_SHOWN = 60
_HEIGHT = 320

TASK_NAMES: Mapping[OpenMMLabTask, Text] = {
    "mmcls": say("Classification"),
    "mmdet": say("Detection"),
    "mmpose": say("Keypoints"),
}
"""What the OpenMMLab packages are for, in words."""

_SMALL = frozenset(
    {
        "mobilenet-v2_8xb32_in1k",
        "mobilenet-v3-small_8xb128_in1k",
        "resnet18_8xb32_in1k",
        "shufflenet-v2-1x_16xb64_in1k",
        "rtmdet_tiny_8xb32-300e_coco",
        "ssdlite_mobilenetv2-scratch_8xb24-600e_coco",
        "yolox_nano_8xb8-300e_coco",
        "yolox_tiny_8xb8-300e_coco",
        "rtmpose-t_8xb256-420e_coco-256x192",
        "td-hm_litehrnet-18_8xb64-210e_coco-256x192",
        "td-hm_mobilenetv2_8xb64-210e_coco-256x192",
    }
)
"""Known to be small and to export well: what people look for here most often comes first."""

_Way = Literal["list", "own"]
_WAYS: Mapping[_Way, Text] = {"list": say("From the list"), "own": say("A config of my own")}


def choose_config(*, number: int) -> Description | None:
    """Draw the step; what the config says of its model, once one is chosen that can be exported."""
    with st.container(border=True, key="step-config"):
        st.subheader(f":primary[:material/counter_{number}:] {t('Config')}", anchor=False)
        path = export_draft.current().config
        if path is None:
            with st.container():
                _ask()
            return None
        st.empty()  # takes the question's place at once; else its list stays in sight while the model is built
        return _show(path)


def _ask() -> None:
    st.caption(t("The OpenMMLab file that says how the model is built; its name ends with .py."))
    way = st.segmented_control(
        t("Where does it come from?"),
        list(_WAYS),
        default="list",
        format_func=lambda way: t(_WAYS[way]),
        required=True,
        key="config-way",
        label_visibility="collapsed",
    )
    if way == "list":
        _ask_zoo()
    else:
        _ask_own()


def _ask_zoo() -> None:
    """The configs that came with the packages, narrowed down by task and words."""
    left, right = st.columns([2, 3])
    with left:
        task = st.segmented_control(
            t("Task"), list(TASKS), format_func=lambda task: t(TASK_NAMES[task]), key="config-task"
        )
    with right:
        words = st.text_input(
            t("Search"),
            key="config-search",
            icon=":material/search:",
            placeholder=t("Part of a name, such as rtmdet tiny"),
            live=True,
        )
    with st.spinner(t("Reading the list")):  # two seconds, the first time
        found = sorted(entries(task, words or ""), key=lambda entry: entry.name not in _SMALL)
    with st.container(height=_HEIGHT, border=True, gap=None, key="config-list"):
        if not found:
            st.caption(t("Nothing in the list has such a name."))
        for entry in found[:_MOST_SHOWN]:
            _show_entry(entry)
    if len(found) > _MOST_SHOWN:
        st.caption(t("{count} more are not shown. Search for the name.", count=len(found) - _MOST_SHOWN))


def _show_entry(entry: ZooEntry) -> None:
    st.button(
        f"{plain(entry.name)} :gray[· {t(TASK_NAMES[entry.task])} · {plain(entry.family)}]",
        key=f"config-pick-{entry.path}",
        icon=":material/description:",
        type="tertiary",
        on_click=_pick,
        args=(entry.path,),
    )


def _ask_own() -> None:
    left, right = st.columns(2, gap="large")
    with left:
        path = _ask_for_upload()
    with right:
        label = t("Or where it lies on this computer")
        path = ask_for_path("config", "config", label=label, placeholder="config.py") or path
    st.caption(
        t(
            "A config that builds on others (_base_) must lie where it finds them: give its place on this computer. "
            "A config is a Python file; it is run to read it, so use only those that you trust."
        )
    )
    if path is not None:
        _pick(path)
        st.rerun()


def _ask_for_upload() -> Path | None:
    round_number = st.session_state.setdefault(_UPLOADS, 0)
    kinds = [suffix.lstrip(".") for suffix in SUFFIXES["config"]]
    file = st.file_uploader(t("Drop the file here"), type=kinds, key=f"{_UPLOADS}-{round_number}")
    if file is None:
        return None
    try:
        uploads.sweep(get_supervisor().store)
        path = uploads.save_file(file, SUFFIXES["config"])
    except InputError as exc:
        show_error(exc)
        return None
    st.session_state[_UPLOADS] = round_number + 1  # a new key empties the field
    return path


def _pick(path: Path) -> None:
    export_draft.change(config=path)


def _show(path: Path) -> Description | None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{plain(path.name)}**", width="content")
        st.button(
            t("Choose another config"),
            key="config-other",
            icon=":material/swap_horiz:",
            type="tertiary",
            on_click=export_draft.change,
            kwargs={"config": None},
        )
    try:
        description = _describe(path)
    except EdgePressError as exc:
        show_error(exc)
        return None
    _show_description(description)
    if description.obstacle is not None:
        show_error_text(description.obstacle, say("Choose another config: most of the list can be exported."))
        return None
    return description


def _describe(path: Path) -> Description:
    """Asked for once for each config, since it builds the model.

    Raises:
        EdgePressError: it cannot be used.
    """
    try:
        question = (path, path.stat().st_mtime_ns)
    except OSError:
        question = (path, 0)
    asked, answer = st.session_state.get(_DESCRIBED, (None, None))
    if asked != question:
        with st.spinner(t("Reading the config and building the model; this takes about ten seconds")):
            answer = describe(path)
        st.session_state[_DESCRIBED] = (question, answer)
    known: Description = answer
    return known


def _show_description(description: Description) -> None:
    height, width = description.shape
    with st.container(horizontal=True, gap="small"):
        st.badge(t(TASK_NAMES[description.task]), icon=":material/category:", color="primary")
        st.badge(plain(description.model), icon=":material/deployed_code:", color="gray")
        count = number_format.count(description.parameters)
        st.badge(t("{count} weights", count=count), icon=":material/numbers:", color="gray")
        size = t("{width} × {height} pixels", width=width, height=height)
        st.badge(size, icon=":material/aspect_ratio:", color="gray")
        if description.classes:
            label = t("{count} classes", count=len(description.classes))
            st.badge(label, icon=":material/label:", color="gray")
    for note in description.notes:
        st.caption(plain(t(note)))
