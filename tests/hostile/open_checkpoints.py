"""Open every file in a folder as the worker does; run by the Python of the OpenMMLab environment.

Says what became of each, and fails where something is no error in words, or takes too much time or memory.
"""

import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core.common.errors import CheckpointError
from core.pytorch.worker import checkpoint

checkpoint._SECONDS = 5.0
for path in sorted(Path(sys.argv[1]).iterdir()):
    start = time.monotonic()
    try:
        checkpoint.open_checkpoint(path, trusted=False)
        sys.stdout.write(f"{path.name} opened\n")
    except CheckpointError as exc:
        sys.stdout.write(f"{path.name} {type(exc).__name__} {str(exc.reason)[:80]}\n")
    if time.monotonic() - start > 25:
        sys.exit(f"{path.name}: {time.monotonic() - start:.0f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # on Linux in units of 1024 bytes
    if sys.platform == "linux" and peak > 1_500_000_000:
        sys.exit(f"{path.name}: {peak / 1e9:.1f} GB")
