"""The background tasks of From PyTorch: one of each for the whole server, so a refresh does not end them."""

from __future__ import annotations

from core.process.background_task import BackgroundTask
from core.pytorch.export import export
from core.pytorch.request import Exported
from core.setup.openmmlab_install import install_openmmlab

EXPORT: BackgroundTask[Exported] = BackgroundTask(export)
"""The export of a PyTorch model as an ONNX file."""

OPENMMLAB_INSTALLATION: BackgroundTask[None] = BackgroundTask(install_openmmlab)
"""The installation of PyTorch and OpenMMLab."""
