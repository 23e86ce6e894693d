"""The README of a kit: what to install, what to expect, which numbers to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.common.text import Language, Text, plural, say
from core.kit.android_project import has_project
from core.kit.cpp_program import has_program
from core.kit.markdown import code
from core.kit.names import ANDROID, CPP, EXPECTED, LABELS, POST_PROCESSING, PYTHON, SETTINGS, WEB
from core.kit.program import ncnn_release, runtimes_of
from core.kit.readmes.data import inputs, numbers, outputs
from core.kit.readmes.document import Facts, Lines, escaped, in_markdown, item
from core.kit.readmes.expectations import expectations
from core.kit.readmes.web import web_page
from core.targets import target_by_id

_README = code("README.md")


def readme(facts: Facts, language: Language) -> str:
    """The text in Markdown; names of strangers are nothing but text in it."""
    sections = (
        (None, _beginning(facts)),
        (say("Try it out"), _try_out(facts)),
        (say("The web page"), web_page(facts)),
        (say("What to expect"), expectations(facts)),
        (say("What goes in"), inputs(facts)),
        (say("What comes out"), outputs(facts)),
        (say("Which numbers to change"), numbers(facts)),
        (say("The files"), _files(facts)),
        (say("Good to know"), _notes(facts)),
    )
    return in_markdown(code(facts.settings["model"]["files"][0]), sections, language)


def _beginning(facts: Facts) -> Lines:
    yield say(
        "EdgePress made this from {model}: {target}. The folder holds all that is needed to use it, and a program that "
        "gives the same answers as EdgePress.",
        model=code(facts.report.source.path.name),
        target=target_by_id(facts.outcome.target).title,
    )


def _try_out(facts: Facts) -> Lines:
    yield say("You need Python 3.10 to 3.13. In a terminal, in this folder:")
    yield ""
    yield "```"
    yield "python -m venv env"
    yield "env/bin/python -m pip install -r python/requirements.txt"
    if facts.examples:
        yield "env/bin/python python/run.py --check"
        suffix = " --draw drawing.png" if facts.settings["picture"]["takes_pictures"] else ""
        yield f"env/bin/python python/run.py examples/{facts.examples[0]}{suffix}"
    yield "```"
    yield ""
    yield say(
        "On Windows write {windows} instead of {here}. The first line makes a Python folder of its own, the second "
        "installs {packages} into it, and nothing else of EdgePress is needed.",
        windows=code("env\\Scripts\\python"),
        here=code("env/bin/python"),
        packages=", ".join([*runtimes_of(facts.settings), "numpy", "Pillow"]),
    )
    yield ""
    if facts.examples:
        yield say(
            "{check} runs the examples and says of each whether the answer is the expected one; it ends with 0 if all "
            "are. {json} prints answers as data, {draw} draws them; {help} tells the rest.",
            check=code("--check"),
            json=code("--json"),
            draw=code("--draw OUT"),
            help=code("--help"),
        )
    else:
        yield say(
            "There are no examples in this kit, as there were no test pictures when it was made. Try it on your own: "
            "{command}",
            command=code("env/bin/python python/run.py picture.jpg"),
        )
    if facts.settings["object_crop"] is not None:
        yield ""
        yield say(
            "This model looks at one body, face or hand. Say with {box} where it is, in pixels of the picture; without "
            "it the whole picture is taken.",
            box=code("--box x1,y1,x2,y2"),
        )


def _files(facts: Facts) -> Lines:
    for name in facts.settings["model"]["files"]:
        yield item(say("{file}: the model.", file=code(name)))
    if facts.settings["model"]["post_processing"]:
        yield item(say("{file}: its post-processing, for onnxruntime.", file=code(POST_PROCESSING)))
    if facts.labels:
        yield item(say("{file}: names of the classes, or characters, one a line.", file=code(LABELS)))
    yield item(
        say(
            "{file}: everything from the picture to the tensor, and from the outputs to the answer.",
            file=code(SETTINGS),
        )
    )
    if facts.examples:
        count = len(facts.examples)
        yield item(
            plural(
                "{folder}: {count} of your test pictures, and in {file} the answer that EdgePress got for it with this "
                "file.",
                "{folder}: {count} of your test pictures, and in {file} the answers that EdgePress got for them with "
                "this file.",
                count=count,
                folder=code("examples"),
                file=code(EXPECTED),
            )
        )
    yield item(say("{folder}: the program; plain Python, to be read, changed and rewritten.", folder=code(PYTHON)))
    if facts.page:
        yield item(say("{folder}: the web page; plain JavaScript, likewise.", folder=code(WEB)))
    yield from map(item, _other_programs(facts.settings))


def _other_programs(settings: Mapping[str, Any]) -> Iterator[Text]:
    if not has_program(settings):
        yield say("There is no program in C++ for this model: the one that EdgePress has takes pictures, not arrays.")
        return
    yield say(
        "{folder}: the same program in C++; {readme} in it tells how it is built.", folder=code(CPP), readme=_README
    )
    if has_project(settings):
        yield say(
            "{folder}: a start for an app for Android; {readme} in it tells more.", folder=code(ANDROID), readme=_README
        )


def _notes(facts: Facts) -> Lines:
    if facts.settings["model"]["runtime"] == "onnx" and not facts.page:
        yield item(
            say("This kit has no web page: a page knows models that take pictures, and whose answers it can draw.")
        )
    if facts.settings["model"]["runtime"] == "ncnn":
        yield item(say("Made and tried with ncnn {release}; an older one may refuse it.", release=ncnn_release()))
    for note in facts.outcome.words.notes:
        yield item(escaped(note))
