"""The README of a kit, in English and in Chinese: what to install, what to expect, which numbers to change."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.common.percent import percent
from core.common.processor import processor_name
from core.common.text import LANGUAGES, Language, Text, plural, say
from core.job.comparison import Latency
from core.kit.android_project import has_project
from core.kit.cpp_program import has_program
from core.kit.markdown import code, plain
from core.kit.names import ANDROID, CPP, EXPECTED, LABELS, POST_PROCESSING, PYTHON, SETTINGS, WEB
from core.kit.web import RUNTIME
from core.preprocessing import CROP_SHARE
from core.report.schema import ComparisonEntry, OutcomeEntry, Report
from core.report.wording import AGREEMENT_TITLES, TRUTH_TITLES, difference, with_interval
from core.setup import web_runtime
from core.targets import target_by_id
from core.tasks.base import TASK_TITLES, AnyTask

_FITS: Mapping[str, Text] = {
    "stretch": say("resized to the size, whatever its proportions"),
    "crop": say("resized, and the middle cut out ({share} of the shorter side)", share=percent(CROP_SHARE)),
    "pad": say("resized to fit, in the middle of a grey ground (letterbox)"),
    "pad-corner": say("resized to fit, in the upper left corner of a grey ground"),
}
_MOST_LABELS = 10
_README = code("README.md")


@dataclass(frozen=True)
class Facts:
    """What a README tells."""

    outcome: OutcomeEntry
    report: Report
    task: AnyTask
    settings: Mapping[str, Any]
    labels: Sequence[str]
    examples: Sequence[str]
    """Names of the example files."""

    page: Sequence[Path] = ()
    """Files of the web page; none where there is no page for this model."""

    has_web_runtime: bool = False


def readme_name(language: Language) -> str:
    """README.md in English, README.zh.md in Chinese."""
    return "README.md" if language == "en" else f"README.{language}.md"


def readme(facts: Facts, language: Language) -> str:
    """The text in Markdown; names of strangers are nothing but text in it."""
    sections = (
        (None, _beginning(facts)),
        (say("Try it out"), _try_out(facts)),
        (say("The web page"), _web_page(facts)),
        (say("What to expect"), _expectations(facts)),
        (say("What goes in"), _inputs(facts)),
        (say("What comes out"), _outputs(facts)),
        (say("Which numbers to change"), _numbers(facts)),
        (say("The files"), _files(facts)),
        (say("Good to know"), _notes(facts)),
    )
    return in_markdown(code(facts.settings["model"]["files"][0]), sections, language)


def in_markdown(title: str, sections: Iterable[tuple[Text | None, Iterable[str | Text]]], language: Language) -> str:
    """Title and sections, of which those that are empty are left out.

    Args:
        title: in Markdown.
        sections: heading, None for the first one, and lines.
        language: of the text.
    """
    lines = [f"# {title}", "", _other_languages(language)]
    for heading, body in sections:
        shown = [one if isinstance(one, str) else one.in_language(language) for one in body]
        if shown:
            lines += ["", *([] if heading is None else [f"## {heading.in_language(language)}", ""]), *shown]
    return "\n".join(lines) + "\n"


_Lines = Iterator[str | Text]


def _other_languages(language: Language) -> str:
    return " · ".join(
        name if code_ == language else f"[{name}]({readme_name(code_)})" for code_, name in LANGUAGES.items()
    )


def _item(text: Text) -> Text:
    return Text("- {text}", {"text": text})


def _beginning(facts: Facts) -> _Lines:
    yield say(
        "EdgePress made this from {model}: {target}. The folder holds all that is needed to use it, and a program that "
        "gives the same answers as EdgePress.",
        model=code(facts.report.source.path.name),
        target=target_by_id(facts.outcome.target).title,
    )


def _try_out(facts: Facts) -> _Lines:
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
        packages=_packages(facts.settings),
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


def _web_page(facts: Facts) -> _Lines:
    if not facts.page:
        return
    yield say(
        "{folder} is a page that does the same in a browser, on a computer or a phone: choose a picture and see the "
        "answer. Nothing is sent anywhere. Start it in this folder, with any Python 3 and nothing installed:",
        folder=code(WEB),
    )
    yield ""
    yield "```"
    yield f"python {WEB}/serve.py"
    yield "```"
    yield ""
    if not facts.has_web_runtime:
        yield from _missing_runtime()
    yield say(
        "A browser does not let a page read files from the disk, hence this small server, which only this computer can "
        "open. For others to use the page, put this whole folder on a web server with HTTPS. The headers that {file} "
        "sends let the page use several processor cores; it works without them too.",
        file=code(f"{WEB}/serve.py"),
    )
    yield ""
    yield say(
        "The page runs the file with onnxruntime-web in WebAssembly, which takes several times as long as {program}. "
        "It reads the kinds of pictures that the browser knows, in most of them no TIFF.",
        program=code("python/run.py"),
    )


def _missing_runtime() -> _Lines:
    where = f"{WEB}/{RUNTIME}"
    yield say(
        "It needs onnxruntime-web first, which is not in this kit. Put these files of its folder {dist} into {folder}:",
        dist=code("dist"),
        folder=code(where),
    )
    yield ""
    for name in web_runtime.FILES:
        yield f"- {code(name)}"
    yield ""
    yield say(
        "{pack} fetches the package; unpack the file that it writes. Or let EdgePress put them in: with the button on "
        "the page of results, or with {option}.",
        pack=code(f"npm pack {web_runtime.PACKAGE}"),
        option=code("--kit-web"),
    )
    yield ""


def _packages(settings: Mapping[str, Any]) -> str:
    names = ["onnxruntime"] if settings["model"]["runtime"] == "onnx" else ["ncnn"]
    names += ["onnxruntime"] if settings["model"]["post_processing"] else []
    return ", ".join([*names, "numpy", "Pillow"])


def _expectations(facts: Facts) -> _Lines:
    outcome, source = facts.outcome, facts.report.source
    share = outcome.size_share(source)
    size = _size(outcome.size_bytes or 0)
    yield _item(
        say("Size: {size}.", size=size)
        if share is None
        else say("Size: {size}, {share} of the original.", size=size, share=f"{share:.0%}")
    )
    comparison = outcome.comparison
    if comparison is None:
        return
    yield from map(_item, _answers(comparison, facts))
    if comparison.latency_ms is not None:
        yield _item(_time(comparison.latency_ms))
        yield _item(say("Another processor takes another time: measure on your device."))
    if outcome.arm is not None:
        yield _item(say("On an emulated ARM processor: {verdict}", verdict=_escaped(outcome.arm.words)))


def _answers(comparison: ComparisonEntry, facts: Facts) -> Iterator[Text]:
    agreement = comparison.agreement
    if agreement is not None:
        yield say(
            "{what}: {value} of the original's, on {count} test examples (in brackets the 95% interval).",
            what=AGREEMENT_TITLES[agreement.metric],
            value=with_interval(agreement),
            count=agreement.samples,
        )
    else:
        yield say(
            "Similarity of its numbers with the original's (cosine): {value}. That is not accuracy.",
            value=f"{comparison.cosine:.5f}",
        )
    for figure in comparison.truth:
        by = difference(figure)
        title, value = TRUTH_TITLES[figure.metric], percent(figure.value)
        if by is None:
            yield say("{title}: {own}.", title=title, own=value)
        else:
            yield say("{title}: {own}; against the original: {difference}.", title=title, own=value, difference=by)
    if not comparison.images:
        yield say("There were no test pictures: it was compared on random inputs only.")
    elif facts.task.name == "tensors":
        yield say("What the outputs mean is not known, so numbers were compared, not answers.")


def _time(latency: Latency) -> Text:
    return say(
        "Time of one run: {one} ms on one core, {all} ms on {threads}, of this processor: {processor}.",
        one=f"{latency.median_one_thread:.1f}",
        all=f"{latency.median_all_threads:.1f}",
        threads=latency.threads,
        processor=code(processor_name() or platform.machine()),
    )


def _inputs(facts: Facts) -> _Lines:
    how = facts.settings["picture"]
    if how["takes_pictures"]:
        height, width = how["size"]
        yield _item(
            say(
                "A picture, {fit}: {width} pixels wide and {height} high, with bilinear filtering.",
                fit=_FITS[how["fit"]],
                width=width,
                height=height,
            )
        )
        yield _item(
            say(
                "Colours in the order {color}, axes {layout}; from each value (0 to 255) the mean {mean} is "
                "subtracted, and the rest divided by the standard deviation {std}.",
                color=code(how["color"]),
                layout=code(how["layout"].upper()),
                mean=_numbers_text(how["mean"]),
                std=_numbers_text(how["std"]),
            )
        )
    else:
        yield _item(
            say(
                "Arrays: a {npy} file, or a {npz} file with an array for each input.",
                npy=code(".npy"),
                npz=code(".npz"),
            )
        )
    fixed = {one["name"] for one in facts.settings["fixed_inputs"]}
    for one in facts.settings["inputs"]:
        shown = _tensor(one, one["blob"])
        yield _item(
            say("Input {tensor}: always the same, see {key}.", tensor=shown, key=code("fixed_inputs"))
            if one["name"] in fixed
            else say("Input {tensor}.", tensor=shown)
        )


def _tensor(one: Mapping[str, Any], blob: str | None) -> str:
    shape = " x ".join(map(str, one["shape"]))
    told = f"{code(one['name'])}, {code(shape)}" + (f", {one['dtype']}" if "dtype" in one else "")
    if blob is None:
        return told
    size = f", {code(' x '.join(map(str, one['blob_shape'])))}" if "blob_shape" in one else ""
    return f"{told}; ncnn: {code(blob)}{size}"


def _outputs(facts: Facts) -> _Lines:
    model = facts.settings["model"]
    for one in model["blobs"] or facts.settings["outputs"]:
        yield _item(say("Output {tensor}.", tensor=_tensor(one, one.get("blob"))))
    if model["post_processing"]:
        yield _item(
            say(
                "ncnn cannot compute the end of the model. {file} does it afterwards, with onnxruntime: it reads these "
                "tensors and gives the boxes.",
                file=code(POST_PROCESSING),
            )
        )
    yield _item(
        say("What they mean: {task}. {module} turns them into answers.", **_meaning(facts))
        if facts.task.name != "tensors"
        else say(
            "What they mean is not known here; {module} prints them as they are.", module=_meaning(facts)["module"]
        )
    )
    if facts.labels:
        shown = ", ".join(code(label) for label in facts.labels[:_MOST_LABELS] if label.strip())
        count = len(facts.labels)
        yield _item(
            say(
                "The names of its classes are in {file}: {names}{more}",
                file=code(LABELS),
                names=shown,
                more=_more(count),
            )
        )


def _meaning(facts: Facts) -> dict[str, Any]:
    head = facts.settings["task"].get("head")
    module = f"python/head_{head['module']}.py" if head else f"python/task_{facts.settings['task']['module']}.py"
    return {"task": TASK_TITLES[facts.task.name], "module": code(module)}


def _more(count: int) -> str:
    return f" … ({count})" if count > _MOST_LABELS else ""


def _numbers(facts: Facts) -> _Lines:
    """Of preprocessing.json."""
    task = facts.settings["task"]
    found: list[Text] = []
    if task.get("score") is not None and task.get("multi_label", True):
        found.append(
            say("{key} ({value}): from which score on something counts.", key=code("task.score"), value=task["score"])
        )
    if task.get("head", {}).get("nms_iou") is not None:
        found.append(
            say(
                "{key} ({value}): overlap (IoU) from which the weaker one of two boxes goes.",
                key=code("task.head.nms_iou"),
                value=task["head"]["nms_iou"],
            )
        )
    if found:
        yield say("All numbers are in {file}; these can be changed without a new conversion:", file=code(SETTINGS))
        yield ""
        yield from map(_item, found)
        yield ""
    yield say(
        "Size, colours, mean and standard deviation belong to the model: with others its answers are wrong. The "
        "program's examples are only right with the numbers as they are."
    )


def _files(facts: Facts) -> _Lines:
    for name in facts.settings["model"]["files"]:
        yield _item(say("{file}: the model.", file=code(name)))
    if facts.settings["model"]["post_processing"]:
        yield _item(say("{file}: its post-processing, for onnxruntime.", file=code(POST_PROCESSING)))
    if facts.labels:
        yield _item(say("{file}: names of the classes, or characters, one a line.", file=code(LABELS)))
    yield _item(
        say(
            "{file}: everything from the picture to the tensor, and from the outputs to the answer.",
            file=code(SETTINGS),
        )
    )
    if facts.examples:
        count = len(facts.examples)
        yield _item(
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
    yield _item(say("{folder}: the program; plain Python, to be read, changed and rewritten.", folder=code(PYTHON)))
    if facts.page:
        yield _item(say("{folder}: the web page; plain JavaScript, likewise.", folder=code(WEB)))
    yield from map(_item, _other_programs(facts.settings))


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


def _notes(facts: Facts) -> _Lines:
    if facts.settings["model"]["runtime"] == "onnx" and not facts.page:
        yield _item(
            say("This kit has no web page: a page knows models that take pictures, and whose answers it can draw.")
        )
    for note in facts.outcome.words.notes:
        yield _item(_escaped(note))


def _escaped(text: Text) -> Text:
    """With its values, which may be names of strangers, as nothing but text."""
    values = {
        name: _escaped(value) if isinstance(value, Text) else plain(value) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return Text(text.template, values)


def _numbers_text(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e4 else f"{count / 1e3:.1f} kB"
