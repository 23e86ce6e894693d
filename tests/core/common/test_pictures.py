"""Pictures of strangers: nothing but pictures is opened, and nothing that never ends."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from core.common.foreign_files import check_regular, content_hash
from core.common.pictures import FORMATS, open_picture

POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(touched) (w) file closefile\nshowpage\n%%EOF\n"
)
LINKS = pytest.mark.skipif(sys.platform == "win32", reason="pipes, devices and links of Unix")


@pytest.mark.parametrize("name", FORMATS)
def test_the_usual_formats_are_opened(tmp_path, name):
    path = tmp_path / "picture"
    Image.fromarray(np.full((6, 5, 3), 90, np.uint8)).save(path, name)
    with open_picture(path) as image:
        assert image.format == name and image.size == (5, 6)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".eps"])
def test_postscript_is_no_picture_whatever_it_is_called(tmp_path, suffix, monkeypatch):
    """Pillow would start Ghostscript, where that is installed."""
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(POSTSCRIPT)
    with pytest.raises(OSError, match="cannot identify"), open_picture(path) as image:
        image.load()


@LINKS
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_opened(tmp_path, kind):
    path = tmp_path / "picture.jpg"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(ValueError, match="no regular file"), open_picture(path):
        pass
    with pytest.raises(ValueError, match="no regular file"):
        content_hash(path, 1 << 20)


def test_a_file_of_holes_is_not_read(tmp_path):
    path = tmp_path / "picture.jpg"
    with path.open("wb") as file:
        file.truncate(20 << 30)
    with pytest.raises(ValueError, match="more than"), open_picture(path):
        pass
    with pytest.raises(ValueError, match="more than"):
        content_hash(path, 1 << 30)
    assert check_regular(path) == 20 << 30


def test_a_picture_of_far_too_many_pixels_is_not_decoded(tmp_path):
    path = tmp_path / "picture.png"
    Image.new("1", (12_000, 12_000)).save(path)
    with pytest.raises(ValueError, match="12000 x 12000"), open_picture(path):
        pass


def test_the_same_content_has_the_same_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    (tmp_path / "b").write_bytes(b"x" * 3_000_000)
    (tmp_path / "c").write_bytes(b"x" * 3_000_001)
    one, two, other = (content_hash(tmp_path / name, 1 << 30) for name in "abc")
    assert one == two != other
