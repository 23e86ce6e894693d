import os
import subprocess
import sys
from pathlib import Path

from small import conv_net

ROOT = Path(__file__).resolve().parent.parent.parent
LOAD = "from core.runtimes.onnx import OnnxPredictor; from pathlib import Path; OnnxPredictor(Path({path!r}))"


def test_onnxruntime_records_nothing_to_send_to_its_maker(tmp_path):
    """Its telemetry keeps events and a device id in the home folder until it can send them."""
    model = conv_net(tmp_path / "net.onnx")
    home = tmp_path / "home"
    home.mkdir()
    folders = {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home), "XDG_CACHE_HOME": str(home)}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", LOAD.format(path=str(model))], cwd=ROOT, env={**environment, **folders}, check=True
    )
    assert [path for path in home.rglob("*") if path.is_file()] == []
