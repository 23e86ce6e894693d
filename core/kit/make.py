"""Make the deployment kit of one file of a finished job."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.common.errors import ConversionError, InputError
from core.common.paths import output_stem
from core.common.progress import Progress, portion, silent
from core.common.text import LANGUAGES, say
from core.job.job import Job
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.kit import android_project, cpp_program
from core.kit.examples import Example, find_examples
from core.kit.names import (
    ANDROID,
    CPP,
    EXAMPLES,
    EXPECTED,
    LABELS,
    POST_PROCESSING,
    PYTHON,
    SETTINGS,
    kit_name,
    portable_name,
)
from core.kit.program import modules_of, requirements_of
from core.kit.readmes.android import android_readme
from core.kit.readmes.cpp import cpp_readme
from core.kit.readmes.document import Facts, readme_name
from core.kit.readmes.kit import readme
from core.kit.settings import labels_of, settings_of
from core.kit.web import page_files, write_page
from core.kit.write import KitPaths, clean_up, new_token, write_kit
from core.process.subprocess_call import call_in_subprocess, never_cancelled
from core.queue.job_folder import JobFolder
from core.report.schema import OutcomeEntry, Report, read_report
from core.runner import open_context, recognize_task
from core.setup import web_runtime
from core.setup.fetched_folder import remove_unfinished
from core.targets import TARGET_IDS, target_by_id

_TIMEOUT = 3600.0
_READ, _RUN, _FETCHED = 0.3, 0.7, 0.9
"""Fractions of the progress bar when the model is known, when the examples have run, and when all parts are there."""


def make_kit(
    folder: Path,
    target: TargetId,
    out: Path,
    has_web_runtime: bool = False,
    *,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = never_cancelled,
) -> KitPaths:
    """Make a kit in a process of its own, in which the model is run.

    Args:
        folder: of the job, which is done.
        target: whose file it is for.
        out: where the kit's folder and its zip are put.
        has_web_runtime: whether onnxruntime-web goes into the kit's web page; it is fetched where it is not there yet.
        progress: called at every step.
        cancelled: polled ten times a second; once it returns true, nothing is left.

    Raises:
        EdgePressError: as :func:`make_kit_here`.
        Cancelled: ``cancelled`` returned true.
    """
    token = new_token()
    try:
        name = call_in_subprocess(
            "make",
            {
                "folder": str(folder),
                "target": target,
                "out": str(out),
                "has_web_runtime": has_web_runtime,
                "token": token,
            },
            timeout=_TIMEOUT,
            command=[sys.executable, "-m", "core.kit"],
            progress=progress,
            cancelled=cancelled,
        )
    finally:
        clean_up(out, token)
        if has_web_runtime:
            remove_unfinished(web_runtime.folder())
    return KitPaths.of(out, name)


def make_kit_here(
    folder: Path,
    target: TargetId,
    out: Path,
    progress: Progress = silent,
    *,
    has_web_runtime: bool = False,
    token: str = "",
) -> KitPaths:
    """Make a kit in this process, which the model's runtime may crash.

    Raises:
        InputError: the job, its source, its samples or the file cannot be read any more.
        ConversionError: the file does not run, or is replaced meanwhile, or the disk is full.
        OptionError: something else has the kit's name.
        ToolError: onnxruntime-web is asked for, and could not be fetched.
    """
    job_folder = JobFolder(folder)
    report, job = _report(job_folder), job_folder.job()
    outcome = _outcome(report, job, target)
    artifact = _artifact(outcome, folder)
    stamps = _stamps(artifact)
    progress(0.0, say("Reading the original and the test examples"))
    work = Path(tempfile.mkdtemp(prefix="edgepress-kit-"))
    try:
        context, folders = open_context(job, work)
        task = recognize_task(job, context, folders)
        progress(_READ, say("Running the file on the examples"))
        labels = labels_of(task)
        settings = settings_of(artifact, context, task)
        examples = find_examples(
            target_by_id(target), artifact, context, task, labels=labels, progress=portion(progress, _READ, _RUN)
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    page = page_files(settings)
    has_web_runtime = has_web_runtime and bool(page)
    if has_web_runtime:
        web_runtime.create(portion(progress, _RUN, _FETCHED))
    progress(_FETCHED, say("Writing the kit"))
    paths = KitPaths.of(out, kit_name(target, artifact.files))
    names = [f"example_{number}{one.file.suffix.lower()}" for number, one in enumerate(examples, 1)]
    facts = Facts(outcome, report, task, settings, labels, names, page, has_web_runtime)

    def fill(made: Path) -> None:
        _fill(made, artifact, facts, examples)
        if _stamps(artifact) != stamps:
            raise ConversionError(
                say("The file was replaced while its kit was being made."), next_step=say("Make the kit again.")
            )

    write_kit(fill, paths, token=token)
    return paths


def kit_paths(outcome: OutcomeEntry, out: Path) -> KitPaths:
    """Where the kit of a file lies, if it was made."""
    return KitPaths.of(out, kit_name(outcome.target, outcome.files))


def _report(job_folder: JobFolder) -> Report:
    data = job_folder.report()
    if data is None:
        raise InputError(
            say("This job has no files that a kit could be made of."), next_step=say("Choose one that is done.")
        )
    return read_report(data)


def _outcome(report: Report, job: Job, target: TargetId) -> OutcomeEntry:
    """The entry of the file, by the name that its target gives it: paths in a report may point anywhere."""
    found = next((one for one in report.converted if one.target == target and target in TARGET_IDS), None)
    names = () if found is None else target_by_id(target).file_names(output_stem(job.source))
    if found is None or tuple(file.name for file in found.files) != names:
        raise InputError(
            say("This job has no files that a kit could be made of."), next_step=say("Choose one that is done.")
        )
    return found


def _artifact(outcome: OutcomeEntry, folder: Path) -> Artifact:
    """The file with its post-processing, which is in the job's folder, whatever the report says."""
    artifact, cut = outcome.artifact, outcome.cut
    if cut is not None and cut.model is not None:
        artifact = replace(artifact, cut=replace(cut, model=folder / cut.model.name))
    needed = [*artifact.files, *([] if artifact.cut is None or artifact.cut.model is None else [artifact.cut.model])]
    missing = [file.name for file in needed if not file.is_file()]
    if missing:
        raise InputError(
            say("The file {name} is no longer where it was written.", name=missing[0]),
            next_step=say("Start the conversion again."),
        )
    return artifact


