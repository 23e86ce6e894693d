"""The viewer of pictures as a component of Streamlit, its script served from the app's own address.

A component whose script is handed over as text is loaded from a ``blob:`` address, which the pages' content policy
forbids. So its folder is registered as that of an installed package would be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

from core.common.paths import ASSETS

_PACKAGE, _NAME = "edgepress", "before-after"
_FULL_NAME = f"{_PACKAGE}.{_NAME}"


def show_viewer(data: Mapping[str, Any], *, key: str) -> None:
    """Draw it.

    Args:
        data: what ``viewer.js`` reads.
        key: of this viewer; it keeps its picture while the data changes.
    """
    _register()
    st.components.v2.component(_FULL_NAME, js="viewer.js", css="viewer.css")(key=key, data=dict(data))


def _register() -> None:
    """Once for each runtime; tests have one each."""
    manager = get_bidi_component_manager()
    if manager.get_component_path(_FULL_NAME) is None:
        manifest = ComponentManifest(_PACKAGE, "1", [ComponentConfig(_NAME, f"components/{_NAME}")])
        manager.register_from_manifest(manifest, ASSETS)
