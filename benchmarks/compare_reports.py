"""Compare two result files in everything but times, memory and folders; for changes that must not change any figure.

    python benchmarks/compare_reports.py OLD.json NEW.json
    python benchmarks/compare_reports.py

Without files: converts the bundled sample and compares with the report of an earlier version that the tests keep. On
another kind of processor than that one's (x86 with AVX2 only) the last digits of the figures differ. Prints every
difference; ends with 1 if there is any.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.queue.store import JobStore
from core.queue.supervisor import run_in_foreground
from pages.parts.convert.sample import sample_job

ROOT = Path(__file__).resolve().parent.parent

VARYING = {"seconds", "latency_ms", "memory_bytes"}
"""Measured anew by every job."""

EARLIER = ROOT / "tests" / "core" / "queue" / "earlier_version" / "jobs"


def main() -> int:
    """Print the differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", nargs="*", type=Path, metavar="FILE", help="two result files, the older one first")
    paths = parser.parse_args().reports
    if len(paths) not in (0, 2):
        parser.error("give two files, or none for the bundled sample")
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in paths) if paths else _sample_reports()
    found = list(differences(old, new))
    for line in found:
        print(line)
    print(f"differences: {len(found)}")
    return 1 if found else 0


def _sample_reports() -> tuple[Any, Any]:
    """That of the earlier version, and one made now."""
    (old,) = EARLIER.glob("*/report.json")
    with tempfile.TemporaryDirectory() as home:
        os.environ["EDGEPRESS_HOME"] = home
        store = JobStore(Path(home))
        job_id, _ = run_in_foreground(store, sample_job(), lambda _: None)
        return json.loads(old.read_text(encoding="utf-8")), store.report(job_id)


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """One line for each value that is missing, new or not the same."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted((set(old) | set(new)) - VARYING):
            yield from differences(old.get(key, "(missing)"), new.get(key, "(missing)"), f"{where}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{where}[{index}]")
    elif old != new and not _same_file(old, new):
        yield f"{where}: {old!r} -> {new!r}"


def _same_file(old: Any, new: Any) -> bool:
    """Two paths to a file of the same name."""
    return all(isinstance(value, str) and "/" in value.replace("\\", "/") for value in (old, new)) and (
        old.replace("\\", "/").rsplit("/", 1)[-1] == new.replace("\\", "/").rsplit("/", 1)[-1]
    )


if __name__ == "__main__":
    sys.exit(main())
