"""The real worker, of which onnx_quan_dy crashes this process; the name of the job's source says where."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from crashing_opener import open_crashing

import core.targets.onnx_quan_dy as module
from core.process.lifecycle import exit_immediately
from core.queue.job_folder import JobFolder
from core.queue.worker import main
from core.targets.onnx_quan_dy import OnnxQuanDy


def _crash(*_args, **_keywords):
    ctypes.string_at(0)


def _kill(*_args, **_keywords):
    os.kill(os.getpid(), signal.SIGKILL)


class _CrashesWhenItIsRun:
    outputs = ("scores",)
    run = _crash

    def release_memory_after_runs(self):
        pass

    def close(self):
        pass


class _CrashesWhenItIsLoaded:
    def open(self, *_args, **_keywords):
        _crash()


class _OpensWhatCrashes:
    def open(self, *_args, **_keywords):
        return _CrashesWhenItIsRun()


def _prepare(where: str) -> None:
    if where == "making":
        module.quantize_dynamic = _crash
    elif where == "memory":
        module.quantize_dynamic = _kill
    elif where == "loading":
        OnnxQuanDy.open = _CrashesWhenItIsLoaded.open  # of this process: the helper process opens it by its name
    elif where == "comparing":
        OnnxQuanDy.open = _OpensWhatCrashes.open
    elif where == "trying":
        OnnxQuanDy.open = staticmethod(open_crashing)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    _prepare(JobFolder(folder).job().source.stem)
    exit_immediately(main(folder))
