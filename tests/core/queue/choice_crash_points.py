"""Puts another variant of a file in the place of the published one, and dies at every change of the disk while it does.

A program of its own: ``choice_crash_points.py FOLDER``. Each death happens in a fork; after it the job is recovered as
at the next start, and files and report must agree. Prints the counts as JSON; not for Windows, which has no forks.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections import Counter
from pathlib import Path

from crash_points import DEAD, Disk, content, die_at
from variant_jobs import VARIANTS, finished_job

from core.common.paths import home
from core.queue.choose_variant import choose_variant
from core.queue.recovery import recover
from core.queue.store import JobStore


def main(folder: Path) -> None:
    """Run everything and print the counts."""
    os.fsync = lambda _: None
    store = JobStore(home())
    job_id = finished_job(store, folder)
    job, out, counts = store.open(job_id), folder / "out", Counter()
    disk = Disk((home(), out), folder / "copies")
    for number in itertools.count():
        child = os.fork()
        if not child:
            die_at(number)
            choose_variant(store, job_id, "ncnn_quan", 1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        recover(store)
        (outcome,) = (job.report() or {})["outcomes"]
        published = content(out)
        if published != VARIANTS[outcome["variant"]] or [*job.path.glob("*.part"), *job.path.glob("publish.json")]:
            sys.exit(f"point {number}: variant {outcome['variant']}, files {published}")
        if job.is_choosing or job.state().status != "done":
            sys.exit(f"point {number}: {job.state()}")
        if code == 0:
            break
        if code != DEAD:
            sys.exit(f"point {number}: exit code {code}")
        counts[f"variant {outcome['variant']}"] += 1
        disk.restore()
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
