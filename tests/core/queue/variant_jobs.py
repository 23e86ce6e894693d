"""A finished job with two variants of an ncnn file, made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.common.serialization import to_data
from core.job.job import Job
from core.queue.state import JobState
from core.queue.store import JobStore
from core.report.schema import Texts, VariantEntry
from core.report.variants import variant_folder
from report_examples import comparison, made, report
from small import PREPROCESSING

TARGET = "ncnn_quan"
VARIANTS = (
    {"net_int8.param": b"graph", "net_int8.bin": b"weights"},
    {"net_int8.param": b"other graph", "net_int8.bin": b"other weights"},
)
"""Names and contents of each one's files."""


def finished_job(store: JobStore, folder: Path) -> str:
    """Make it, with the first one published in ``folder/out``; return its id."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    job_id = store.create(Job(folder / "net.onnx", (TARGET,), PREPROCESSING, out))
    job = store.open(job_id)
    entries = []
    for number, files in enumerate(VARIANTS):
        place = variant_folder(job.path, TARGET, number)
        place.mkdir(parents=True)
        for name, data in files.items():
            (place / name).write_bytes(data)
        size = sum(map(len, files.values()))
        notes = Texts()
        found = comparison(cosine=0.9 + 0.01 * number)
        entries.append(VariantEntry(number, tuple(place / name for name in files), size, found, (), notes))
    for name, data in VARIANTS[0].items():
        (out / name).write_bytes(data)
    first = entries[0]
    outcome = made(TARGET, first.comparison, *(out / name for name in VARIANTS[0]), size=first.size_bytes)
    job.write_report(to_data(report(replace(outcome, variants=tuple(entries)))))
    job.write_final_state(JobState("done", 1.0, created=1.7e9))
    return job_id
