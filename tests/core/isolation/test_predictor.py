import numpy as np
import pytest
from misbehaving import Doubles

from core.common.errors import ConversionError
from core.isolation.predictor import IsolatedPredictor
from core.runtimes.onnx import OnnxPredictor
from small import SIZE, conv_net

X = {"x": np.float32([1, 2])}


def use(misbehaves="", seconds=60.0):
    predictor = IsolatedPredictor(Doubles, misbehaves, threads=1, seconds=seconds)
    outputs = predictor.run(X)
    predictor.close()
    return predictor.outputs, outputs["y"].tolist()


def test_it_gives_what_the_predictor_gives_here(tmp_path):
    feeds = {"input": np.random.default_rng(0).random((1, 3, SIZE, SIZE)).astype(np.float32)}
    path = conv_net(tmp_path / "net.onnx")
    expected = OnnxPredictor(path, threads=1).run(feeds)
    for model in (path, path.read_bytes()):
        isolated = IsolatedPredictor(OnnxPredictor, model, threads=1)
        np.testing.assert_array_equal(isolated.run(feeds)["scores"], expected["scores"])
        isolated.close()
    assert isolated.outputs == ("scores",)


@pytest.mark.parametrize("step", ["load", "run", "close"])
def test_a_crash_in_any_step_is_an_error_and_the_next_predictor_works(step):
    with pytest.raises(ConversionError, match="native library crashed"):
        use(step)
    assert use() == (("y",), [2, 4])


@pytest.mark.parametrize("step", ["load hangs", "run hangs"])
def test_so_is_a_hang(step):
    use()  # the process is there: its start does not count
    with pytest.raises(ConversionError, match="more than 2 s"):
        use(step, seconds=2.0)
    assert use() == (("y",), [2, 4])


def test_one_that_was_lost_with_another_ones_crash_has_an_error_and_can_be_closed():
    first = IsolatedPredictor(Doubles, threads=1)
    with pytest.raises(ConversionError):
        use("run")
    with pytest.raises(ConversionError, match="crashed"):
        first.run(X)
    first.close()
