"""Names of models, classes and files are text of strangers: they stay text, and stay inside the kit's folder."""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from markdown_it import MarkdownIt
from task_nets import NETS, described

from core.common.archives import ArchiveLimits, check_names, open_archive
from core.kit.make import make_kit_here
from core.kit.markdown import code, plain
from core.kit.names import kit_name, one_line, portable_name
from core.targets import TARGETS
from small import conv_net

NAMES = [
    "<img src=x onerror=alert(1)>",
    "](http://example.com)",
    "`code` | cell",
    "two\nlines",
    "../../up",
    "a@example.com www.example.com https://example.com",
    "中文 \x1b[31m",
]
MODELS = ['it\'s "my" <b>net 网络 ](http:x)', "..\\..\\evil", "a`b|c", "CON"]


@pytest.fixture(scope="module", params=MODELS)
def kits(request, tmp_path_factory, finish):
    """The kits of a model of this name, whose classes have the names above."""
    folder = tmp_path_factory.mktemp("strange")
    net = replace(
        NETS["classification"],
        build=lambda path: described(conv_net(path, classes=len(NAMES)), names=str(dict(enumerate(NAMES)))),
        targets=("onnx_fp16", "ncnn"),
    )
    job_folder, _ = finish(net.job(folder, name=request.param), folder / "job")
    return [make_kit_here(job_folder, target, folder / "kits") for target in net.targets]


def test_a_kit_stays_in_its_folder_on_every_system(kits):
    for paths in kits:
        assert paths.folder.is_dir() and paths.folder.resolve().parent == paths.folder.parent.resolve()
        with open_archive(paths.archive, ArchiveLimits(10**9)) as archive:
            check_names(archive)  # as EdgePress itself checks archives of strangers before it unpacks them
            names = archive.namelist()
        for name in names:
            for path in (PurePosixPath(name), PureWindowsPath(name)):
                assert path.parts[0] == paths.folder.name and ".." not in path.parts


def test_the_program_runs_and_has_one_label_a_class(kits, run_program):
    import sys

    for paths in kits:
        done = run_program(sys.executable, paths.folder, "--check")
        assert done.returncode == 0, done.stdout + done.stderr
        labels = (paths.folder / "labels.txt").read_bytes().decode("utf-8").split("\n")
        assert len(labels) == len(NAMES) + 1 and labels[0] == NAMES[0] and labels[3] == "two lines"
        told = run_program(sys.executable, paths.folder, paths.folder / "examples" / "example_1.png")
        assert told.returncode == 0 and "\x1b" not in told.stdout


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
@pytest.mark.parametrize("folder", ["cpp", "android"])
def test_readmes_of_the_other_programs_are_sane_markdown(kits, folder, name):
    found = [path for paths in kits if (path := paths.folder / folder / name).is_file()]
    assert len(found) == (2 if folder == "cpp" else 1)
    for path in found:
        html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(path.read_text(encoding="utf-8"))
        assert not re.search(r"<(img|b|script)\b", html), html
        assert set(re.findall(r'href="([^"]*)"', html)) <= {"README.md", "README.zh.md"}


def test_source_files_hold_no_names_of_strangers(kits):
    """They are read from preprocessing.json and labels.txt when the program runs."""
    for paths in kits:
        for path in (*(paths.folder / "cpp").rglob("*"), *(paths.folder / "android").rglob("*")):
            if path.is_file() and path.suffix != ".md" and "third_party" not in path.parts:
                text = path.read_text(encoding="utf-8")
                assert not any(name in text for name in (*NAMES, *MODELS[:3], "evil", "a`b")), path


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_a_readme_is_sane_markdown(kits, name):
    for paths in kits:
        text = (paths.folder / name).read_text(encoding="utf-8")
        html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text)
        assert not re.search(r"<(img|b|script)\b", html), html
        assert set(re.findall(r'href="([^"]*)"', html)) <= {"README.md", "README.zh.md"}
        assert html.count("<h1>") == 1 and html.count("<h2>") == 7
        assert NAMES[0].replace("<", "&lt;").replace(">", "&gt;") in html  # it is there, as text


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_in_markdown(name):
    for written in (plain(name), code(name)):
        html = MarkdownIt("commonmark", {"html": True}).render(f"- {written} x")
        shown = re.sub(r"</?(ul|li|code)>", "", html)
        assert "<" not in shown.replace("&lt;", ""), html


def test_names_that_some_system_cannot_have_are_mended():
    assert portable_name(Path("x y's (1).onnx")) == "x y's (1).onnx"
    assert portable_name(Path("CON.param")) == "_CON.param"
    assert portable_name(Path('a"b<c>.bin')) == "a_b_c_.bin"
    assert portable_name(Path("..\\..\\evil.onnx")) == "_.._evil.onnx"
    assert portable_name(Path("a\x07\udcff.onnx")).isprintable()
    assert one_line("a\r\nb") == "a  b"


def test_no_two_targets_of_a_job_have_a_kit_of_one_name():
    names = [kit_name(target.id, [Path(name) for name in target.file_names("x")]) for target in TARGETS]
    assert len(set(names)) == len(names)
    assert "x_fp16_kit" in names and "x_fp16_ncnn_kit" in names and "x_kit" in names
