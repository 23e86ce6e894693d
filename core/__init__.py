"""Everything of EdgePress that works without a screen."""

import os

# Two wishes that native libraries read once, when they are loaded; so they are set before anything can load
# them, and every process that is started from here inherits them.

# onnxruntime's wheels (seen in 1.32, on Linux too) record events and send them to their maker. A test watches this.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# ncnn's waiting threads (libgomp) would otherwise spin, which makes everything many times slower on a busy computer.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
