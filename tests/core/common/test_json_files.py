import json
import os
import threading

import pytest

from core.common.json_files import read_json, remove, retry_while_locked, write_json


def test_what_was_written_is_read(tmp_path):
    data = {"名": ["a", 1, None, 0.5]}
    write_json(tmp_path / "x.json", data, indent=2)
    assert read_json(tmp_path / "x.json") == data and [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_a_failed_write_keeps_the_old_content_and_leaves_nothing_else(tmp_path):
    write_json(tmp_path / "x.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", object())
    assert read_json(tmp_path / "x.json") == 1 and len(list(tmp_path.iterdir())) == 1


def test_a_reader_never_sees_half_a_file(tmp_path):
    path, data = tmp_path / "x.json", [list(range(5000)), list(range(7000))]
    write_json(path, data[0])
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for one in data:
                write_json(path, one)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(read_json(path) in data for _ in range(200))
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000], ids=["empty", "cut off", "nested too deeply"])
def test_no_json_is_a_value_error(tmp_path, text):
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError):
        read_json(tmp_path / "x.json")


def test_a_file_that_is_locked_for_a_moment_is_tried_again():
    calls = []

    def action():
        calls.append(1)
        if len(calls) < 3:
            raise PermissionError
        return "done"

    assert retry_while_locked(action) == "done" and len(calls) == 3


def test_a_file_that_stays_locked_is_an_error():
    def action():
        raise PermissionError

    with pytest.raises(PermissionError):
        retry_while_locked(action)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links")
def test_files_folders_and_links_are_removed_but_not_what_a_link_points_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text(json.dumps(1))
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    names = ["folder", "file", "nowhere"]
    try:
        (tmp_path / "link").symlink_to(tmp_path / "kept", target_is_directory=True)
        names.append("link")
    except OSError:  # Windows allows links to administrators only
        pass
    for name in names:
        remove(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"] and (tmp_path / "kept" / "file").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_private_file_is_never_readable_by_others(tmp_path):
    write_json(tmp_path / "open.json", {})
    for content in ({"token": "a"}, {"token": "b"}):
        write_json(tmp_path / "private.json", content, is_private=True)
        assert (tmp_path / "private.json").stat().st_mode & 0o777 == 0o600
    assert read_json(tmp_path / "private.json") == {"token": "b"}
