"""Zip archives made to hurt: unpacked inside their folder and within limits, or an error in words."""

from __future__ import annotations

import io
import os
import random
import stat
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from core.common.errors import EdgePressError, ImagesError, ToolError
from core.inputs.arrays import read_arrays
from core.onnx_model.inspect import inspect
from core.process.helper_process import HelperProcess
from core.quantization.ncnn.official_tools import open_tools
from hostile.checkpoint_corpus import archive, many_entries, with_field

MOST_BYTES, MOST_SECONDS, MOST_UNPACKED = 1_500_000_000, 25.0, 1 << 30
DAMAGED_FILES = int(os.environ.get("EDGEPRESS_HOSTILE", "0")) or 30
PROGRAMS = [("ncnn/bin/ncnn2table", b"program" * 100), ("ncnn/bin/ncnn2int8", b"program" * 100)]


def release(*more, compression=zipfile.ZIP_DEFLATED):
    return archive([*PROGRAMS, *more], compression)


def link(name, target, kind=stat.S_IFLNK):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
    return release((entry, target))


def nameless():
    return release(("aXb", b"")).replace(b"aXb", b"a\0b")


HOSTILE = {
    "expands": lambda: release(("bin/zeros", bytes(100 << 20))),
    "expands_in_parts": lambda: release(*[(f"bin/{number}", bytes(1 << 20)) for number in range(100)]),
    "overlapping": lambda: many_entries(bytes(30 << 20), 3000),
    "many": lambda: many_entries(b"", 25_000),
    "upwards": lambda: release(("../outside.txt", b"out")),
    "upwards_inside": lambda: release(("bin/../../outside.txt", b"out")),
    "upwards_on_windows": lambda: release(("bin\\..\\..\\outside.txt", b"out")),
    "absolute": lambda: release(("/tmp/edgepress-outside.txt", b"out")),
    "drive": lambda: release(("C:/outside.txt", b"out")),
    "network": lambda: release(("//server/share/outside.txt", b"out")),
    "stream": lambda: release(("bin/ncnn2table:hidden", b"out")),
    "device": lambda: release(("bin/NUL.txt", b"out")),
    "trailing_point": lambda: release(("bin/a.", b"out")),
    "zero_byte": nameless,
    "same_name": lambda: release(("ncnn/bin/NCNN2TABLE", b"other")),
    "file_and_folder": lambda: release(("ncnn/bin", b"no folder")),
    "link": lambda: link("bin/l", "../../outside.txt"),
    "link_to_program": lambda: link("bin/ncnn2table", "/bin/sh"),
    "pipe": lambda: link("bin/p", "", stat.S_IFIFO),
    "encrypted": lambda: with_field(release(), 8, b"\1\0"),
    "bzip2": lambda: release(("bin/zeros", bytes(20 << 20)), compression=zipfile.ZIP_BZIP2),
    "odd_method": lambda: with_field(release(), 10, b"\x62\0"),
    "empty": lambda: b"",
    "cut_off": lambda: release()[:-30],
}


@pytest.fixture(scope="module")
def helper_process():
    process = HelperProcess(("core.quantization.ncnn.official_tools", "core.inputs.arrays"))
    yield process
    process.close()


def tell(helper_process, function, *arguments) -> EdgePressError | None:
    """The error in words, if it is one; the process did not end by a limit."""
    helper_process.prepare()
    pid = helper_process.pid
    try:
        helper_process.call(function, *arguments, seconds=MOST_SECONDS, max_bytes=MOST_BYTES)
    except (ToolError, ImagesError) as exc:
        assert str(exc.reason) and str(exc.next_step)
        return exc
    finally:
        assert helper_process.pid == pid
    return None


def opened(path: Path, folder: Path) -> None:
    open_tools(str(path), folder=folder)


def unpack(helper_process, tmp_path: Path, content: bytes) -> EdgePressError | None:
    path, folder = tmp_path / "release.zip", tmp_path / "work" / "out"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    error = tell(helper_process, opened, path, folder)
    assert sum(found.lstat().st_size for found in folder.rglob("*")) <= MOST_UNPACKED
    assert not any(found.is_symlink() for found in folder.rglob("*"))
    assert {found.name for found in tmp_path.iterdir()} == {"release.zip", "work"}
    assert [found.name for found in (tmp_path / "work").iterdir()] == ["out"]
    return error


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_release_is_not_unpacked(helper_process, tmp_path, name):
    error = unpack(helper_process, tmp_path, HOSTILE[name]())
    assert "unpacked" in str(error.reason)
    assert not list((tmp_path / "work" / "out").iterdir())
    assert not Path("/tmp/edgepress-outside.txt").exists()


