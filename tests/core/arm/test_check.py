"""The check of a job on ARM. Everyday tests run the same script with this computer's Python instead of the emulator's;
with ``-m arm`` the emulator is fetched and used."""

import json
import site
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.arm.check import check_job
from core.arm.emulated import EmulatedModel, NotTried
from core.common.errors import ConversionError, InputError
from core.common.progress import silent
from core.job.job import Job
from core.queue.job_folder import JobFolder
from core.report.schema import read_report
from core.runner import run_job
from core.setup import arm
from core.targets import TARGET_IDS
from small import PREPROCESSING, SIZE, conv_net, pictures, save

FEEDS = {"input": np.random.default_rng(3).standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)}


@pytest.fixture
def without_emulator(monkeypatch):
    monkeypatch.setattr(arm, "require", lambda: None)
    monkeypatch.setattr(arm, "command", lambda processor, where=None: (sys.executable, "-I"))
    monkeypatch.setattr(arm, "packages", lambda: Path(site.getsitepackages()[0]))


@pytest.fixture
def net(tmp_path):
    return conv_net(tmp_path / "in" / "net.onnx")


def finished_job(tmp_path, net, **changes) -> JobFolder:
    images = pictures(tmp_path / "in" / "pictures", 12)
    job = Job(
        **{
            "source": net,
            "targets": TARGET_IDS,
            "preprocessing": PREPROCESSING,
            "images": images,
            "out": tmp_path / "out",
            **changes,
        }
    )
    folder = JobFolder(tmp_path / "job")
    folder.path.mkdir()
    folder.initialise(job)
    run_job(job, folder.path, silent)
    return folder


def entries(folder):
    return {outcome.target: outcome.arm for outcome in read_report(folder.report()).outcomes}


def emulate(*files, kind="onnx", seconds=60.0):
    return EmulatedModel(kind, files, processor=arm.PROCESSORS[0], seconds=seconds)


def test_every_file_of_a_job_gets_its_verdict_and_nothing_else_changes(tmp_path, net, without_emulator):
    folder, steps = finished_job(tmp_path, net), []
    before = read_report(folder.report())
    check_job(folder.path, "cortex-a72", lambda fraction, message: steps.append((fraction, str(message))))
    after = read_report(folder.report())
    assert [outcome.arm.status for outcome in after.outcomes] == ["right"] * 6
    for outcome in after.outcomes:
        found = outcome.arm
        assert found.processor == "cortex-a72" and found.images == 6 and found.verdict == str(found.words)
        assert found.agreement.value == found.here.value == 1.0 and found.agreement.samples == 6
    assert replace(after, outcomes=tuple(replace(one, arm=None) for one in after.outcomes)) == before
    fractions = [fraction for fraction, _ in steps]
    assert fractions == sorted(fractions) and any("ncnn, 8 bit: on ARM, example 6 of 6" in text for _, text in steps)


def test_ten_test_pictures_are_enough(tmp_path, net, without_emulator):
    test_images = pictures(tmp_path / "in" / "others", 14, seed=5)
    folder = finished_job(tmp_path, net, targets=("onnx_fp16",), test_images=test_images)
    check_job(folder.path, "cortex-a76")
    assert entries(folder)["onnx_fp16"].images == 10


