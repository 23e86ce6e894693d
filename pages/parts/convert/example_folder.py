"""What a folder of examples holds for a model, kept for some minutes; a helper process reads it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.inputs.example_folder import ExampleFolder
from core.inputs.look_in_helper import cut_out_objects_in_helper, frames_in_helper, look_into_in_helper
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing


def inspect_examples(folder: Path, source: Source) -> ExampleFolder:
    """Read a folder and try its files with the model.

    Raises:
        ImagesError: there is no such folder, or nothing in it that the model can take.
    """
    return _inspect(str(folder), str(source.path), source.modified_ns, source)


@st.cache_data(show_spinner=False, ttl=300, max_entries=8)
def cut_out_objects(folder: str, preprocessing: Preprocessing, most: int) -> tuple[bytes, ...]:
    """Some of the labelled objects as the model will see them, as JPEGs; empty where the labels show none.

    Args:
        folder: path of the examples.
        preprocessing: of the model.
        most: how many, at most.

    Raises:
        ImagesError: the folder cannot be read.
    """
    return cut_out_objects_in_helper(Path(folder), preprocessing, most)


@st.cache_data(show_spinner=False, ttl=300, max_entries=8)
def frames(files: tuple[str, ...], preprocessing: Preprocessing) -> tuple[bytes, ...]:
    """Pictures as the model will see them, as JPEGs.

    Args:
        files: their paths.
        preprocessing: of the model.

    Raises:
        ImagesError: reading them takes too much time or memory.
    """
    return frames_in_helper([Path(file) for file in files], preprocessing)


def forget_examples() -> None:
    """Read every folder anew."""
    _inspect.clear()
    cut_out_objects.clear()
    frames.clear()


@st.cache_data(show_spinner=False, ttl=300, max_entries=8)
def _inspect(folder: str, model: str, modified_ns: int, _source: Source) -> ExampleFolder:  # noqa: ARG001 - the cache's key
    return look_into_in_helper(Path(folder), _source)