def test_a_release_as_it_is_published_is_unpacked(helper_process, tmp_path):
    more = [("ncnn/", b""), ("ncnn/lib/cmake/ncnn/ncnnConfig.cmake", b"text" * 1000), ("ncnn/README 1.0.md", b"")]
    assert unpack(helper_process, tmp_path, release(*more)) is None


def test_damaged_releases_are_errors_in_words(helper_process, tmp_path):
    for number in range(DAMAGED_FILES):
        folder = tmp_path / str(number)
        folder.mkdir()
        unpack(helper_process, folder, damaged(release(("a", bytes(3000)), ("lib/é", b"x")), number))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes among the files of Windows")
def test_a_pipe_is_no_release(helper_process, tmp_path):
    os.mkfifo(tmp_path / "release.zip")
    assert "unpacked" in str(tell(helper_process, opened, tmp_path / "release.zip", tmp_path / "out").reason)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", tensors[:1], tensors[1:])
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return inspect(path)


def array(*shape, header=None):
    content = io.BytesIO()
    np.save(content, np.zeros(shape, np.float32))
    return content.getvalue().replace(str(shape).encode(), header) if header else content.getvalue()


def claiming(content, size):
    """The directory claims another unpacked size for every entry."""
    return with_field(content, 24, struct.pack("<L", size))


ARRAYS = {
    "expands": lambda: claiming(archive([("x.npy", array(1, 4))], zipfile.ZIP_DEFLATED), 1100 << 20),
    "expands_in_parts": lambda: claiming(
        archive([(f"{number}.npy", array(1, 4)) for number in range(100)], zipfile.ZIP_DEFLATED), 11 << 20
    ),
    "many": lambda: many_entries(b"", 20_000),
    "claims": lambda: archive([("x.npy", array(1, 4, header=b"(10**9,4)"))]),
    "claims_numbers": lambda: archive([("x.npy", array(11111, 11111, header=b"(99999, 99999)")[:200])]),
    "bzip2": lambda: archive([("x.npy", bytes(20 << 20))], zipfile.ZIP_BZIP2),
    "pickled": lambda: archive([("x.npy", array(1, 4).replace(b"<f4", b"|O "))]),
    "overlapping": lambda: many_entries(bytes(30 << 20), 3000),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_hostile_archive_of_arrays_is_not_read(helper_process, tmp_path, source, name):
    (tmp_path / "a.npz").write_bytes(ARRAYS[name]())
    assert "a.npz" in str(tell(helper_process, read_arrays, tmp_path / "a.npz", source).reason)


def test_damaged_archives_of_arrays_are_errors_in_words(helper_process, tmp_path, source):
    for number in range(DAMAGED_FILES):
        content = damaged(archive([("x.npy", array(1, 4)), ("z.npy", array(3))], zipfile.ZIP_DEFLATED), number)
        (tmp_path / "a.npz").write_bytes(content)
        tell(helper_process, read_arrays, tmp_path / "a.npz", source)


def test_inputs_may_have_any_name(tmp_path, source):
    (tmp_path / "a.npz").write_bytes(archive([("x.npy", array(1, 4)), ("other/in:0.npy", array(3))]))
    assert list(read_arrays(tmp_path / "a.npz", source)) == ["x"]


def damaged(content: bytes, number: int) -> bytes:
    """An archive with damage in its records or its data, always the same for a number."""
    chance, changed = random.Random(number), bytearray(content)
    records = [at for at in range(len(content)) if content[at : at + 2] == b"PK"]
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.choice(records) + chance.randrange(50) if chance.randrange(3) else chance.randrange(len(content))
        at %= max(1, len(changed))
        way = chance.randrange(4)
        if way == 0:
            changed[at : at + 4] = struct.pack("<L", chance.choice([0, 1, 2**31, 2**32 - 1, chance.randrange(2**32)]))
        elif way == 1:
            del changed[at : at + chance.randrange(100)]
        elif way == 2:
            changed[at:at] = chance.randbytes(chance.randrange(10))
        elif changed:
            changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)
