"""Models that never end, or need too much, on the real onnxruntime."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import psutil
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import RunLimitError, SourceError
from core.inputs.dummy_inputs import find_dummy_inputs
from core.onnx_model.inspect import inspect
from core.runtimes import run_limit
from core.runtimes.onnx import OnnxPredictor, source_errors
from small import save

FLOAT, BOOL, INT64 = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64


@pytest.fixture(autouse=True)
def _usual_limit():
    yield
    run_limit.limit_runs()


def endless(path, *, grows=False):
    """A loop that goes on as long as its input is positive; it may also keep an array of each round."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["kept"], ["kept_out"]),
            helper.make_node("Greater", ["kept", "zero"], ["more"]),
            helper.make_node("Expand", ["kept", "many"], ["row"]),
        ],
        "body",
        [value("round", INT64, []), value("go", BOOL, []), value("kept", FLOAT, [])],
        [value("more", BOOL, []), value("kept_out", FLOAT, []), value("row", FLOAT, ["n"])][: 3 if grows else 2],
        [numpy_helper.from_array(np.float32(0), "zero"), numpy_helper.from_array(np.array([1 << 18]), "many")],
    )
    if not grows:
        del body.node[2]
    outputs = ["y", "rows"] if grows else ["y"]
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["first"], keepdims=0),
        helper.make_node("Loop", ["", "", "first"], outputs, body=body),
    ]
    infos = [value("y", FLOAT, []), value("rows", FLOAT, ["m", "n"])][: len(outputs)]
    return save(nodes, [value("x", FLOAT, [1, 4])], infos, [], path)


def test_a_run_that_never_ends_is_stopped_and_the_next_one_works(tmp_path):
    run_limit.limit_runs(0.5)
    predictor = OnnxPredictor(endless(tmp_path / "m.onnx"), threads=1)
    with pytest.raises(RunLimitError, match="did not finish one run in"):
        predictor.run({"x": np.ones((1, 4), np.float32)})
    assert predictor.run({"x": -np.ones((1, 4), np.float32)})["y"] == -1


def test_the_reason_stays_where_the_source_is_named(tmp_path):
    run_limit.limit_runs(0.5)
    path = endless(tmp_path / "m.onnx")
    with pytest.raises(RunLimitError, match="did not finish one run in"), source_errors(path):
        OnnxPredictor(path, threads=1).run({"x": np.ones((1, 4), np.float32)})


def test_inputs_are_not_tried_on_after_a_run_that_never_ended(tmp_path):
    run_limit.limit_runs(0.5)
    with pytest.raises(RunLimitError):
        find_dummy_inputs(inspect(endless(tmp_path / "m.onnx")), {})


def test_a_run_that_takes_all_memory_is_stopped(tmp_path, monkeypatch):
    predictor = OnnxPredictor(endless(tmp_path / "m.onnx", grows=True), threads=1)
    free = psutil.virtual_memory()
    monkeypatch.setattr(run_limit.psutil, "virtual_memory", lambda: free._replace(available=300_000_000))
    with pytest.raises(RunLimitError, match="far more memory"):
        predictor.run({"x": np.ones((1, 4), np.float32)})


def test_another_error_of_a_run_stays_what_it_is(tmp_path):
    predictor = OnnxPredictor(endless(tmp_path / "m.onnx"), threads=1)
    with pytest.raises(SourceError, match="cannot be run"), source_errors(tmp_path / "m.onnx"):
        predictor.run({"x": np.ones((3, 3, 3), np.float32)})


_DEAF = """
import os, time
from core.runtimes import run_limit
run_limit.limit_runs(0.1)
run_limit._GRACE_SECONDS = 0.1
run_limit.end_process_with(lambda: os._exit(79))
with run_limit.limited(lambda: None):
    time.sleep(60)
"""


def test_a_run_that_takes_far_more_than_was_estimated_is_stopped(tmp_path):
    predictor = OnnxPredictor(endless(tmp_path / "m.onnx", grows=True), threads=1)
    run_limit.limit_runs(60.0, 300_000_000)
    with pytest.raises(RunLimitError, match="far more memory"):
        predictor.run({"x": np.ones((1, 4), np.float32)})


def test_a_process_ends_where_a_run_does_not_stop():
    assert subprocess.run([sys.executable, "-c", _DEAF], check=False, timeout=30).returncode == 79
