from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from core.common.errors import OptionError
from core.common.path_rules import check_local
from pages.parts.paths.folder_browser import list_folder
from pages.parts.paths.path_chooser import typed_path
from pages.parts.widgets.markdown import plain


@pytest.mark.parametrize("typed", ["  /data/a b.onnx ", '"/data/a b.onnx"', "file:///data/a%20b.onnx"])
@pytest.mark.skipif(sys.platform == "win32", reason="paths as other systems write them")
def test_paths_are_understood_as_people_paste_them(typed):
    assert typed_path(typed) == Path("/data/a b.onnx")


def test_a_tilde_is_the_persons_own_folder():
    assert typed_path("~/x.onnx") == Path.home() / "x.onnx"
    assert typed_path("~nobody-at-all/x") is not None


def test_nothing_typed_is_no_path():
    assert typed_path(' "" ') is None


@pytest.mark.parametrize("typed", [r"\\host\share\x.onnx", "//host/share/x.onnx", "file://host/share/x.onnx"])
def test_another_computer_is_not_asked(typed, monkeypatch):
    monkeypatch.setattr("pages.parts.paths.path_chooser.check_local", partial(check_local, system="nt"))
    with pytest.raises(OptionError, match="another computer"):
        typed_path(typed)


def test_a_folder_lists_what_can_be_chosen(tmp_path):
    for name in ("b", "A", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("x.ONNX", "y.png", "z.JPG", ".secret.png", "readme.txt"):
        (tmp_path / name).touch()
    listing = list_folder(tmp_path, (".onnx",))
    assert [path.name for path in listing.folders] == ["A", "b"]
    assert [path.name for path in listing.files] == ["x.ONNX"]
    assert (listing.examples, listing.readable) == (2, True)


def test_a_folder_that_cannot_be_read_is_no_error(tmp_path):
    assert not list_folder(tmp_path / "nowhere").readable


@pytest.mark.parametrize("name", ["a_b*c*.onnx", "[x](http://evil)", ":material/bolt:", "$x$", "<b>", "`a`", "a\nb"])
def test_names_from_outside_mean_nothing_in_markdown(name):
    shown = plain(name).replace(":small[]", "")
    assert shown.replace("\\", "") == name.replace("\n", " ")
    assert all(shown[index - 1] == "\\" for index, sign in enumerate(shown) if sign in "*_[]():$<>`")
