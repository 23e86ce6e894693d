"""Import everything that an export needs: ``python -m core.pytorch.worker.trial``, run once when all is installed."""

from __future__ import annotations

import importlib

from core.pytorch.worker import stand_ins

NEEDED = ("torch", "onnx", "onnxruntime", "mmdet.models", "mmpretrain.models", "mmpose.models")
"""Modules that stand for all that an export imports."""

if __name__ == "__main__":
    stand_ins.put_in_place()
    for name in NEEDED:
        importlib.import_module(name)
