"""A model that names files of others as its weights reads none of them (CVE-2026-27489, -34446, CVE-2025-51480)."""

import os
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import SourceError
from core.onnx_model.external_data import load_embedded
from core.onnx_model.inspect import inspect
from small import save

SECRET = np.arange(4, dtype=np.float32)


@pytest.fixture
def model(tmp_path):
    """A model in a folder of its own, whose weight is at the location that is given; a secret lies outside."""

    def make(location, **entries):
        folder = tmp_path / "models"
        weight = numpy_helper.from_array(SECRET, "w")
        node = helper.make_node("Add", ["x", "w"], ["y"])
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
        path = save([node], values[:1], values[1:], [weight], folder / "net.onnx")
        made = onnx.load(path)
        (tensor,) = made.graph.initializer
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **entries}.items():
            tensor.external_data.add(key=key, value=value)
        path.write_bytes(made.SerializeToString())
        return path

    (tmp_path / "secret.bin").write_bytes(SECRET.tobytes())
    return make


def assert_refused(path, words):
    for read in (inspect, load_embedded):
        with pytest.raises(SourceError, match=words):
            read(path)


@pytest.mark.parametrize("location", ["../secret.bin", "deep/../../secret.bin", r"..\secret.bin", "/etc/passwd", "."])
def test_paths_out_of_the_folder(model, location):
    assert_refused(model(location), "outside its own folder|missing")


@pytest.mark.parametrize("location", [r"\\host\share\w.bin", "//host/share/w.bin", r"C:\Windows\win.ini", "C:w.bin"])
def test_other_computers_and_drives_are_not_asked(model, location):
    assert_refused(model(location), "outside its own folder")


def test_a_whole_path_to_a_secret(model, tmp_path):
    assert_refused(model(str(tmp_path / "secret.bin")), "outside its own folder")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_to_a_secret(model, tmp_path):
    path = model("w.bin")
    (path.parent / "w.bin").symlink_to(tmp_path / "secret.bin")
    assert_refused(path, "only a link")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_folder_that_is_a_link(model, tmp_path):
    path = model("deep/secret.bin")
    (path.parent / "deep").symlink_to(tmp_path)
    assert_refused(path, "only a link")


def test_a_hard_link_to_a_secret(model, tmp_path):
    path = model("w.bin")
    (path.parent / "w.bin").hardlink_to(tmp_path / "secret.bin")
    assert_refused(path, "only a link")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_is_not_waited_for(model):
    path = model("w.bin")
    os.mkfifo(path.parent / "w.bin")
    assert_refused(path, "missing")


@pytest.mark.parametrize(
    "entries",
    [
        {"offset": "-16"},
        {"offset": "9" * 30},
        {"length": "-1"},
        {"length": "1" * 5000},
        {"length": "x"},
        {"offset": "1e3"},
        {"checksum": "x", "length": "32"},
    ],
)
def test_places_that_are_none(model, entries):
    path = model("w.bin", **entries)
    (path.parent / "w.bin").write_bytes(SECRET.tobytes())
    assert_refused(path, "does not hold the weights")


def test_keys_that_nobody_knows_set_nothing(model):
    """onnx once set attributes of its own object by the keys of the file (CVE-2026-34445)."""
    path = model("w.bin", __class__="x", basepath="/etc", file_path="/etc/passwd")
    (path.parent / "w.bin").write_bytes(SECRET.tobytes())
    (tensor,) = load_embedded(path).graph.initializer
    assert numpy_helper.to_array(tensor).tolist() == SECRET.tolist()
