"""Small scripts take the place of the official programs: same names, arguments and files, and as silent failures."""

import stat
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.common.errors import ConversionError, ToolError
from core.ncnn.table import parse_table
from core.ncnn.weights import write_weights
from core.quantization.ncnn.official_ncnn2int8 import to_int8_official
from core.quantization.ncnn.official_ncnn2table import weight_table
from core.quantization.ncnn.official_tools import (
    OfficialTools,
    calibrate,
    find_tools,
    open_tools,
    quantize,
    quantize_with_official_tools,
)
from ncnn_small import model

posix = pytest.mark.skipif(sys.platform == "win32", reason="a script is no program on Windows")
INPUTS = {1: 10.0, 3: 20.0, 6: 30.0}


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport sys, shutil, pathlib\na = sys.argv[1:]\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def tools(folder, table="pass", int8="pass"):
    return OfficialTools(program(folder / "ncnn2table", table), program(folder / "ncnn2int8", int8))


@posix
def test_tools_are_found_deep_in_an_unpacked_release(tmp_path):
    given = tools(tmp_path / "ncnn-2026" / "x64" / "bin")
    assert find_tools(tmp_path) == given


@posix
def test_tools_are_found_on_the_path(tmp_path, monkeypatch):
    given = tools(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_tools() == given


def test_without_both_of_them_there_are_none(tmp_path):
    program(tmp_path / "ncnn2table", "pass")
    assert find_tools(tmp_path) is None


@posix
def test_samples_reach_ncnn2table_in_its_format(tmp_path):
    body = """
lines = pathlib.Path(a[2]).read_text().split()
assert lines == ["0.npy", "1.npy"] and all(pathlib.Path(line).is_file() for line in lines), lines
options = dict(option.split("=") for option in a[4:])
assert options == {"method": "kl", "type": "1", "thread": "1", "shape": "[12,8,3]"}, options
pathlib.Path(a[3]).write_text("conv_0_param_0 1.5 \\nconv_0 2.5 \\n")"""
    samples = (np.full((3, 8, 12), value, np.float64) for value in (1, 2))
    table = calibrate(tools(tmp_path / "bin", body), model(), samples, method="kl", folder=tmp_path / "with a blank")
    assert table.input("conv_0") == 2.5


@posix
@pytest.mark.parametrize("body", ["pass", "pathlib.Path(a[3]).write_text('conv_0 inf \\n')", "sys.exit(255)"])
def test_a_missing_or_broken_table_is_an_error_though_the_exit_code_is_0(tmp_path, body):
    with pytest.raises(ConversionError, match="ncnn2table"):
        calibrate(tools(tmp_path, body), model(), [np.zeros((3, 8, 8))], method="kl", folder=tmp_path / "work")


@posix
def test_the_weights_of_ncnn2int8_are_taken_with_our_own_graph(tmp_path):
    source = model()
    table = weight_table(source, INPUTS, "kl")
    expected = to_int8_official(source, table)
    (tmp_path / "made.bin").write_bytes(write_weights(expected.weights))
    body = f"shutil.copy({str(tmp_path / 'made.bin')!r}, a[3]); open(a[2], 'w').write('lossy')"
    made = quantize(tools(tmp_path / "bin", int8=body), source, table, folder=tmp_path / "work")
    assert made.param == expected.param and write_weights(made.weights) == write_weights(expected.weights)


@posix
def test_weights_that_do_not_fit_are_an_error(tmp_path):
    given = tools(tmp_path, int8="open(a[3], 'wb').write(b'short')")
    with pytest.raises(ConversionError, match="ncnn2int8"):
        quantize(given, model(), weight_table(model(), INPUTS, "kl"), folder=tmp_path / "work")


def test_a_program_that_cannot_be_started_is_an_error(tmp_path):
    nothing = OfficialTools(tmp_path / "ncnn2table", tmp_path / "ncnn2int8")
    with pytest.raises(ToolError, match="ncnn2table"):
        calibrate(nothing, model(), [np.zeros((3, 8, 8))], method="kl", folder=tmp_path / "work")


@posix
def test_tools_unpacked_from_a_release_are_executable(tmp_path):
    made = tools(tmp_path / "bin")
    with zipfile.ZipFile(tmp_path / "ncnn.zip", "w") as archive:
        for path in (made.ncnn2table, made.ncnn2int8):
            archive.write(path, f"ncnn-2026/bin/{path.name}")
    unpacked = open_tools(str(tmp_path / "ncnn.zip"), folder=tmp_path / "out")
    assert unpacked.ncnn2int8.is_relative_to(tmp_path / "out") and unpacked.ncnn2int8.stat().st_mode & stat.S_IXUSR


def test_missing_tools_and_files_that_are_no_release_are_errors(tmp_path):
    with pytest.raises(ToolError, match="not found"):
        open_tools(str(tmp_path), folder=tmp_path / "out")
    (tmp_path / "ncnn.zip").write_bytes(b"nothing")
    with pytest.raises(ToolError, match="unpacked"):
        open_tools(str(tmp_path / "ncnn.zip"), folder=tmp_path / "out")


@posix
def test_a_model_goes_through_both_programs(tmp_path):
    source = model()
    table = weight_table(source, INPUTS, "kl")
    (tmp_path / "made.table").write_text(table.write())
    (tmp_path / "made.bin").write_bytes(write_weights(to_int8_official(source, parse_table(table.write())).weights))
    tools(
        tmp_path / "bin",
        f"shutil.copy({str(tmp_path / 'made.table')!r}, a[3])",
        f"shutil.copy({str(tmp_path / 'made.bin')!r}, a[3])",
    )
    feeds = [{"x0": np.zeros((1, 3, 8, 8), np.float32)}]
    made = quantize_with_official_tools(source, feeds, choice=str(tmp_path / "bin"), folder=tmp_path / "work")
    assert write_weights(made.weights) == (tmp_path / "made.bin").read_bytes() and made.inputs == source.inputs
