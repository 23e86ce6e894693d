"""The background tasks of the emulated ARM processor: one of each for the whole server, so a refresh ends neither."""

from __future__ import annotations

from core.arm.check import check_on_arm
from core.process.background_task import BackgroundTask
from core.setup.arm_install import install_arm

ARM_CHECK: BackgroundTask[None] = BackgroundTask(check_on_arm)
"""The check of one job; it is started with the job's folder and the processor."""

ARM_INSTALLATION: BackgroundTask[None] = BackgroundTask(install_arm)
"""Fetching the emulator."""
