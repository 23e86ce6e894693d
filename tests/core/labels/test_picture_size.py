import io
import struct
import zlib

import pytest
from PIL import Image

from core.decoding import read_picture
from core.labels.picture_size import PictureSize, picture_size
from labelled_pictures import picture


@pytest.mark.parametrize("orientation", [None, 1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".gif"])
def test_the_size_is_that_of_the_picture_as_it_is_opened(tmp_path, orientation, suffix):
    path = picture(tmp_path / f"1{suffix}", (31, 20), orientation=orientation)
    size = picture_size(path)
    assert (size.width, size.height) == read_picture(path).size


def test_orientation_behind_the_pixels_of_a_png_counts(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("L", (30, 20)).save(buffer, "PNG")
    chunk = b"eXIf" + exif.tobytes()[6:]
    late = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "1.png").write_bytes(buffer.getvalue()[:-12] + late + buffer.getvalue()[-12:])
    assert read_picture(tmp_path / "1.png").size == (20, 30)
    assert picture_size(tmp_path / "1.png") == PictureSize(20, 30, 6)


def test_what_is_no_picture_or_far_too_large_has_no_size(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"text")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "2.png")
    assert [picture_size(tmp_path / name) for name in ("1.jpg", "2.png", "3.jpg")] == [None] * 3
