"""What a kit's C++ folder and Android project hold; they are compiled by test_cpp_parts.py and test_cpp_kits.py."""

import importlib.metadata
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from core.kit.android_project import TEMPLATES as ANDROID
from core.kit.android_project import has_project, write_project
from core.kit.cpp_program import TEMPLATES, THIS_MODEL, files_of, has_program, write_program
from core.kit.program import TEMPLATES as PYTHON
from core.kit.program import ncnn_release
from core.kit.settings import _MODULES

HEADS = sorted(path.stem.removeprefix("head_") for path in PYTHON.glob("head_*.py"))
OWN = [*sorted(TEMPLATES.glob("*.h")), TEMPLATES / "main.cpp", TEMPLATES / "third_party" / "stb.cpp"]


def settings(runtime="ncnn", module="classification", head="", *, is_cut=False, takes_pictures=True):
    task = {"module": module, **({"head": {"module": head}} if head else {})}
    after = {"file": "post_processing.onnx"} if is_cut else None
    return {
        "model": {"runtime": runtime, "post_processing": after},
        "picture": {"takes_pictures": takes_pictures},
        "task": task,
    }


def every_model():
    for runtime, is_cut in (("onnx", False), ("ncnn", False), ("ncnn", True)):
        for module in sorted(set(_MODULES.values()) - {"objects"}):
            yield settings(runtime, module, is_cut=is_cut)
        for head in HEADS:
            yield settings(runtime, "objects", head, is_cut=is_cut)


def test_there_is_a_program_for_every_model_of_pictures():
    assert all(map(has_program, every_model()))
    assert not has_program(settings(takes_pictures=False))
    assert not has_program(settings(module="objects", head="unheard_of"))
    assert not has_program(settings(module="unheard_of"))


def test_a_program_includes_nothing_that_it_does_not_hold(tmp_path):
    for number, model in enumerate(every_model()):
        folder = tmp_path / str(number)
        write_program(folder, model)
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        for name in names:
            if name.endswith((".h", ".cpp")) and name != "third_party/json.hpp":
                text = (folder / name).read_text(encoding="utf-8")
                included = re.findall(r'^#include "([^"]+)"', text, re.MULTILINE)
                base = name.rpartition("/")[0]
                assert {f"{base}/{one}" if base else one for one in included} <= names, name
        assert names == {*files_of(model), THIS_MODEL}
        runtimes = {"model_ncnn.h": model["model"]["runtime"] == "ncnn"}
        runtimes["onnxruntime_session.h"] = model["model"]["runtime"] == "onnx" or bool(
            model["model"]["post_processing"]
        )
        assert {name: name in names for name in runtimes} == runtimes
        assert len([name for name in names if name.startswith(("task_", "head_"))]) == 1 + ("head" in model["task"])


def test_a_model_s_parts_come_in_the_order_in_which_they_need_each_other(tmp_path):
    write_program(tmp_path / "cpp", settings(module="objects", head="yolov8", is_cut=True))
    text = (tmp_path / "cpp" / THIS_MODEL).read_text(encoding="utf-8")
    assert re.findall(r'"(.*)"', text) == [
        "onnxruntime_session.h",
        "model_ncnn.h",
        "head_yolov8.h",
        "task_objects.h",
    ]
    assert "#define KIT_HAS_POST_PROCESSING" in text


def test_the_readme_names_the_release_of_ncnn_that_is_installed():
    assert ncnn_release() == importlib.metadata.version("ncnn").rpartition(".")[2]


def test_licences_of_others_travel_with_their_files():
    texts = (TEMPLATES / "third_party" / "LICENSES.txt").read_text(encoding="utf-8")
    for path in (TEMPLATES / "third_party").iterdir():
        if path.name not in ("LICENSES.txt", "stb.cpp"):
            assert path.name in texts
    for name in ("stb_image.h", "stb_image_write.h"):
        assert "ALTERNATIVE A - MIT License" in (TEMPLATES / "third_party" / name).read_text(encoding="utf-8")


def test_there_is_an_android_project_for_ncnn_files_that_need_nothing_else():
    assert has_project(settings()) and has_project(settings(module="objects", head="yolov8"))
    assert not has_project(settings(runtime="onnx"))
    assert not has_project(settings(is_cut=True))
    assert not has_project(settings(takes_pictures=False))


def test_the_android_project_finds_the_program_and_its_own_parts(tmp_path):
    write_project(tmp_path / "android")
    write_program(tmp_path / "cpp", settings())
    native = tmp_path / "android" / "app" / "src" / "main" / "cpp"
    cmake = (native / "CMakeLists.txt").read_text(encoding="utf-8")
    relative = re.search(r'CMAKE_CURRENT_SOURCE_DIR}/(\.\./[./]*cpp)"', cmake)
    assert relative and (native / relative[1]).resolve() == (tmp_path / "cpp").resolve()
    for name in re.findall(r'#include "(.*)"', (native / "kit_jni.cpp").read_text(encoding="utf-8")):
        assert (tmp_path / "cpp" / name).is_file()
    for path in ANDROID.rglob("*.xml"):
        ElementTree.parse(path)


def test_what_the_android_app_says_is_translated_and_what_it_calls_is_there():
    values = [
        {
            one.attrib["name"]: one.text
            for one in ElementTree.parse(ANDROID / f"app/src/main/res/{folder}/strings.xml").getroot()
        }
        for folder in ("values", "values-zh")
    ]
    assert values[0].keys() == values[1].keys()
    sources = "".join(path.read_text(encoding="utf-8") for path in (ANDROID / "app").rglob("*.java"))
    layout = (ANDROID / "app/src/main/res/layout/main.xml").read_text(encoding="utf-8")
    manifest = (ANDROID / "app/src/main/AndroidManifest.xml").read_text(encoding="utf-8")
    used = set(re.findall(r"R\.string\.(\w+)", sources)) | set(re.findall(r"@string/(\w+)", layout + manifest))
    assert used == values[0].keys()
    assert set(re.findall(r"R\.id\.(\w+)", sources)) <= set(re.findall(r"@\+id/(\w+)", layout))
    native = set(re.findall(r"static native \w+(?:\[\])? (\w+)\(", sources))
    jni = (ANDROID / "app/src/main/cpp/kit_jni.cpp").read_text(encoding="utf-8")
    assert native == set(re.findall(r"Java_edgepress_kit_Kit_(\w+)\(", jni)) and len(native) == 2


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_lines_are_short_and_ascii(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        assert len(line) <= 120 and line.isascii() and line == line.rstrip(), f"{path.name}:{number}"


def test_files_are_formatted_as_clang_format_says():
    tool = shutil.which("clang-format")
    if tool is None:
        pytest.skip("clang-format is not installed (pip install clang-format)")
    native = ANDROID / "app" / "src" / "main" / "cpp" / "kit_jni.cpp"
    style = f"--style=file:{TEMPLATES / '.clang-format'}"
    done = subprocess.run(
        [tool, style, "--dry-run", "-Werror", *map(str, OWN), str(native)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
