"""``python -m core.pytorch.worker.import_check``: import everything that an export needs, once all is installed."""

from __future__ import annotations

import importlib

from core.pytorch.worker import import_stubs

NEEDED = ("torch", "onnx", "onnxruntime", "mmdet.models", "mmpretrain.models", "mmpose.models")
"""Modules that import everything that an export needs."""

if __name__ == "__main__":
    import_stubs.install_import_stubs()
    for name in NEEDED:
        importlib.import_module(name)
