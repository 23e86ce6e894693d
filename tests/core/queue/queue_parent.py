"""A process that supervises the queue of a folder until it is killed; run by the queue's tests."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from core.queue.store import JobStore
from core.queue.supervisor import Supervisor

if __name__ == "__main__":
    Supervisor(JobStore(Path(sys.argv[1])), command=[sys.executable, sys.argv[2]]).start()
    time.sleep(60)
