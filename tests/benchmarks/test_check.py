import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from benchmarks.check import Tally, main

WEIGHTS = np.random.default_rng(1).normal(size=(5, 3, 3, 3)).astype(np.float32)


def write_model(path: Path, weights: np.ndarray = WEIGHTS, *, output: str = "y", batch: int | str = "batch") -> Path:
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["features"]),
            helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], [output]),
        ],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 16, 16])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, len(weights)])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    random = np.random.default_rng(2)
    for index in range(3):
        pixels = random.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{index}.png")
    return write_model(tmp_path / "source.onnx")


def judge(source: Path, converted: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    report = {
        "source": {"path": str(source)},
        "preprocessing": {
            "size": [16, 16],
            "color": "rgb",
            "layout": "nchw",
            "mean": [127.5] * 3,
            "std": [127.5] * 3,
        },
        "outcomes": [{"target": "onnx_quan_st", "status": "converted", "files": [str(converted)]}],
    }
    path = source.with_name("report.json")
    path.write_text(json.dumps(report), encoding="utf-8")
    assert main([str(path), "--pictures", str(source.with_name("pictures"))]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)["onnx_quan_st"]
    return found


def test_a_file_that_computes_the_same_is_right(source, tmp_path, capsys):
    found = judge(source, write_model(tmp_path / "new.onnx", WEIGHTS * np.float32(1.001)), capsys)
    assert found["wrong"] is None
    assert found["agreement"] == 1.0
    assert found["cosine"] > 0.9999


def test_a_file_with_other_numbers_is_wrong(source, tmp_path, capsys):
    assert "cosine" in str(judge(source, write_model(tmp_path / "new.onnx", -WEIGHTS), capsys)["wrong"])


def test_a_file_with_numbers_that_are_not_finite_is_wrong(source, tmp_path, capsys):
    found = judge(source, write_model(tmp_path / "new.onnx", WEIGHTS * np.float32(np.inf)), capsys)
    assert "not finite" in str(found["wrong"])


def test_a_file_with_another_output_is_wrong(source, tmp_path, capsys):
    assert "outputs" in str(judge(source, write_model(tmp_path / "new.onnx", output="z"), capsys)["wrong"])


def test_a_file_that_takes_one_picture_where_the_source_takes_more_is_wrong(source, tmp_path, capsys):
    found = judge(source, write_model(tmp_path / "new.onnx", batch=1), capsys)
    assert "two pictures at once" in str(found["wrong"])


def test_a_file_that_is_no_model_is_wrong(source, tmp_path, capsys):
    (tmp_path / "new.onnx").write_bytes(b"nothing")
    assert judge(source, tmp_path / "new.onnx", capsys)["wrong"]


def test_models_that_take_no_picture_are_fed_numbers(tmp_path, capsys):
    nodes = [helper.make_node("Gather", ["table", "ids"], ["rows"]), helper.make_node("Mul", ["rows", "m"], ["y"])]
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "length"]),
        helper.make_tensor_value_info("m", TensorProto.FLOAT, [1]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    table = numpy_helper.from_array(np.random.default_rng(3).normal(size=(100, 4)).astype(np.float32), "table")
    graph = helper.make_graph(nodes, "text", inputs, outputs, [table])
    path = tmp_path / "text.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    outcome = {"target": "onnx_fp16", "status": "converted", "files": [str(path)]}
    report = {"source": {"path": str(path)}, "outcomes": [outcome], "preprocessing": {}}
    (tmp_path / "report.json").write_text(json.dumps(report), encoding="utf-8")
    assert main([str(tmp_path / "report.json")]) == 0
    found = json.loads(capsys.readouterr().out)["onnx_fp16"]
    assert found["wrong"] is None
    assert found["cosine"] == pytest.approx(1)
    assert found["column"] is None


def test_the_check_shares_no_code_with_the_converter():
    code = "import sys, benchmarks.check; print([name for name in sys.modules if name.split('.')[0] == 'core'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_scores_that_boxes_drown_are_seen():
    source = np.concatenate([np.full((1, 4, 9), 200.0), np.random.default_rng(4).random((1, 2, 9))], axis=1)
    other = source.copy()
    other[:, 5] = other[:, 5, ::-1] - 0.5
    tally = Tally()
    tally.add({"boxes": source}, {"boxes": other})
    assert tally.cosine > 0.999
    assert tally.column is not None and tally.column < 0.7
