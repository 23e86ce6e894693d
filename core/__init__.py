"""Everything of EdgePress that works without a screen."""

import os

# onnxruntime's wheels (seen in 1.32, on Linux too) record events and send them to their maker. Set before anything
# can load it, and inherited by every process that is started from here; a test watches that it works.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
