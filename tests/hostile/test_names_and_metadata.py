"""Names of files and folders, and metadata of models, of every shape: a result or an error in words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import damage
import onnx
import pytest
from onnx import helper

from core.common.console import Console
from core.common.errors import SourceError
from core.common.paths import PROJECT_ROOT, output_stem
from core.common.text import say
from core.inputs.images import read_folder
from core.inputs.infer_preprocessing import infer_preprocessing
from core.preflight.in_helper import check_targets_in_helper, inspect_in_helper
from pages.parts.paths.folder_browser import list_folder
from pages.parts.widgets.markdown import plain
from small import SIZE, conv_net, pictures

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="names and links of Unix")
PREPROCESSING = ("--size", str(SIZE), "--mean", "127.5", "--std", "127.5", "--fit", "stretch")


def run(folder, *arguments):
    """The command, in a folder; the exit code and what it printed."""
    command = [sys.executable, str(PROJECT_ROOT / "tools" / "export_quantize.py"), *arguments, *PREPROCESSING]
    environment = {**os.environ, "EDGEPRESS_HOME": str(PROJECT_ROOT / "nowhere" if folder is None else folder / "home")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=120)
    printed = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert "Traceback" not in printed and "did not expect" not in printed, printed
    return done.returncode, printed


@UNIX
@pytest.mark.parametrize(
    "name",
    ["n" * 245, "\u7f51" * 80, "a\nb", "a\x1b[31mb\x07", "--out", "CON", " ", "%s{x}", "\u202egpj"],
)
def test_the_command_takes_models_of_any_name(name, tmp_path):
    conv_net(tmp_path / "net.onnx")
    model = (tmp_path / "net.onnx").rename(tmp_path / f"{name}.onnx")
    code, printed = run(tmp_path, str(model), "--type", "onnx_fp16", "--json", str(tmp_path / f"{name}.json"[-250:]))
    assert code == 0 and "\x1b[31m" not in printed and "\u202e" not in printed
    report = json.loads((tmp_path / f"{name}.json"[-250:]).read_bytes())
    (made,) = report["outcomes"][0]["files"]
    assert os.path.basename(made) == f"{output_stem(model)}_fp16.onnx" and os.path.getsize(made)  # noqa: PTH119, PTH202


@UNIX
def test_names_that_are_no_text_are_told(tmp_path):
    odd = os.fsdecode(b"\xff\xfe\x80")
    shutil.copy(conv_net(tmp_path / "net.onnx"), tmp_path / f"{odd}.onnx")
    with pytest.raises(SourceError, match="not valid text"):
        inspect_in_helper(tmp_path / f"{odd}.onnx")
    code, printed = run(tmp_path, f"{odd}.onnx", "--type", "onnx_fp16", "--json", f"{odd}.json")
    assert code == 2 and "not valid text" in printed and "\\udcff" in printed
    assert odd in json.loads((tmp_path / f"{odd}.json").read_bytes())["source"]["path"]
    assert [path.name for path in list_folder(tmp_path, (".onnx",)).files] == ["net.onnx"]


@UNIX
def test_pictures_in_folders_that_are_no_text_are_used(tmp_path):
    odd = os.fsdecode(b"\xff\xfe\x80")
    folder = pictures(tmp_path / odd, 4)
    (folder / "000.png").rename(folder / f"{odd}.png")
    conv_net(tmp_path / "net.onnx")
    code, _ = run(tmp_path, "net.onnx", "--images", str(folder), "--type", "onnx_fp16", "--json", "r.json")
    report = json.loads((tmp_path / "r.json").read_bytes())
    assert code == 0 and report["outcomes"][0]["comparison"]["images"] == 2


@UNIX
def test_folders_1200_deep_are_walked(tmp_path):
    pictures(tmp_path / "pictures", 2)
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.rename(tmp_path / "pictures" / "000.png", "000.png", dst_dir_fd=here)
    os.close(here)
    deepest = tmp_path.joinpath(*["d"] * 1200)
    assert {path.parent for path in read_folder(tmp_path).files} == {tmp_path / "pictures", deepest}
    conv_net(deepest / "net.onnx")
    code, _ = run(tmp_path, str(deepest / "net.onnx"), "--images", str(tmp_path), "--type", "onnx_fp16")
    assert code == 0 and (deepest / "net_fp16.onnx").is_file()
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # more levels than shutil takes


@UNIX
@pytest.mark.parametrize("kind", ["loop", "below a loop", "folder", "pipe", "too long", "below a file"])
def test_a_result_file_that_cannot_be_written_is_told_before_anything_runs(kind, tmp_path):
    conv_net(tmp_path / "net.onnx")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    path = {"below a loop": "loop/r.json", "folder": ".", "too long": "r" * 300, "below a file": "net.onnx/r.json"}
    code, printed = run(tmp_path, "net.onnx", "--type", "onnx_fp16", "--json", path.get(kind, kind))
    assert code == 2 and "cannot be written" in printed
    assert not list(tmp_path.glob("*_fp16.onnx")) and not list(tmp_path.glob("*.part"))


@UNIX
def test_what_names_say_to_a_terminal_or_a_page_is_shown_and_not_obeyed(capsys):
    name = "a\x1b]0;owned\x07\u202egpj.\udcffexe"
    Console().print(say('The picture "{name}" cannot be read.', name=name))
    assert capsys.readouterr().out == 'The picture "a\\x1b]0;owned\\x07\\u202egpj.\\udcffexe" cannot be read.\n'
    assert plain(name).encode("utf-8").isascii()


DEEP = "[" * 10_000 + "]" * 10_000
METADATA = [
    {"names": "{0: 'a'}" * 3},
    {"names": "x" * 10_000_000},
    {"names": "[" + "1," * 4_000_000 + "1]"},
    {"names": "-" * 200_000 + "1"},
    {"names": "(" * 5000 + ")" * 5000},
    {"names": DEEP},
    {"names": json.dumps([{"a": 1}, [2], None, 1e400, float("nan"), {"b": [{}]}])},
    {"names": "{0: {'a': 1}, 1: [2], 2: None, 3: 1e400, 4: b'x', 5: 1j}"},
    {"names": "{-1: 'a', 10**9: 'b'}"},
    {"names": "{999999999999999999999999: 'a'}"},
    {"names": json.dumps(["\ud800", "\x1b[31m", "a" * 100_000])},
    {"edgepress.classes": DEEP},
    {"edgepress.classes": '{"a": 1}'},
    {"edgepress.classes": "[1e400, NaN]"},
    {"edgepress.preprocessing": DEEP},
    {"edgepress.preprocessing": "[]"},
    {"edgepress.preprocessing": "null"},
    {"edgepress.preprocessing": '{"size": [1e400, NaN], "mean": ["x"]}'},
    {"edgepress.preprocessing": '{"size": {"a": 1}, "fit": [], "std": [0, 0, 0]}'},
    {"edgepress.preprocessing": '{"size": [8192, 8192], "mean": [1e308, 1e308, 1e308], "std": [1e-320, 1, 1]}'},
    {"edgepress.preprocessing": '{"size": [' + "9" * 5000 + ", 1]}"},
    {"edgepress.preprocessing": "x" * 10_000_000},
    {"imgsz": "[640"},
    {"imgsz": "[" * 10_000_000},
    {"imgsz": "[1e400, 1]", "stride": "x"},
    {"imgsz": "[99999999999999999999, 1]", "stride": "nan"},
    {"stride": "-1", "imgsz": "[0, 0]", "task": "\x00"},
    {"task": "detect", "names": "{}", "stride": "32", "imgsz": "(640, 640)", "kpt_shape": "[1e400, 'x']"},
    {"task": "pose", "kpt_shape": DEEP, "stride": "32", "imgsz": "[32, 32]"},
    {"character": "\n" * 1_000_000},
    {"character": ""},
    {"": "", " ": "x"},
    {"k" * 1_000_000: "v"},
]


@pytest.mark.parametrize("number", range(len(METADATA)))
def test_metadata_of_any_shape_is_read_or_left_out(number, tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    helper.set_model_props(model, METADATA[number])
    if number % 2:
        model.metadata_props.add()  # an entry without a key
    onnx.save(model, str(path))
    watch = damage.Watch()
    with watch.file(str(METADATA[number])[:80]):
        source = inspect_in_helper(path)
        for name in source.class_names:
            name.encode("utf-8")
        assert check_targets_in_helper(source)
        proposal = infer_preprocessing(source, pictures(tmp_path / "pictures", 2))
        assert str(proposal.reason) and proposal.preprocessing.size
    watch.check(most_seconds=20.0)


def test_metadata_that_is_no_text_is_told(tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    helper.set_model_props(model, {"names": "MARK"})
    path.write_bytes(model.SerializeToString().replace(b"MARK", b"\xff\xfe\x80\xc0"))
    watch = damage.Watch()
    with watch.file("bytes"):
        inspect_in_helper(path)
    watch.check(most_seconds=20.0)
