"""Pictures of strangers: nothing but pictures is opened, and nothing that never ends."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from core.common.foreign_files import check_regular, content_hash
from core.common.pictures import FORMATS, as_seen, open_picture

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


def seen(path):
    with open_picture(path) as image:
        return as_seen(image)


def ramp(top, kind):
    """Grey from black to white, from left to right."""
    return np.tile(np.linspace(0, top, 256), (4, 1)).astype(kind)


@pytest.mark.parametrize(
    ("suffix", "values"),
    [
        (".png", ramp(65535, np.uint16)),
        (".tif", ramp(65535, np.uint16)),
        (".tif", ramp(65535, np.int32)),
        (".tif", ramp(255, np.int32)),
        (".tif", ramp(1, np.float32)),
        (".tif", ramp(255, np.float32)),
        (".tif", ramp(65535, np.float32)),
        (".tif", ramp(1e9, np.float32) - np.float32(5e8)),
    ],
)
def test_grey_of_more_than_8_bit_keeps_its_shades(tmp_path, suffix, values):
    path = tmp_path / f"p{suffix}"
    Image.fromarray(values).save(path)
    image = seen(path)
    assert image.mode == "L" and np.abs(np.asarray(image)[0].astype(int) - np.arange(256)).max() <= 1


def test_numbers_that_are_none_are_black(tmp_path):
    path = tmp_path / "p.tif"
    Image.fromarray(np.float32([[0, np.nan], [np.inf, 1]])).save(path)
    assert np.asarray(seen(path)).tolist() == [[0, 0], [0, 255]]


def transparent(mode):
    """Black that nobody sees, beside opaque black."""
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    return image.convert(mode)


@pytest.mark.parametrize(("mode", "suffix"), [("RGBA", "png"), ("LA", "png"), ("RGBA", "webp"), ("RGBA", "tif")])
def test_what_is_transparent_is_white(tmp_path, mode, suffix):
    path = tmp_path / f"p.{suffix}"
    transparent(mode).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert np.asarray(seen(path).convert("L")).tolist() == [[255, 0]]


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_a_palette_with_a_transparent_colour_is_on_white(tmp_path, suffix):
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 200, 0, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / f"p.{suffix}", transparency=0)
    assert np.asarray(seen(tmp_path / f"p.{suffix}")).tolist() == [[[255, 255, 255], [200, 0, 0]]]


def test_printed_colours_become_those_of_a_screen(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "p.jpg", quality=100)
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "p.tif")
    for name in ("p.jpg", "p.tif"):
        red, green, blue = np.asarray(seen(tmp_path / name))[4, 4]
        assert red > 240 and green < 15 and blue < 15


def test_colours_as_people_measure_them_are_converted(tmp_path):
    lab = Image.merge("LAB", [Image.new("L", (4, 4), value) for value in (255, 128, 128)])
    lab.save(tmp_path / "p.tif")
    assert seen(tmp_path / "p.tif").mode == "RGB" and np.asarray(seen(tmp_path / "p.tif")).min() > 240


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_picture_is_seen(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"p.{suffix}", save_all=True, append_images=frames[1:])
    red, green, blue = np.asarray(seen(tmp_path / f"p.{suffix}"))[4, 4]
    assert red > 200 and green < 50 and blue < 50


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright(tmp_path, suffix, orientation):
    """The upper left corner of the upright picture is white."""
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :8] = 255
    turned = [lambda a: a, np.fliplr, lambda a: np.rot90(a, 2), np.flipud]
    turned += [np.transpose, np.rot90, lambda a: np.rot90(a, 2).T, lambda a: np.rot90(a, -1)]
    stored = Image.fromarray(np.ascontiguousarray(turned[orientation - 1](upright))).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"p.{suffix}", exif=exif)
    image = np.asarray(seen(tmp_path / f"p.{suffix}").convert("L"))
    assert image.shape == (16, 32) and image[:6, :6].min() > 200 and image[10:].max() < 50 and image[:6, 10:].max() < 50


def test_sixteen_bit_colours_are_seen(tmp_path):
    """Written by hand, since Pillow has no such mode."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + struct.pack(">6H", 65535, 0, 32768, 0, 65535, 0)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(row)), chunk(b"IEND", b"")]
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    assert np.asarray(seen(tmp_path / "p.png")).tolist() == [[[255, 0, 128], [0, 255, 0]]]
