"""The README of a kit's Android project."""

from __future__ import annotations

from core.common.text import Language, say
from core.kit.markdown import code
from core.kit.names import ANDROID
from core.kit.program import ncnn_release
from core.kit.readmes.document import Facts, Lines, in_markdown, item

_NCNN = "app/src/main/cpp/ncnn"
"""Where the project looks for ncnn's package for Android."""


def android_readme(facts: Facts, language: Language) -> str:
    """The text in Markdown for the Android project."""
    sections = (
        (None, _about(facts)),
        (say("Build it"), _build()),
        (say("Good to know"), _good_to_know()),
    )
    return in_markdown(code(ANDROID), sections, language)


def _about(facts: Facts) -> Lines:
    yield say(
        "A small app for Android that picks a picture and shows the answer of {model}. It compiles the program in "
        "{cpp}, and takes the model out of this kit when it is built: keep the kit's folder whole.",
        model=code(facts.settings["model"]["files"][0]),
        cpp=code("../cpp"),
    )
    yield ""
    yield say(
        "**This project is untested.** EdgePress has never built it, as it has none of Android's tools. The C++ "
        "program that it compiles was tested on a computer; the rest is a start."
    )


def _build() -> Lines:
    yield say(
        "1. Get the package {package} of ncnn from {address}, and unpack it as {folder}, so that {inside} and the "
        "other processors lie in it.",
        package=code(f"ncnn-{ncnn_release()}-android"),
        address=code("https://github.com/Tencent/ncnn/releases"),
        folder=code(_NCNN),
        inside=code("arm64-v8a"),
    )
    yield say(
        "2. Open this folder in Android Studio (2024 or newer). It offers to install what it lacks: the SDK, and under "
        "SDK Tools the NDK and CMake."
    )
    yield say("3. Connect a phone, and press Run.")


def _good_to_know() -> Lines:
    yield item(
        say(
            "{file} names the versions of Android's tools and the processors; change them there.",
            file=code("app/build.gradle"),
        )
    )
    yield item(
        say(
            "The app turns a photo upright and shrinks a very large one before it looks at it; the answer is then that "
            "for the smaller picture."
        )
    )
