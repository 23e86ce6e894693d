"""The README of a kit's C++ program: the commands for each system."""

from __future__ import annotations

from collections.abc import Iterator

from core.common.text import Language, Text, say
from core.kit.markdown import code
from core.kit.names import CPP, POST_PROCESSING, SETTINGS
from core.kit.program import ncnn_release, runtimes_of
from core.kit.readmes.document import Facts, Lines, in_markdown, item


def cpp_readme(facts: Facts, language: Language) -> str:
    """The text in Markdown for the C++ program."""
    sections = (
        (None, _about(facts)),
        (say("On Linux and a Raspberry Pi"), _linux(facts)),
        (say("On macOS"), _macos(facts)),
        (say("On Windows"), _windows(facts)),
        (say("Good to know"), _good_to_know(is_ncnn=facts.settings["model"]["runtime"] == "ncnn")),
    )
    return in_markdown(code(CPP), sections, language)


def _about(facts: Facts) -> Lines:
    yield say(
        "The program in C++17: from the picture to the answer, with {runtimes}. It prints the same JSON as {python}, "
        "and reads the same {settings}: numbers are changed there, without compiling again.",
        runtimes=" + ".join(runtimes_of(facts.settings)),
        python=code("python/run.py"),
        settings=code(SETTINGS),
    )
    yield ""
    yield say(
        "You need CMake 3.14 or newer, and a compiler: GCC 9, Clang 10, or Visual Studio 2019, or newer ones. The "
        "lines below are meant for a terminal in this folder."
    )
    if facts.settings["model"]["post_processing"]:
        yield ""
        yield say(
            "ncnn cannot compute the end of this model: {file} does it afterwards, so both ncnn and onnxruntime are "
            "needed.",
            file=code(POST_PROCESSING),
        )


def _linux(facts: Facts) -> Lines:
    yield from _commands(facts, "sudo apt install build-essential cmake git", "$HOME", "$(nproc)", "linux-x64")
    yield ""
    if "onnxruntime" in runtimes_of(facts.settings):
        yield say(
            "On a Raspberry Pi these are the same lines, with a 64-bit system; for onnxruntime take the package {arm} "
            "instead of {other}. A Pi with 1 GB of memory compiles with {jobs}.",
            arm=code("linux-aarch64"),
            other=code("linux-x64"),
            jobs=code("-j 1"),
        )
    else:
        yield say(
            "On a Raspberry Pi these are the same lines, with a 64-bit system. A Pi with 1 GB of memory compiles with "
            "{jobs}.",
            jobs=code("-j 1"),
        )


def _macos(facts: Facts) -> Lines:
    yield from _commands(facts, "xcode-select --install; brew install cmake", "$HOME", "4", "osx-arm64")


def _commands(facts: Facts, tools: str, home: str, jobs: str, package: str) -> Lines:
    names = runtimes_of(facts.settings)
    found = {"ncnn": f"-Dncnn_DIR={home}/ncnn/lib/cmake/ncnn", "onnxruntime": f"-Donnxruntime_DIR={home}/onnxruntime"}
    if "onnxruntime" in names:
        yield _get_onnxruntime(package, f"{home}/onnxruntime")
        yield ""
    yield "```"
    yield tools
    if "ncnn" in names:
        yield f"git clone --depth 1 -b {ncnn_release()} https://github.com/Tencent/ncnn.git {home}/ncnn-source"
        yield (
            f"cmake -S {home}/ncnn-source -B {home}/ncnn-build -DCMAKE_BUILD_TYPE=Release "
            f"-DCMAKE_INSTALL_PREFIX={home}/ncnn -DNCNN_VULKAN=OFF -DNCNN_BUILD_TOOLS=OFF -DNCNN_BUILD_EXAMPLES=OFF "
            "-DNCNN_BUILD_BENCHMARK=OFF"
        )
        yield f"cmake --build {home}/ncnn-build --target install -j {jobs}"
    yield f"cmake -B build -DCMAKE_BUILD_TYPE=Release {' '.join(found[name] for name in names)}"
    yield f"cmake --build build -j {jobs}"
    yield from _try_out(facts, "./build/run")
    yield "```"


def _get_onnxruntime(package: str, folder: str) -> Text:
    return say(
        "Get the package {package} of onnxruntime from {address}, and unpack it as {folder}, so that "
        "{include} and {lib} lie in it.",
        package=code(f"onnxruntime-{package}"),
        address=code("https://github.com/microsoft/onnxruntime/releases"),
        folder=code(folder),
        include=code("include"),
        lib=code("lib"),
    )


def _windows(facts: Facts) -> Lines:
    names = runtimes_of(facts.settings)
    found = {"ncnn": "-Dncnn_DIR=C:\\ncnn\\x64\\lib\\cmake\\ncnn", "onnxruntime": "-Donnxruntime_DIR=C:\\onnxruntime"}
    if "ncnn" in names:
        yield say(
            "Get the package {package} of ncnn from {address}, for your year of Visual Studio, and unpack it as "
            "{folder}, so that {inside} lies in it.",
            package=code(f"ncnn-{ncnn_release()}-windows-vs2022"),
            address=code("https://github.com/Tencent/ncnn/releases"),
            folder=code("C:\\ncnn"),
            inside=code("x64"),
        )
        yield ""
    if "onnxruntime" in names:
        yield _get_onnxruntime("win-x64", "C:\\onnxruntime")
        yield ""
    yield say("In the {prompt} of Visual Studio:", prompt=code("x64 Native Tools Command Prompt"))
    yield ""
    yield "```"
    yield f"cmake -B build {' '.join(found[name] for name in names)}"
    yield "cmake --build build --config Release"
    yield from (line.replace("/", "\\") for line in _try_out(facts, "build/Release/run"))
    yield "```"


def _try_out(facts: Facts, program: str) -> Iterator[str]:
    if facts.examples:
        yield f"{program} --check"
        yield f"{program} ../examples/{facts.examples[0]}"
    else:
        yield f"{program} picture.jpg"


def _good_to_know(*, is_ncnn: bool) -> Lines:
    yield item(
        say(
            "{json} prints answers as data, {threads} takes more cores, {help} tells the rest. Drawing is left to the "
            "Python program.",
            json=code("--json"),
            threads=code("--threads N"),
            help=code("--help"),
        )
    )
    yield item(
        say(
            "It reads JPEG, PNG and BMP with stb_image, whose JPEG decoder rounds some values differently from the one "
            "that the Python program uses: scores may differ in the third digit. PNG and BMP are the same to the bit."
        )
    )
    if is_ncnn:
        yield item(
            say(
                "The release of ncnn above is the one with which the file was made and tried. Older ones may refuse "
                "it.",
            )
        )
        yield item(
            say(
                "Pictures are resized as Pillow does it, which averages when it shrinks. {file} says which line to "
                "change for ncnn's own, which is faster and gives slightly other answers.",
                file=code("preprocessing.h"),
            )
        )
    else:
        yield item(
            say(
                "Pictures are resized as Pillow does it, which averages when it shrinks: see {file}.",
                file=code("preprocessing.h"),
            )
        )
    yield item(
        say(
            "In your own program, include {header}: {class_} has the model loaded, and {function} answers for a "
            "picture in memory.",
            header=code("kit.h"),
            class_=code("Kit"),
            function=code("Kit::answer"),
        )
    )
    yield item(say("{file} tells the licences of what others wrote.", file=code("third_party/LICENSES.txt")))
