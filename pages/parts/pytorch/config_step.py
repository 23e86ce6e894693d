"""Step 1 of From PyTorch: the config that says how the model is built, from the list or the person's own file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import streamlit as st

from core.common import number_format
from core.common.errors import ConsentNeeded, EdgePressError
from core.common.text import Text, plural, say
from core.pytorch.export import describe
from core.pytorch.request import TASKS, Description, OpenMMLabTask
from core.pytorch.zoo import ZooEntry, entries
from pages.parts.paths.folder_browser import not_shown
from pages.parts.paths.path_chooser import ask_for_path
from pages.parts.paths.system_window import SUFFIXES
from pages.parts.paths.upload_field import ask_for_upload
from pages.parts.paths.uploads import Upload, save_file
from pages.parts.pytorch import export_draft
from pages.parts.pytorch.consent import ask_consent
from pages.parts.widgets.error_message import show_error, show_error_text
from pages.parts.widgets.language import t
from pages.parts.widgets.markdown import plain, show_text_badge
from pages.parts.widgets.step import show_chosen, step_heading

_DESCRIBED = "config-described"
_MOST_SHOWN = 60
_HEIGHT = 320

TASK_NAMES: Mapping[OpenMMLabTask, Text] = {
    "mmcls": say("Classification"),
    "mmdet": say("Detection"),
    "mmpose": say("Keypoints"),
}
"""What each OpenMMLab package is for."""

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
"""Small models that export well; they come first in the list, since people look for them most often."""

_Origin = Literal["list", "own"]
_ORIGINS: Mapping[_Origin, Text] = {"list": say("From the list"), "own": say("A config of my own")}


def choose_config(*, number: int) -> Description | None:
    """Draw the step; what the config says of its model, once one is chosen that can be exported."""
    with st.container(border=True, key="step-config"):
        step_heading(number, t("Config"))
        path = export_draft.current().config
        if path is None:
            with st.container():
                _ask()
            return None
        st.empty()  # replaces the list at once; else it stays in sight while the model is built
        return _show(path)


def _ask() -> None:
    st.caption(t("The OpenMMLab file that says how the model is built; its name ends with .py."))
    origin = st.segmented_control(
        t("Where does it come from?"),
        list(_ORIGINS),
        default="list",
        format_func=lambda origin: t(_ORIGINS[origin]),
        required=True,
        key="config-origin",
        label_visibility="collapsed",
    )
    if origin == "list":
        _ask_zoo()
    else:
        _ask_own()


def _ask_zoo() -> None:
    """The configs that came with the packages, filtered by task and search text."""
    left, right = st.columns([2, 3])
    with left:
        task = st.segmented_control(
            t("Task"), list(TASKS), format_func=lambda task: t(TASK_NAMES[task]), key="config-task"
        )
    with right:
        search = st.text_input(
            t("Search"),
            key="config-search",
            icon=":material/search:",
            placeholder=t("Part of a name, such as rtmdet tiny"),
            live=True,
        )
    with st.spinner(t("Reading the list")):  # two seconds, the first time
        found = sorted(entries(task, search or ""), key=lambda entry: entry.name not in _SMALL)
    with st.container(height=_HEIGHT, border=True, gap=None, key="config-list"):
        if not found:
            st.caption(t("Nothing in the list has such a name."))
        for entry in found[:_MOST_SHOWN]:
            _show_entry(entry)
    if len(found) > _MOST_SHOWN:
        st.caption(t(not_shown(len(found) - _MOST_SHOWN)))


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
        kinds = [suffix.lstrip(".") for suffix in SUFFIXES["config"]]
        uploaded = ask_for_upload(t("Drop the file here"), "config-uploads", _save, type=kinds)
    with right:
        label = t("Or where it lies on this computer")
        path = ask_for_path("config", "config", label=label, placeholder="config.py") or uploaded
    st.caption(
        t(
            "A config that builds on others (_base_) must lie where it finds them: give its place on this computer. "
            "A config is a program, which is run to read it; you are asked before that."
        )
    )
    if path is not None:
        _pick(path)
        st.rerun()


def _save(file: Upload) -> Path:
    return save_file(file, SUFFIXES["config"])


def _pick(path: Path) -> None:
    export_draft.change(config=path)


def _choose_another() -> None:
    export_draft.change(config=None)


def _show(path: Path) -> Description | None:
    show_chosen(path.name, change=t("Choose another config"), key="config-other", on_change=_choose_another)
    try:
        description = _describe(path)
    except ConsentNeeded as exc:
        _ask_consent(exc)
        return None
    except EdgePressError as exc:
        show_error(exc)
        return None
    _show_description(description)
    if description.obstacle is not None:
        show_error_text(description.obstacle, say("Choose another config: most of the list can be exported."))
        return None
    return description


def _ask_consent(question: ConsentNeeded) -> None:
    """The config is not one of the packages: ask whether it may be run."""
    trusts = ask_consent(question, agree=t("I trust this config: run it"), decline=t("Do not run it"), key="config")
    if trusts is None:
        return
    if trusts:
        export_draft.change(trust_config=True)
    else:
        _choose_another()
    st.rerun()


def _describe(path: Path) -> Description:
    """Read once for each config, since it builds the model.

    Raises:
        ConsentNeeded: it is not one of the packages, and the person has not agreed to run it.
        EdgePressError: it cannot be used.
    """
    try:
        key = (path, path.stat().st_mtime_ns)
    except OSError:
        key = (path, 0)
    known_key, description = st.session_state.get(_DESCRIBED, (None, None))
    if known_key != key:
        with st.spinner(t("Reading the config and building the model; this takes about ten seconds")):
            is_trusted = export_draft.current().trust_config
            description = describe(path, trust_config=True) if is_trusted else describe(path)
        st.session_state[_DESCRIBED] = (key, description)
    known: Description = description
    return known


def _show_description(description: Description) -> None:
    height, width = description.shape
    with st.container(horizontal=True, gap="small"):
        st.badge(t(TASK_NAMES[description.task]), icon=":material/category:", color="primary")
        show_text_badge(description.model, icon=":material/deployed_code:", color="gray")
        st.badge(t(number_format.weights(description.parameters)), icon=":material/numbers:", color="gray")
        size = t("{width} × {height} pixels", width=width, height=height)
        st.badge(size, icon=":material/aspect_ratio:", color="gray")
        if description.classes:
            label = plural("{count} class", "{count} classes", count=len(description.classes))
            st.badge(t(label), icon=":material/label:", color="gray")
    for note in description.notes:
        st.caption(plain(t(note)))
