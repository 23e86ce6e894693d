"""A YOLO with random weights; run by the Python of the OpenMMLab environment: ``make_yolo.py FILE``."""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from core.pytorch.worker import import_stubs

with tempfile.TemporaryDirectory() as folder:
    os.environ |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": folder}
    import_stubs.install_import_stubs()
    from ultralytics import YOLO

    YOLO("yolov8n.yaml").save(sys.argv[1])