def test_a_file_that_gives_other_answers_there_is_wrong_with_the_figures_of_both(tmp_path, net, without_emulator):
    """Another file is run in its place, as if the processor changed its answers."""
    folder = finished_job(tmp_path, net, targets=("onnx_fp16", "ncnn"))
    other = onnx.load(str(net))
    for weight in other.graph.initializer:
        if weight.name in ("wf", "bf"):
            weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), weight.name))
    script = tmp_path / "swap.py"
    onnx.save(other, str(tmp_path / "other.onnx"))
    script.write_text(
        "import sys, runpy\n"
        f"sys.argv = [a if not a.endswith('.onnx') else {str(tmp_path / 'other.onnx')!r} for a in sys.argv[1:]]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arm, "command", lambda processor, where=None: (sys.executable, "-I", str(script)))
        check_job(folder.path, "cortex-a76")
    found = entries(folder)
    assert found["ncnn"].status == "right"
    assert found["onnx_fp16"].status == "wrong" and found["onnx_fp16"].here.value == 1.0
    assert "On this computer: the same class on 100% of the pictures" in found["onnx_fp16"].verdict


def test_a_crash_costs_one_file(tmp_path, net, without_emulator):
    folder = finished_job(tmp_path, net, targets=("onnx_fp16", "onnx_quan_dy"))
    script = tmp_path / "crash.py"
    script.write_text(
        "import os, sys, runpy\nsys.argv = sys.argv[1:]\n"
        "if sys.argv[-1].endswith('_fp16.onnx'): os.abort()\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arm, "command", lambda processor, where=None: (sys.executable, "-I", str(script)))
        check_job(folder.path, "cortex-a76")
    found = entries(folder)
    assert found["onnx_fp16"].status == "wrong" and "It crashes on ARM." in found["onnx_fp16"].verdict
    assert found["onnx_quan_dy"].status == "right"


def test_a_file_that_is_gone_is_not_called_wrong(tmp_path, net, without_emulator):
    folder = finished_job(tmp_path, net, targets=("onnx_fp16", "onnx_quan_dy"))
    (tmp_path / "out" / "net_fp16.onnx").unlink()
    check_job(folder.path, "cortex-a76")
    found = entries(folder)
    assert found["onnx_fp16"].status == "unknown" and "net_fp16.onnx" in found["onnx_fp16"].verdict
    assert found["onnx_quan_dy"].status == "right"


def test_a_job_without_results_says_so(tmp_path, net, without_emulator):
    folder = JobFolder(tmp_path / "job")
    folder.path.mkdir()
    folder.initialise(Job(net, TARGET_IDS, PREPROCESSING, tmp_path))
    with pytest.raises(InputError, match="no results"):
        check_job(folder.path, "cortex-a76")


def test_a_report_of_an_earlier_version_has_no_such_column(tmp_path, net, without_emulator):
    folder = finished_job(tmp_path, net, targets=("onnx_fp16",))
    data = json.loads((folder.path / "report.json").read_text(encoding="utf-8"))
    del data["outcomes"][0]["arm"]
    assert read_report(data).outcomes[0].arm is None


def test_a_damaged_file_does_not_load(tmp_path, without_emulator):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ConversionError, match="cannot be run on ARM") as raised:
        emulate(tmp_path / "bad.onnx")
    assert not isinstance(raised.value, NotTried) and raised.value.detail


def test_a_run_without_end_is_ended(net, tmp_path, monkeypatch, without_emulator):
    (tmp_path / "sleep.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(
        arm, "command", lambda processor, where=None: (sys.executable, "-I", str(tmp_path / "sleep.py"))
    )
    start = time.monotonic()
    with pytest.raises(NotTried, match="more than 1 s"):
        emulate(net, seconds=1.0)
    assert time.monotonic() - start < 30


def test_an_input_that_the_model_does_not_have_is_an_answer(net, without_emulator):
    model = emulate(net)
    try:
        with pytest.raises(ConversionError, match="cannot be run on ARM"):
            model.run({"other": FEEDS["input"]}, ["scores"])
        (scores,) = model.run(FEEDS, ["scores"])  # it goes on after an error
        assert scores.shape == (1, 5)
    finally:
        model.close()


def large_values(path):
    """Values of 1e5 and more after the second of three convolutions; what comes before and the outputs are small."""
    net = onnx.load(str(conv_net(path)))
    for weight in net.graph.initializer:
        factor = {"w2": 1e6, "b2": 1e6, "w3": 1e-6}.get(weight.name, 1.0)
        weight.CopyFrom(numpy_helper.from_array(np.float32(factor) * numpy_helper.to_array(weight), weight.name))
    onnx.save(net, str(path))
    return path


def large_average(path):
    """An average over 128 x 128 values, whose sum is no 16-bit number."""
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.standard_normal((16, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(np.full(16, 100, np.float32), "b"),
        numpy_helper.from_array(random.standard_normal((5, 16)).astype(np.float32), "g"),
    ]
    nodes = [
        helper.make_node("Conv", ["input", "w", "b"], ["c"], pads=[1] * 4),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "g"], ["scores"], transB=1),
    ]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 128, 128])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 5])]
    return save(nodes, inputs, outputs, weights, path)


@pytest.mark.arm
@pytest.mark.timeout(900)
def test_all_files_are_right_on_both_processors(tmp_path, monkeypatch):
    """Fetched into an empty data folder, used, removed."""
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path / "home"))
    arm.create()
    assert arm.status() == "ready"
    models = (conv_net(tmp_path / "in" / "net.onnx"), large_values(tmp_path / "in" / "large.onnx"))
    models += (large_average(tmp_path / "in" / "average.onnx"),)
    for model in models:
        size = (128, 128) if model.stem == "average" else (SIZE, SIZE)
        work = tmp_path / model.stem
        work.mkdir()
        folder = finished_job(work, model, preprocessing=replace(PREPROCESSING, size=size))
        for processor in arm.PROCESSORS:
            check_job(folder.path, processor)
            found = entries(folder)
            assert {target: one.status for target, one in found.items()} == dict.fromkeys(TARGET_IDS, "right"), found
    arm.remove()
    assert list((tmp_path / "home").glob("*arm*")) == [tmp_path / "home" / ".arm.lock"]
