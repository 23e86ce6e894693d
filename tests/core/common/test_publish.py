import os
import sys

import pytest

from core.common.errors import ConversionError, OptionError
from core.common.publish import check_output_folder, commit, publish, stage


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def write(folder, **contents):
    """Files by name, with ``_`` for the dot."""
    paths = [folder / name.replace("_", ".") for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return paths


def contents(folder):
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


def test_files_are_published_and_nothing_else_is_left(work, out):
    files = publish(write(work, net_param=b"graph", net_bin=b"weights"), out, tag="job-1")
    assert files == (out / "net.param", out / "net.bin")
    assert contents(out) == {"net.param": b"graph", "net.bin": b"weights"}


def test_an_earlier_result_is_replaced(work, out):
    write(out, net_param=b"old", net_bin=b"old")
    publish(write(work, net_param=b"new", net_bin=b"newer"), out, tag="job-1")
    assert contents(out) == {"net.param": b"new", "net.bin": b"newer"}


def test_a_bin_of_another_tool_is_not_overwritten(work, out):
    write(out, net_bin=b"OpenVINO's")
    with pytest.raises(ConversionError, match=r"net\.bin"):
        publish(write(work, net_param=b"graph", net_bin=b"weights"), out, tag="job-1")
    assert contents(out) == {"net.bin": b"OpenVINO's"}


@pytest.mark.parametrize("earlier", [{}, {"net_param": b"old"}], ids=["first time", "again"])
def test_if_the_second_file_cannot_be_replaced_the_first_stays_as_it_was(work, out, earlier):
    """Else the .param of one conversion would stand beside the .bin of another."""
    write(out, **earlier)
    (out / "net.txt").mkdir()
    before = contents(out)
    with pytest.raises(ConversionError, match="could not be written") as error:
        publish(write(work, net_param=b"graph", net_txt=b"more"), out, tag="job-1")
    assert contents(out) == before and error.value.next_step and error.value.detail


def test_a_missing_file_publishes_none_of_the_others(work, out):
    (first,) = write(work, net_param=b"graph")
    with pytest.raises(ConversionError):
        publish([first, work / "net.bin"], out, tag="job-1")
    assert contents(out) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_full_disk_leaves_nothing(work, out):
    import resource

    write(out, net_param=b"old", net_bin=b"old")
    files = write(work, net_param=b"graph", net_bin=bytes(100_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(ConversionError, match="could not be written"):
            publish(files, out, tag="job-1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(out) == {"net.param": b"old", "net.bin": b"old"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_read_only_folder_is_a_readable_error(work, out):
    out.chmod(0o500)
    try:
        with pytest.raises(ConversionError, match="could not be written"):
            publish(write(work, net_onnx=b"model"), out, tag="job-1")
        with pytest.raises(OptionError, match="cannot be written"):
            check_output_folder(out)
    finally:
        out.chmod(0o700)
    assert contents(out) == {}


def test_a_folder_that_is_gone_is_a_readable_error(work, tmp_path):
    with pytest.raises(ConversionError, match="could not be written"):
        publish(write(work, net_onnx=b"model"), tmp_path / "gone", tag="job-1")


def test_the_output_folder_is_made_and_left_empty(tmp_path):
    check_output_folder(tmp_path / "a" / "b")
    assert contents(tmp_path / "a" / "b") == {}


def test_an_output_folder_that_cannot_be_made_is_a_wrong_option(tmp_path):
    (file,) = write(tmp_path, file_txt=b"in the way")
    for folder in (file, file / "out"):
        with pytest.raises(OptionError, match="cannot be written") as error:
            check_output_folder(folder)
        assert error.value.next_step


def test_what_is_staged_keeps_earlier_files_until_it_is_committed(work, out):
    write(out, net_param=b"old", net_bin=b"old")
    staged = stage(write(work, net_param=b"new", net_bin=b"newer"), out, tag="job-1")
    visible = {name: data for name, data in contents(out).items() if not name.startswith(".")}
    assert visible == {"net.param": b"old", "net.bin": b"old"}
    assert all(file.staged.match(".*.job-1.part") for file in staged)
    commit(staged)
    assert contents(out) == {"net.param": b"new", "net.bin": b"newer"}


def test_a_commit_can_be_repeated(work, out):
    """After a crash nobody knows how far the first one came."""
    staged = stage(write(work, net_param=b"new", net_bin=b"newer"), out, tag="job-1")
    staged[0].staged.replace(staged[0].final)
    commit(staged)
    commit(staged)
    assert contents(out) == {"net.param": b"new", "net.bin": b"newer"}


def test_a_repeated_commit_leaves_what_another_job_has_published_since(work, out):
    first = stage(write(work, net_param=b"first", net_bin=b"first's"), out, tag="job-1")
    first[0].staged.replace(first[0].final)  # then it crashed
    publish(write(work, net_param=b"second", net_bin=b"second's"), out, tag="job-2")
    with pytest.raises(ConversionError):
        commit(first)
    assert contents(out) == {"net.param": b"second", "net.bin": b"second's"}


def test_names_as_long_as_the_file_system_allows_are_published(work, out):
    (file,) = write(work, **{"n" * 250 + "_onnx": b"model"})
    assert publish([file], out, tag="20260101-000000-0000") == (out / file.name,)
