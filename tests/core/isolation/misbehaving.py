"""Predictors that the tests open in the helper process."""

from __future__ import annotations

import ctypes
import time


class Doubles:
    """Doubles its inputs; ``misbehaves`` names the step in which it crashes or hangs."""

    outputs = ("y",)

    def __init__(self, misbehaves="", *, threads):
        self._misbehaves = misbehaves
        self._at("load")

    def run(self, feeds):
        self._at("run")
        return {"y": 2 * feeds["x"]}

    def close(self):
        self._at("close")

    def _at(self, step):
        if self._misbehaves == step:
            ctypes.string_at(0)
        if self._misbehaves == f"{step} hangs":
            time.sleep(600)
