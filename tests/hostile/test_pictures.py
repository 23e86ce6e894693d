"""Pictures made to hurt: each is read or an error in words, within its time and memory, and the next one is read."""

from __future__ import annotations

import io
import os
import random
import struct
import sys
import zlib

import damage
import numpy as np
import pytest
from PIL import Image

from core import decoding
from core.common.errors import ImagesError
from core.decoding import read_picture, read_pixels
from core.inputs import look_in_helper
from core.inputs.images import ImageReader, read_folder, split
from core.inputs.look_in_helper import frames_in_helper, look_into_in_helper
from core.onnx_model.inspect import inspect
from small import PREPROCESSING, conv_net, pictures

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="pipes, devices and links of Unix")


def encoded(format_name, mode="RGB", **options):
    """A small photograph-like picture."""
    chance = np.random.default_rng(0)
    image = Image.fromarray(chance.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((48, 40)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def with_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded("JPEG", exif=exif)


SOUND = {
    "baseline.jpg": encoded("JPEG"),
    "progressive.jpg": encoded("JPEG", progressive=True),
    "cmyk.jpg": encoded("JPEG", "CMYK"),
    "turned.jpg": with_orientation(),
    "colours.png": encoded("PNG"),
    "palette.png": encoded("PNG", "P"),
    "alpha.png": encoded("PNG", "RGBA"),
    "sixteen.png": encoded("PNG", "I;16"),
    "picture.bmp": encoded("BMP"),
    "palette.bmp": encoded("BMP", "P"),
    "lossy.webp": encoded("WEBP"),
    "lossless.webp": encoded("WEBP", "RGBA", lossless=True),
    "raw.tif": encoded("TIFF"),
    "lzw.tif": encoded("TIFF", compression="tiff_lzw"),
    "deflate.tif": encoded("TIFF", compression="tiff_adobe_deflate"),
    "jpeg.tif": encoded("TIFF", compression="jpeg"),
    "float.tif": encoded("TIFF", "F"),
    "one.gif": encoded("GIF", "P"),
    "film.gif": encoded("GIF", "P", save_all=True, append_images=[Image.new("P", (48, 40), n) for n in range(3)]),
}


def test_damaged_pictures_are_answers_in_words(tmp_path):
    watch, names = damage.Watch(), list(SOUND)
    for number in range(damage.COUNT or 10 * len(SOUND)):
        name = names[number % len(names)]
        path = damage.write(tmp_path / name, damage.damaged(SOUND[name], number))
        with watch.file(f"{number} {name}"):
            image = read_picture(path)
            assert image.mode in ("RGB", "L") and PREPROCESSING.tensor(image).shape == PREPROCESSING.shape
        with watch.file(f"{number} {name} as a mask"):
            read_pixels(path)
    watch.check(most_seconds=20.0)


def png(width, height, rows, *, depth=8, color=2, chunks=b"", interlaced=0):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunks + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def zeros(count):
    """That many zeros, compressed."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(count >> 20)]
    return b"".join(parts) + packer.compress(bytes(count & ((1 << 20) - 1))) + packer.flush()


def png_bomb():
    """A hundred million pixels of 16 bit, in less than a megabyte."""
    return png(10_000, 10_000, zeros(10_000 * (1 + 10_000 * 2)), depth=16, color=0)


def png_longer_than_it_says():
    return png(10, 10, zeros(200_000_000))


def png_of_too_many_pixels():
    return png(0x7FFFFFFF, 0x7FFFFFFF, zeros(1000))


def png_with_a_text_that_unpacks_to_all_memory():
    return png(1, 1, zeros(4), chunks=chunk(b"zTXt", b"a\0\0" + zeros(200_000_000)))


def png_with_a_profile_that_unpacks_to_all_memory():
    return png(1, 1, zeros(4), chunks=chunk(b"iCCP", b"a\0\0" + zeros(200_000_000)))


def png_of_many_chunks():
    return png(1, 1, zeros(4), chunks=chunk(b"abCd", b"") * 500_000)


def jpeg_of_many_scans(count=4000, side=4000):
    """Legal but for its length: each scan goes over all pixels."""
    buffer = io.BytesIO()
    Image.new("L", (side, side)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def jpeg_that_says_it_is_huge():
    data = bytearray(SOUND["baseline.jpg"])
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = b"\xff\xff\xff\xff"
    return bytes(data)


def tiff(*tags, order="<", body=b""):
    """One directory of long numbers, then ``body``; a value of None is the place of the body."""
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack(order + "HHII", tag, kind, count, start if value is None else value)
        for tag, kind, count, value in sorted(tags)
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + body


def tiff_of_many_strips():
    offsets = struct.pack("<I", 8) * 300_000
    tags = [(256, 4, 1, 1), (257, 4, 1, 300_000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    return tiff(*tags, (273, 4, 300_000, None), (278, 4, 1, 1), (279, 4, 300_000, None), body=offsets)


def tiff_that_refers_to_itself():
    return b"II*\0" + struct.pack("<IH", 8, 0) + struct.pack("<I", 8)


def tiff_with_a_tag_of_all_memory():
    tags = [(256, 4, 1, 10), (257, 4, 1, 10), (258, 3, 0xFFFFFFFF, 8), (273, 4, 1, 8)]
    return tiff(*tags)


def gif_of_a_huge_canvas():
    data = bytearray(SOUND["one.gif"])
    data[6:10] = b"\xff\xff\xff\xff"
    return bytes(data)


def bmp_of_runs():
    """Each byte of the run-length code is decoded in Python."""
    body = b"\x01\x00" * 4_000_000
    header = struct.pack("<IiiHHIIiiII", 40, 4000, 4000, 1, 8, 1, len(body), 0, 0, 256, 0)
    return struct.pack("<2sIHHI", b"BM", 14 + 40 + 1024 + len(body), 0, 0, 14 + 40 + 1024) + header + bytes(1024) + body


def bmp_of_negative_size():
    data = bytearray(SOUND["picture.bmp"])
    data[18:26] = struct.pack("<ii", -5, -2_000_000_000)
    return bytes(data)


def webp_of_a_wrong_length():
    data = bytearray(SOUND["lossy.webp"])
    data[4:8] = b"\xff\xff\xff\xff"
    return bytes(data)


def a_line_of_one_pixel():
    """Resized to the height of an input it would be thousands of megabytes."""
    return png(10_000_000, 1, zeros(1 + 3 * 10_000_000))


BOMBS = [
    png_bomb,
    png_longer_than_it_says,
    png_of_too_many_pixels,
    png_with_a_text_that_unpacks_to_all_memory,
    png_with_a_profile_that_unpacks_to_all_memory,
    png_of_many_chunks,
    jpeg_that_says_it_is_huge,
    tiff_of_many_strips,
    tiff_that_refers_to_itself,
    tiff_with_a_tag_of_all_memory,
    gif_of_a_huge_canvas,
    bmp_of_runs,
    bmp_of_negative_size,
    webp_of_a_wrong_length,
    a_line_of_one_pixel,
]


@pytest.mark.parametrize("build", BOMBS)
def test_a_bomb_is_an_answer_within_limits(build, tmp_path):
    path, watch = damage.write(tmp_path / "bomb.png", build()), damage.Watch()
    with watch.file(build.__name__):
        assert PREPROCESSING.tensor(read_picture(path)).shape == PREPROCESSING.shape
    watch.check(most_seconds=30.0)


@pytest.fixture
def quick_limit():
    before = decoding._seconds
    decoding.limit_decoding(1.0)
    yield
    decoding.limit_decoding(before)


def test_a_picture_that_takes_minutes_is_skipped_and_told(tmp_path, quick_limit):
    pictures(tmp_path, 2)
    slow = damage.write(tmp_path / "slow.jpg", jpeg_of_many_scans())
    reader, files = ImageReader(), read_folder(tmp_path).files
    assert len(list(reader.read(files))) == 2
    assert "Decoding it takes more than 1 s." in reader.skipped[slow]
    assert len(list(reader.read(files))) == 2  # and is not waited for again


def test_the_app_looks_into_a_folder_with_one_that_takes_minutes(tmp_path, monkeypatch):
    monkeypatch.setattr(look_in_helper, "_SECONDS_FOR_ONE", 1.0)
    source = inspect(conv_net(tmp_path / "net.onnx"))
    folder = pictures(tmp_path / "pictures", 3)
    damage.write(folder / "slow.jpg", jpeg_of_many_scans())
    found = look_into_in_helper(folder, source)
    assert found.count == 4 and len(found.shown) == 3
    assert ["Decoding it takes more than 1 s." in str(problem) for problem in found.problems] == [True]
    assert len(frames_in_helper(found.shown, PREPROCESSING)) == 3


@UNIX
def test_what_is_no_regular_file_is_left_out(tmp_path):
    folder = pictures(tmp_path / "pictures", 2)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "random.png").symlink_to("/dev/urandom")
    (folder / "nowhere.jpg").symlink_to(folder / "missing.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "up").symlink_to(folder)
    with (folder / "holes.jpg").open("wb") as file:
        file.truncate(20 << 30)
    found = read_folder(folder)
    parts, reader = split(found), ImageReader()
    assert len(list(reader.read(parts.calibration + parts.test))) == 2
    assert {path.name for path in reader.skipped} == {
        "pipe.jpg",
        "zero.jpg",
        "random.png",
        "nowhere.jpg",
        "loop.jpg",
        "holes.jpg",
    }


@UNIX
@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_not_called_empty(tmp_path):
    folder = pictures(tmp_path / "pictures", 1)
    folder.chmod(0)
    try:
        with pytest.raises(ImagesError, match="cannot be opened"):
            read_folder(folder)
        with pytest.raises(ImagesError, match="cannot be opened"):
            read_folder(folder / "below")
    finally:
        folder.chmod(0o700)


def test_a_folder_that_the_system_refuses_is_not_called_empty(tmp_path, monkeypatch):
    """What a network disk does that went away, and what root sees of it too."""

    def gone(path):
        raise OSError(5, "Input/output error", str(path))

    folder = pictures(tmp_path / "pictures", 1)
    monkeypatch.setattr(os, "scandir", gone)
    with pytest.raises(ImagesError, match="cannot be opened"):
        read_folder(folder)


def test_a_folder_below_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    folder, scan = pictures(tmp_path / "pictures", 2), os.scandir
    (folder / "locked").mkdir()

    def partly(path="."):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", partly)
    found = read_folder(folder)
    assert len(found.files) == 2 and "locked" in str(found.problems[0])


@UNIX
def test_a_loop_of_links_is_no_folder(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ImagesError):
        read_folder(tmp_path / "loop")


def test_a_name_that_is_too_long_is_no_folder(tmp_path):
    with pytest.raises(ImagesError):
        read_folder(tmp_path / ("n" * 5000))


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad", "pad-corner"])
def test_pictures_of_extreme_shapes_fit_into_an_input(fit):
    from dataclasses import replace

    preprocessing = replace(PREPROCESSING, size=(640, 640), fit=fit)
    for size in ((1, 1), (1, 200_000), (200_000, 1)):
        assert preprocessing.tensor(Image.new("RGB", size, "red")).shape == preprocessing.shape


def test_numbers_give_the_same_damage_again():
    data = random.Random(1).randbytes(500)
    assert [damage.damaged(data, n) for n in range(20)] == [damage.damaged(data, n) for n in range(20)]
