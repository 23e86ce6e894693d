"""The chapters on what goes in, what comes out, and which numbers to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.common.percent import percent
from core.common.text import Text, say
from core.kit.markdown import code
from core.kit.names import LABELS, POST_PROCESSING, SETTINGS
from core.kit.readmes.document import Facts, Lines, item
from core.preprocessing import CROP_SHARE
from core.tasks.base import TASK_TITLES

_FITS: Mapping[str, Text] = {
    "stretch": say("resized to the size, whatever its proportions"),
    "crop": say("resized, and the middle cut out ({share} of the shorter side)", share=percent(CROP_SHARE)),
    "pad": say("resized to fit, in the middle of a grey ground (letterbox)"),
    "pad-corner": say("resized to fit, in the upper left corner of a grey ground"),
}
_MOST_LABELS = 10


def inputs(facts: Facts) -> Lines:
    """What goes in: from the picture, or the arrays, to the tensor."""
    how = facts.settings["picture"]
    if how["takes_pictures"]:
        height, width = how["size"]
        yield item(
            say(
                "A picture, {fit}: {width} pixels wide and {height} high, with bilinear filtering.",
                fit=_FITS[how["fit"]],
                width=width,
                height=height,
            )
        )
        yield item(
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
        yield item(
            say(
                "Arrays: a {npy} file, or a {npz} file with an array for each input.",
                npy=code(".npy"),
                npz=code(".npz"),
            )
        )
    fixed = {one["name"] for one in facts.settings["fixed_inputs"]}
    for one in facts.settings["inputs"]:
        shown = _tensor(one, one["blob"])
        yield item(
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


def outputs(facts: Facts) -> Lines:
    """What comes out: the tensors, and which module makes answers of them."""
    model = facts.settings["model"]
    for one in model["blobs"] or facts.settings["outputs"]:
        yield item(say("Output {tensor}.", tensor=_tensor(one, one.get("blob"))))
    if model["post_processing"]:
        yield item(
            say(
                "ncnn cannot compute the end of the model. {file} does it afterwards, with onnxruntime: it reads these "
                "tensors and gives the boxes.",
                file=code(POST_PROCESSING),
            )
        )
    yield item(
        say("What they mean: {task}. {module} turns them into answers.", **_meaning(facts))
        if facts.task.name != "tensors"
        else say(
            "What they mean is not known here; {module} prints them as they are.", module=_meaning(facts)["module"]
        )
    )
    if facts.labels:
        shown = ", ".join(code(label) for label in facts.labels[:_MOST_LABELS] if label.strip())
        count = len(facts.labels)
        yield item(
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


def numbers(facts: Facts) -> Lines:
    """Which numbers of preprocessing.json to change."""
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
        yield from map(item, found)
        yield ""
    yield say(
        "Size, colours, mean and standard deviation belong to the model: with others its answers are wrong. The "
        "program's examples are only right with the numbers as they are."
    )


def _numbers_text(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)
