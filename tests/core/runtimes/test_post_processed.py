import numpy as np
import onnx
import pytest

from core.common.errors import ConversionError
from core.onnx_model.cut import find_cut
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.post_processed import PostProcessedPredictor
from detectors import ssd, topk_detector


def made(path, folder):
    cut = find_cut(onnx.load(str(path)))
    (folder / "tail.onnx").write_bytes(cut.tail.SerializeToString())
    names = [value.name for value in cut.outputs]
    return PostProcessedPredictor(OnnxPredictor(cut.head), folder / "tail.onnx", names, threads=1)


def images(count):
    random = np.random.default_rng(0)
    return [{"images": scale * random.random((1, 3, 32, 32)).astype(np.float32)} for scale in np.geomspace(1, 9, count)]


def test_it_gives_the_sources_outputs_in_the_sources_order(tmp_path):
    path = topk_detector(tmp_path / "m.onnx", more_outputs=True)
    source, predictor = OnnxPredictor(path, threads=1), made(path, tmp_path)
    assert predictor.outputs == source.outputs == ("dets", "r2")
    for feeds in images(3):
        outputs, expected = predictor.run(feeds), source.run(feeds)
        assert list(outputs) == ["dets", "r2"]
        assert all(np.allclose(outputs[name], expected[name], atol=1e-4) for name in expected)


def test_the_number_of_rows_may_differ_from_run_to_run(tmp_path):
    path = ssd(tmp_path / "m.onnx")
    source, predictor = OnnxPredictor(path, threads=1), made(path, tmp_path)
    rows = set()
    for feeds in images(4):
        outputs, expected = predictor.run(feeds), source.run(feeds)
        assert [tensor.shape for tensor in outputs.values()] == [tensor.shape for tensor in expected.values()]
        rows.add(len(outputs["found_scores"]))
    assert len(rows) > 1


def test_a_post_processing_that_does_not_load_is_a_readable_error(tmp_path):
    (tmp_path / "tail.onnx").write_bytes(b"no model")
    with pytest.raises(ConversionError):
        PostProcessedPredictor(OnnxPredictor(ssd(tmp_path / "m.onnx")), tmp_path / "tail.onnx", ["found_boxes"])
