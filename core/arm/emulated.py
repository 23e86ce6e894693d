"""A model file that runs on the emulated ARM processor, behind the Predictor protocol."""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from core.common.errors import ConversionError
from core.common.text import Text, say
from core.process.worker_process import log_tail
from core.runtimes.ncnn import NcnnPredictor
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.post_processed import PostProcessedPredictor
from core.runtimes.predictor import Feeds, Predictor, Tensor
from core.setup import arm

RunKind: TypeAlias = Literal["onnx", "ncnn", "ncnn-float32"]
"""The runtime; ``ncnn-float32`` without its arithmetic in 16 bit."""

_NEXT_STEP = say("Use one of the other files on ARM, or try it on the device.")
_SCRIPT = Path(__file__).with_name("run_model.py")


class NotTried(ConversionError):
    """Nothing is known of the file: there was no time for it, or it is not there."""


class EmulatedModel:
    """One model file in a process of its own under the emulator.

    Args:
        kind: what runs it.
        files: of the model.
        processor: as in :func:`core.setup.arm.command`.
        seconds: time for everything that is asked of it.

    Raises:
        ConversionError: it does not load there, or crashed.
        NotTried: it took too long.
        ToolError: the emulator is not there.
    """

    def __init__(self, kind: RunKind, files: Sequence[Path], *, processor: str, seconds: float) -> None:
        emulator = arm.command(processor)
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._temporary = tempfile.TemporaryDirectory(prefix="edgepress-arm-", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name)
        command = [*emulator, str(_SCRIPT), str(arm.packages()), str(self._folder), kind]
        try:
            with (self._folder / "log.txt").open("wb") as log:
                self._popen = subprocess.Popen(
                    [*command, *(str(file) for file in files)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self._folder,
                    env={"LC_ALL": "C.UTF-8"},  # a library that is preloaded here is none for ARM
                    encoding="utf-8",
                )
        except OSError as exc:
            self._temporary.cleanup()
            raise _failed(say("The emulator cannot be started."), repr(exc)) from exc
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True, name="emulator").start()
        try:
            self._answer()
        except ConversionError:
            self.close()
            raise

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """Run it once.

        Args:
            inputs: tensors by the names that the file has for them, in the types that it takes.
            outputs: names that the file has for what is wanted.

        Raises:
            ConversionError: it failed or crashed.
            NotTried: it took too long.
        """
        for number, tensor in enumerate(inputs.values()):
            np.save(self._folder / f"{number}.npy", tensor)
        request = {"inputs": dict(zip(inputs, range(len(inputs)), strict=True)), "outputs": list(outputs)}
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(json.dumps(request) + "\n")
            self._popen.stdin.flush()
        except OSError:
            pass  # it has ended, which the missing answer says
        self._answer()
        return [np.load(self._folder / f"out-{number}.npy") for number in range(len(outputs))]

    def close(self) -> None:
        """End the process."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except OSError:
                continue
        self._temporary.cleanup()

    def _answer(self) -> None:
        try:
            line = self._lines.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            reason = say("On the emulated processor it takes more than {seconds} s.", seconds=round(self._seconds))
            raise NotTried(reason, next_step=_NEXT_STEP) from None
        log = log_tail(self._folder / "log.txt")
        if not line:
            raise _failed(say("It crashes on ARM."), f"exit code {self._popen.wait()}\n{log}")
        error = json.loads(line).get("error")
        if error is not None:
            raise _failed(say("It cannot be run on ARM."), f"{error}\n{log}".strip())

    def _read(self) -> None:
        """Pass its lines on; an empty one says that it has ended."""
        assert self._popen.stdout is not None
        try:
            for line in self._popen.stdout:
                self._lines.put(line)
        except ValueError:  # closed while it was read
            pass
        self._lines.put("")


class _EmulatedOnnx:
    """An ONNX file under the emulator, by the names and types that onnxruntime reads of it here."""

    def __init__(self, here: OnnxPredictor, model: EmulatedModel) -> None:
        self._here = here
        self._model = model

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._here.outputs

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        return dict(zip(self.outputs, self._model.run(self._here.typed(feeds), self.outputs), strict=True))

    def release_memory_after_runs(self) -> None:
        """The emulated program keeps none: nothing to do."""

    def close(self) -> None:
        self._model.close()


class _EmulatedNcnn:
    """An ncnn file under the emulator, fed and read as the one here."""

    def __init__(self, here: NcnnPredictor, model: EmulatedModel) -> None:
        self._here = here
        self._model = model

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._here.outputs

    def run(self, feeds: Feeds) -> dict[str, Tensor]:
        blobs = self._here.output_blobs
        runs = [self._model.run(inputs, blobs) for inputs in self._here.to_blobs(feeds)]
        return self._here.from_blobs([dict(zip(blobs, run, strict=True)) for run in runs])

    def release_memory_after_runs(self) -> None:
        """The emulated program keeps none: nothing to do."""

    def close(self) -> None:
        self._model.close()


def emulated(here: Predictor, model: EmulatedModel) -> Predictor:
    """The same file under the emulator; what ncnn leaves out of a source is computed here.

    Args:
        here: the file, opened by its target.
        model: the file under the emulator.
    """
    if isinstance(here, PostProcessedPredictor):
        return here.with_head(partial(emulated, model=model))
    if isinstance(here, NcnnPredictor):
        return _EmulatedNcnn(here, model)
    assert isinstance(here, OnnxPredictor)
    return _EmulatedOnnx(here, model)


def _failed(reason: Text, detail: str) -> ConversionError:
    return ConversionError(reason, next_step=_NEXT_STEP, detail=detail)
