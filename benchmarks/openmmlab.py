"""Export models of the OpenMMLab zoo and make the six targets of them: ``python benchmarks/openmmlab.py [NAME ...]``.

The configs are those in the wheels; each model gets random weights, saved as a checkpoint (random_checkpoint.py). Then
follows what a person does: export, which verifies against PyTorch, and a whole job with the preprocessing that Convert
reads from the file. Needs the OpenMMLab environment. Prints a table in Markdown; the exit code is 0 only if every model
was exported and every target made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.common.errors import EdgePressError
from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.pytorch import zoo
from core.pytorch.export import export
from core.pytorch.request import ExportRequest, OpenMMLabTask, shape_text
from core.queue.store import JobStore
from core.queue.supervisor import run_in_foreground
from core.setup import openmmlab
from core.targets import TARGET_IDS

_PICTURES = Path(__file__).resolve().parent.parent / "assets" / "sample" / "images"


@dataclass(frozen=True)
class Case:
    """One model to export and convert."""

    name: str
    task: OpenMMLabTask
    config: str
    """Name of its config in the zoo."""

    shape: tuple[int, int] | None = None


CASES = (
    Case("mobilenet_v2", "mmcls", "mobilenet-v2_8xb32_in1k"),
    Case("resnet18", "mmcls", "resnet18_8xb32_in1k"),
    Case("rtmdet_tiny", "mmdet", "rtmdet_tiny_8xb32-300e_coco"),
    Case("yolox_nano", "mmdet", "yolox_nano_8xb8-300e_coco"),
    Case("ssdlite", "mmdet", "ssdlite_mobilenetv2-scratch_8xb24-600e_coco"),
    Case("rtmpose_t", "mmpose", "rtmpose-t_8xb256-420e_coco-256x192"),
    Case("rtmpose_t at 128,96", "mmpose", "rtmpose-t_8xb256-420e_coco-256x192", (128, 96)),
    Case("td-hm mobilenet_v2", "mmpose", "td-hm_mobilenetv2_8xb64-210e_coco-256x192"),
    Case("td-hm litehrnet18", "mmpose", "td-hm_litehrnet-18_8xb64-210e_coco-256x192"),
)


def main() -> int:
    """Run every case, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these cases")
    parser.add_argument("--pictures", type=int, default=24, help="how many of the bundled pictures a job gets")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    options = parser.parse_args()
    openmmlab.require()
    cases = [case for case in CASES if not options.names or case.name in options.names]
    results = []
    print("| model | difference from torch | seconds |", " | ".join(TARGET_IDS), "|")
    print("|---" * (3 + len(TARGET_IDS)) + "|", flush=True)
    for case in cases:
        results.append(run(case, options.pictures))
        print(_row(results[-1]), flush=True)
    for line in _failures(results):
        print(line)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0 if results and all(_is_complete(result) for result in results) else 1


def run(case: Case, count: int) -> dict[str, Any]:
    """Checkpoint, export, job; the results, errors included."""
    (entry,) = [entry for entry in zoo.entries(case.task) if entry.name == case.config]
    with tempfile.TemporaryDirectory(prefix="edgepress-openmmlab-") as temporary:
        folder = Path(temporary)
        checkpoint = folder / "model.pth"
        _save_checkpoint(entry.path, checkpoint, case.shape)
        start = time.monotonic()
        request = ExportRequest(checkpoint, config=entry.path, task=case.task, shape=case.shape)
        try:
            exported = export(request)
            seconds = time.monotonic() - start
            report = convert(exported.path, folder, count)
        except EdgePressError as exc:
            return {"name": case.name, "error": f"{exc.reason} {exc.detail}"}
        return {
            "name": case.name,
            "difference": exported.difference,
            "outputs": len(exported.outputs),
            "seconds": seconds,
            "outcomes": report["outcomes"],
        }


def convert(model: Path, folder: Path, count: int) -> dict[str, Any]:
    """A job for all targets with the preprocessing in the file."""
    preprocessing = inspect(model).own_preprocessing
    assert preprocessing is not None
    pictures = folder / "pictures"
    pictures.mkdir()
    files = sorted(path for path in _PICTURES.rglob("*") if path.is_file())
    for index, path in enumerate(files[:: max(1, len(files) // count)][:count]):
        shutil.copyfile(path, pictures / f"{index:03d}{path.suffix}")
    job = Job(model, TARGET_IDS, preprocessing, folder / "out", images=pictures)
    store = JobStore(folder / "home")
    job_id, state = run_in_foreground(store, job, lambda _: None)
    report = store.report(job_id)
    if report is None:
        assert state.reason is not None
        assert state.next_step is not None
        raise EdgePressError(state.reason, next_step=state.next_step, detail=state.detail)
    return report


def _save_checkpoint(config: Path, output: Path, shape: tuple[int, int] | None) -> None:
    script = Path(__file__).with_name("random_checkpoint.py")
    command = [str(openmmlab.python()), str(script), str(config), str(output)]
    subprocess.run(command + ([shape_text(shape)] if shape else []), check=True, stderr=subprocess.DEVNULL)


def _row(result: dict[str, Any]) -> str:
    if "error" in result:
        return f"| {result['name']} | not exported |" + " |" * (1 + len(TARGET_IDS))
    cells = [_cell(outcome) for outcome in result["outcomes"]]
    return f"| {result['name']} | {result['difference']:.1e} | {result['seconds']:.0f} | {' | '.join(cells)} |"


def _cell(outcome: dict[str, Any]) -> str:
    """Cosine over all test pictures, or why there is none."""
    return f"{outcome['comparison']['cosine']:.4f}" if outcome["status"] == "converted" else outcome["status"]


def _failures(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    for result in results:
        if "error" in result:
            yield f"- {result['name']}: {result['error']}"
        for outcome in result.get("outcomes", ()):
            if outcome["status"] != "converted":
                yield f"- {result['name']}, {outcome['target']}: {outcome['reason']}"


def _is_complete(result: dict[str, Any]) -> bool:
    return all(outcome["status"] == "converted" for outcome in result.get("outcomes", [{"status": "failed"}]))


if __name__ == "__main__":
    sys.exit(main())
