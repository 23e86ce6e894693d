"""Wherever a job dies while it publishes its files, the next start leaves files and state that agree."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from small import conv_net, pictures

PROGRAM = Path(__file__).with_name("crash_points.py")
RECOVERY_DIES_EVERY = int(os.environ.get("EDGEPRESS_RECOVERY_DIES_EVERY", "7"))
"""After which deaths the recovery is killed, too: 1 is all of them, and takes a minute."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the deaths happen in forks")
def test_a_death_at_any_change_of_the_disk_leaves_all_files_or_none(tmp_path):
    conv_net(tmp_path / "net.onnx")
    pictures(tmp_path / "pictures", 4)
    environment = {**os.environ, "EDGEPRESS_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, PROGRAM, tmp_path, str(RECOVERY_DIES_EVERY)]
    # Its standard input stays open: a worker ends when it is closed.
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as running:
        printed = running.stdout.read()
        assert running.wait() == 0
    counts = json.loads(printed)
    assert counts["to the end: done"] == 1, counts
    assert counts["crash points"] == counts["interrupted"] + counts["done"] >= 20
    assert counts["interrupted"] >= 5 and counts["done"] >= 5 and counts["crash points of the recovery"] >= 10