def _stamps(artifact: Artifact) -> list[tuple[int, int]]:
    """By which another file under the same name is told: another variant may be put in its place at any time."""
    return [(found.st_mtime_ns, found.st_size) for found in (file.stat() for file in artifact.files)]


def _fill(made: Path, artifact: Artifact, facts: Facts, examples: Sequence[Example]) -> None:
    """Write everything into the folder."""
    for file in artifact.files:
        shutil.copyfile(file, made / portable_name(file))
    if artifact.cut is not None and artifact.cut.model is not None:
        shutil.copyfile(artifact.cut.model, made / POST_PROCESSING)
    if facts.labels:
        _write(made / LABELS, "".join(f"{label}\n" for label in facts.labels))
    _write(made / SETTINGS, _json(facts.settings))
    _fill_examples(made / EXAMPLES, facts.examples, examples)
    program = made / PYTHON
    program.mkdir()
    for module in modules_of(facts.settings):
        shutil.copyfile(module, program / module.name)
    _write(program / "requirements.txt", requirements_of(facts.settings))
    if cpp_program.has_program(facts.settings):
        cpp_program.write_program(made / CPP, facts.settings)
    if android_project.has_project(facts.settings):
        android_project.write_project(made / ANDROID)
    if facts.page:
        write_page(made, facts.page, has_runtime=facts.has_web_runtime)
    _fill_readmes(made, facts)


def _fill_readmes(made: Path, facts: Facts) -> None:
    texts = {made: readme, made / CPP: cpp_readme, made / ANDROID: android_readme}
    for folder, text in texts.items():
        if folder.is_dir():
            for language in LANGUAGES:
                _write(folder / readme_name(language), text(facts, language))


def _fill_examples(folder: Path, names: Sequence[str], examples: Sequence[Example]) -> None:
    folder.mkdir()
    for name, example in zip(names, examples, strict=True):
        shutil.copyfile(example.file, folder / name)
    expected = [
        {"file": name, **({} if one.box is None else {"box": list(one.box)}), "answer": one.answer}
        for name, one in zip(names, examples, strict=True)
    ]
    _write(folder / EXPECTED, _json({"examples": expected}))


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> None:
    """With the same line ends on every system."""
    path.write_bytes(text.encode("utf-8", errors="backslashreplace"))
