"""Convert an ONNX model from the command line: ``python tools/export_quantize.py model.onnx --images DIR``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import signal

    # Before anything is loaded, Ctrl-C ends a command without Python's traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if __name__ == "__main__":
    from core.common.interrupt import end_when_interrupted

    end_when_interrupted()

    from core.setup.own_python import require_packages

    require_packages(Path(__file__).resolve().parent.parent)

from core.arm.check import check_on_arm
from core.common.console import Console
from core.common.errors import Cancelled, EdgePressError, OptionError
from core.common.interrupt import STOPPED, raise_when_interrupted
from core.common.path_rules import check_local
from core.common.paths import home, real_path
from core.common.serialization import to_data
from core.common.text import say
from core.common.unexpected_errors import as_readable_error
from core.html_report.finished_job import read_finished_job
from core.html_report.write import write_report
from core.inputs.fixed_inputs import fixed_inputs
from core.inputs.images import SampleCounts, read_folder
from core.inputs.infer_in_subprocess import infer_in_subprocess
from core.inputs.recognition import TaskRequest
from core.job.allowed_change import DEFAULT_CHANGE, AllowedChange, change_that_keeps
from core.job.job import Job
from core.job.outcome import Failed
from core.job.target_id import number_of, target_of
from core.job.task_name import TaskName
from core.labels.class_names import read_class_names
from core.onnx_model.source import Source
from core.preflight.in_helper import check_targets_in_helper, end_helper, inspect_in_helper
from core.preprocessing import Fit, Preprocessing
from core.quantization.observers.abs_max import METHODS
from core.queue.choose_variant import choose_variant
from core.queue.recovery import recover
from core.queue.state import JobState
from core.queue.store import JobStore
from core.queue.supervisor import run_in_foreground
from core.report.make_report import outcome_entry
from core.report.schema import read_report
from core.setup import arm
from core.targets import TARGET_IDS, in_order
from tools.console import (
    JobProgress,
    ToolConsole,
    print_job,
    print_notes,
    print_preflight,
    print_results_table,
    print_variants,
)
from tools.kits import make_kits
from tools.result_file import check_report_file, check_result_file, write_result

_INFERENCE_SECONDS = 300.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 only when every target was converted, with what was asked besides (ARM, kits)."""
    options = _parser().parse_args(arguments)
    raise_when_interrupted()
    try:
        _check_paths(options)
        recover(JobStore(home()))
        check_result_file(options.json)
        check_report_file(options.report, also_asked=options.json)
        job_id, is_checked = _run(options)
        data = JobStore(home()).report(job_id)
        report = read_report(data)
        has_kits = options.kit is None or make_kits(
            job_id, report, real_path(options.kit), has_web_runtime=options.kit_web
        )
    except KeyboardInterrupt:
        Console(sys.stderr).print(say("Stopped."))
        return STOPPED
    except Exception as exc:  # noqa: BLE001 - nobody is to see a traceback, whatever a file or a folder is like
        error = as_readable_error(exc)
        Console(sys.stderr).error(error)
        with suppress(OptionError):
            write_result(options.json, _failed_report(options, error))
        return STOPPED if isinstance(error, Cancelled) else 2
    console = ToolConsole()
    print_results_table(report, console)
    print_notes(report, console)
    print_variants(job_id, report, console)
    print_job(job_id, console)
    try:
        write_result(options.json, data)
        _write_report(job_id, options.report, console)
    except EdgePressError as exc:
        Console(sys.stderr).error(exc)
        return 2
    is_right = (
        is_checked
        and has_kits
        and all(outcome.arm is None or outcome.arm.status == "right" for outcome in report.outcomes)
    )
    return 0 if is_right and len(report.converted) == len(report.outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="export_quantize.py",
        description="Turn an ONNX model into small files for edge devices, and measure the cost.",
    )
    parser.add_argument("model", nargs="?", type=Path, help="the ONNX model")
    parser.add_argument("--onnx", type=Path, help="the ONNX model (instead of the first argument)")
    parser.add_argument(
        "--images",
        type=Path,
        help="folder with example pictures, or with .npy or .npz files for models that take no pictures; "
        "needed by onnx_quan_st and ncnn_quan",
    )
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        type=_named_value,
        metavar="NAME=VALUE",
        help="an input that is the same for every example: sr=16000, state=zeros:2,1,128",
    )
    parser.add_argument(
        "--test-images", type=Path, help="folder with other pictures to compare on (default: half of --images)"
    )
    parser.add_argument(
        "--type", nargs="+", choices=TARGET_IDS, default=["onnx_quan_dy", "onnx_quan_st"], help="what to make"
    )
    parser.add_argument("--out", type=Path, help="folder for the results (default: beside the model)")
    parser.add_argument(
        "--take",
        nargs=2,
        metavar=("JOB", "FILE"),
        help="put another file of an earlier job in the place of the one that is there, both as they were printed at "
        "the end of the job; nothing is converted",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="also write the result as a report to hand on: one file that opens in any browser and can be printed, "
        "with the figures as .csv and .json beside it",
    )
    parser.add_argument(
        "--job",
        metavar="JOB",
        help="an earlier job, by the name that was printed at its end: nothing is converted; for --report and --json",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the whole result to this file")
    parser.add_argument(
        "--kit",
        type=Path,
        metavar="DIR",
        help="also make a deployment kit of each file in this folder, as a folder and a zip: the file, what it must be "
        "fed with, three examples, and a program that gives the same answers; for pictures and ONNX a web page too",
    )
    parser.add_argument(
        "--kit-web",
        action="store_true",
        help="with --kit: put onnxruntime-web into the kits, which their web pages run with (14 MB each; 33 MB are "
        "downloaded once)",
    )
    parser.add_argument(
        "--ncnn-tools",
        default="own",
        metavar="WHICH",
        help="who makes ncnn_quan: own (default), or ncnn's tools: official (on the PATH), their folder or .zip file",
    )
    parser.add_argument(
        "--ncnn-calibration",
        default="min-max",
        choices=METHODS,
        help="how the ranges of ncnn_quan are chosen (default: min-max; ncnn's own tools always use kl)",
    )
    parser.add_argument(
        "--keep",
        type=_keep,
        default=(DEFAULT_CHANGE, None),
        metavar="PERCENT",
        help="how many of the original's answers must stay: 99.5, 99, 97 or any percentage; or how much they may "
        "change, as in the app: nothing, hardly, little, or smallest for the smallest files (default: hardly, which is "
        "99 for most tasks)",
    )
    parser.add_argument(
        "--dequantize",
        action="store_true",
        help="turn a model that is 8 bit already back to 32 bit first; its accuracy stays that of 8 bit",
    )
    parser.add_argument(
        "--check-arm",
        nargs="?",
        choices=arm.PROCESSORS,
        const=arm.PROCESSORS[0],
        metavar="PROCESSOR",
        help="also try the files on an emulated ARM processor, on ten test pictures at most (Linux; some minutes): "
        f"{arm.PROCESSORS[0]} (default; Raspberry Pi 5, newer phones) or {arm.PROCESSORS[1]} (Raspberry Pi 4); get it "
        f"once with {arm.COMMAND}",
    )
    _add_task_options(parser)
    how = parser.add_argument_group("preprocessing (what is left out is proposed from the model and the pictures)")
    how.add_argument("--size", type=_size, metavar="H,W", help="height and width in pixels; one number: a square")
    how.add_argument("--mean", type=_floats, metavar="A,B,C", help="subtracted from each channel, in units of 0 to 255")
    how.add_argument("--std", type=_floats, metavar="A,B,C", help="divides each channel, in units of 0 to 255")
    how.add_argument("--color", choices=["rgb", "bgr", "gray"], help="order of the colours")
    how.add_argument("--layout", choices=["auto", "nchw", "nhwc"], default="auto", help="place of the colour axis")
    how.add_argument("--fit", choices=get_args(Fit), help="how a picture is brought to the size")
    return parser


def _add_task_options(parser: argparse.ArgumentParser) -> None:
    task = parser.add_argument_group("task (what the model is for; recognised from its outputs and names)")
    task.add_argument("--task", choices=["auto", *get_args(TaskName)], default="auto", help="what the model is for")
    task.add_argument(
        "--score", type=_share, metavar="S", help="least score of an object, a point or a decision, 0 to 1"
    )
    task.add_argument(
        "--class-names", type=Path, metavar="FILE", help="names of the classes, or the characters: one a line, or YAML"
    )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from exc
    if not 0.0 < share < 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return share


def _keep(text: str) -> tuple[AllowedChange, float | None]:
    """``99.5`` is a percentage of the answers; the words are those of the app's choices."""
    for change in get_args(AllowedChange):
        if text == change:
            return change, None
    try:
        percentage = float(text.removesuffix("%"))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a percentage nor one of {', '.join(get_args(AllowedChange))}"
        ) from exc
    if not 50.0 <= percentage <= 100.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 50 and 100 percent")
    return change_that_keeps(percentage / 100), percentage / 100


