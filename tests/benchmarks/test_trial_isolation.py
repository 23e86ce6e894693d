import pytest

import core.isolation.predictor as isolation
from benchmarks.trial_isolation import Row, _Cost, _Here, _lines
from core.isolation.predictor import IsolatedPredictor
from core.process.helper_process import HelperProcess
from core.runtimes.onnx import OnnxPredictor
from small import conv_net


def test_ratios_are_medians_over_pairs():
    isolated = tuple(_Cost(wall, processor, 6) for wall, processor in ((12, 11), (10, 10), (30, 24)))
    direct = tuple(_Cost(wall, processor, 6) for wall, processor in ((10, 10), (10, 10), (10, 20)))
    *_, line = _lines([Row("net", isolated, direct)])
    assert line == "| net | 3 | 6 | 10.0 s | 11.0 s | 1.10 (1.00 to 1.20) | 1.20 (1.00 to 3.00) |"


def test_direct_trials_start_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(isolation, "_helper", _Here())
    monkeypatch.setattr(HelperProcess, "call", lambda *_args, **_keywords: pytest.fail("a helper process was asked"))
    predictor = IsolatedPredictor(OnnxPredictor, conv_net(tmp_path / "net.onnx"), threads=1)
    assert predictor.outputs == ("scores",)
    predictor.close()