def _named_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    return name, value


def _size(text: str) -> tuple[int, int]:
    """``224,160`` is height and width; ``224`` is a square."""
    numbers = _floats(text if "," in text else f"{text},{text}")
    if len(numbers) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not height,width")
    return int(numbers[0]), int(numbers[1])


def _floats(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers with commas between them") from exc


def _job(options: argparse.Namespace) -> Job:
    """The job of these options; the model is inspected here and nowhere else."""
    path = options.model or options.onnx
    if path is None or (options.model and options.onnx):
        raise OptionError(
            say("Give exactly one ONNX model."),
            next_step=say("For example: python tools/export_quantize.py model.onnx"),
        )
    source = replace(inspect_in_helper(real_path(path)), dequantize=options.dequantize)
    counts = [None if folder is None else len(read_folder(folder).files) for folder in _folders(options)]
    inputs = dict(options.input)
    fixed_inputs(source, inputs)  # raises at once where something is wrong with them
    request = TaskRequest(
        None if options.task == "auto" else options.task,
        options.score,
        () if options.class_names is None else read_class_names(options.class_names),
    )
    preprocessing = _preprocessing(source, options, request)
    targets = in_order(options.type)
    return Job(
        source=source.path,
        targets=targets,
        preprocessing=preprocessing,
        out=real_path(options.out or path.parent),
        images=_resolved(options.images),
        test_images=_resolved(options.test_images),
        inputs=inputs,
        task=request.name,
        score=request.score,
        class_names=request.class_names,
        ncnn_tools=_tools(options.ncnn_tools),
        ncnn_calibration=options.ncnn_calibration,
        change=options.keep[0],
        keep=options.keep[1],
        dequantize=options.dequantize,
        model=source,
        preflight=check_targets_in_helper(
            source,
            samples=SampleCounts.expected(counts[0] or 0, counts[1]),
            given=inputs,
            targets=targets,
            size=preprocessing.size,
        ),
    )


def _check_paths(options: argparse.Namespace) -> None:
    """Before anything looks at them."""
    if options.kit_web and options.kit is None:
        raise OptionError(
            say("--kit-web says what goes into a kit, but no kit is asked for."),
            next_step=say("Give --kit with a folder too."),
        )
    results = (options.json, options.report, options.kit)
    paths = (options.model, options.onnx, *_folders(options), options.out, *results, options.class_names)
    for path in (*paths, options.ncnn_tools):
        check_local(path or "")


def _folders(options: argparse.Namespace) -> tuple[Path | None, Path | None]:
    return options.images, options.test_images


def _tools(choice: str) -> str:
    """A path is relative to the current folder, not to the worker's."""
    return choice if choice in ("own", "official") else str(real_path(Path(choice)))


def _resolved(path: Path | None) -> Path | None:
    return None if path is None else real_path(path)


def _preprocessing(source: Source, options: argparse.Namespace, request: TaskRequest) -> Preprocessing:
    """The values of the options; what they leave out is inferred from the model and the pictures."""
    # With mean or std given no picture needs to be run: the rest follows from the model's shapes.
    images, test_images = (None, None) if options.mean or options.std else (options.images, options.test_images)
    proposal = infer_in_subprocess(
        source, images, test_images=test_images, size=options.size, request=request, timeout=_INFERENCE_SECONDS
    )
    preprocessing = proposal.preprocessing.overridden(
        size=options.size,
        fit=options.fit,
        color=options.color,
        layout=None if options.layout == "auto" else options.layout,
        mean=options.mean,
        std=options.std,
    )
    source.check_preprocessing(preprocessing)
    return preprocessing


def _convert(options: argparse.Namespace) -> tuple[str, bool]:
    """Run the job in a worker process, and wait for it; then try its files on ARM if that was asked for.

    Returns:
        The job's id, and whether its files were tried, if they were to be.
    """
    processor = options.check_arm
    if processor is not None:
        arm.require()
    job = _job(options)
    print_preflight(job.preflight, Console(sys.stderr))
    end_helper()
    store = JobStore(home())
    with JobProgress(ToolConsole(sys.stderr)) as progress:
        job_id, state = run_in_foreground(store, job, partial(_show_state, progress))
    is_checked = state.status != "done" or processor is None or _check_on_arm(store.folder(job_id), processor)
    if state.status != "done" or store.report(job_id) is None:
        ended = Cancelled if state.status == "cancelled" else EdgePressError
        raise ended(
            state.reason or say("The conversion was stopped."),
            next_step=state.next_step or say("Start it again."),
            detail=state.detail,
        )
    return job_id, is_checked


def _run(options: argparse.Namespace) -> tuple[str, bool]:
    """The job that the results are of: a new one, or an earlier one; and as :func:`_convert`."""
    if options.job is None:
        return _take(*options.take) if options.take else _convert(options)
    if options.take or options.model or options.onnx:
        raise OptionError(
            say("--job is for a job that is finished: it takes neither a model nor --take."),
            next_step=say("For example: python tools/export_quantize.py --job JOB --report report.html"),
        )
    return _finished(options.job), True


def _finished(job_id: str) -> str:
    """The id of an earlier job.

    Raises:
        InputError: there is none, or it has no results.
    """
    read_finished_job(JobStore(home()).open(job_id))
    return job_id


def _write_report(job_id: str, path: Path | None, console: Console) -> None:
    """Write the report to hand on, in the language of the console; nothing happens without a path."""
    if path is None:
        return
    files = write_report(JobStore(home()).folder(job_id), path.absolute(), console.language)
    console.write("")
    console.print(say("The report to hand on:"))
    for file in files.all:
        console.write(f"  {file}")


def _take(job_id: str, file: str) -> tuple[str, bool]:
    """Put another file of an earlier job in the place of the one that is in use."""
    number = number_of(file)
    if number is None:
        raise OptionError(
            say('"{file}" is not the name of one of the files to choose from.', file=file),
            next_step=say("Take the job and the file as they are printed at the end of a conversion."),
        )
    choose_variant(JobStore(home()), job_id, target_of(file), number)
    return job_id, True


def _check_on_arm(folder: Path, processor: str) -> bool:
    """Whether that worked; where it did not, the files that were made are as good as before."""
    try:
        with JobProgress(ToolConsole(sys.stderr)) as progress:
            check_on_arm(folder, processor, progress=progress.update)
    except EdgePressError as error:
        Console(sys.stderr).error(error)
        return False
    return True


def _show_state(progress: JobProgress, state: JobState) -> None:
    if state.message is not None:
        progress.update(state.fraction, state.message)


def _failed_report(options: argparse.Namespace, error: EdgePressError) -> dict[str, Any]:
    """The JSON of a job that never started: every target failed for the same reason."""
    failed = [Failed(target, error.reason, error.next_step, error.detail) for target in in_order(options.type)]
    return {
        "source": {"path": str(options.model or options.onnx)},
        "preprocessing": None,
        "preflight": [],
        "outcomes": to_data([outcome_entry(outcome) for outcome in failed]),
    }


if __name__ == "__main__":
    sys.exit(main())
