import numpy as np
import pytest

from core.common.errors import OptionError
from core.inputs.fixed_inputs import fixed_inputs
from core.onnx_model.source import Source, TensorInfo


@pytest.fixture
def source(tmp_path):
    inputs = (
        TensorInfo("audio", ("N", "length"), "float32"),
        TensorInfo("state", (1, 8), "float32"),
        TensorInfo("rate", (), "int64"),
        TensorInfo("ids", (1, "length"), "int64"),
    )
    return Source(tmp_path / "m.onnx", inputs, (), 17, {}, 0, 0, 0, frozenset(), {}, 0)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("rate", "16000", np.array(16000, np.int64)),
        ("state", "0.5", np.full((1, 8), 0.5, np.float32)),
        ("state", "zeros:1,8", np.zeros((1, 8), np.float32)),
        ("state", "ones", np.ones((1, 8), np.float32)),
        ("ids", "3,1,2", np.array([[3, 1, 2]], np.int64)),
        ("audio", "zeros", np.zeros((1, 1), np.float32)),
        ("audio", "ones:2,5", np.ones((2, 5), np.float32)),
        ("state", " 1,2,3,4,5,6,7,8 ", np.arange(1, 9, dtype=np.float32)[np.newaxis]),
    ],
)
def test_fixed_inputs_are_parsed(source, name, text, expected):
    value = fixed_inputs(source, {name: text})[name]
    assert value.dtype == expected.dtype and value.shape == expected.shape and (value == expected).all()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing", "1"),
        ("rate", "fast"),
        ("state", "zeros:2,8"),
        ("state", "1,2"),
        ("state", "zeros:0,8"),
        ("state", ""),
        ("rate", "1e400"),
        ("rate", "1e30"),
        ("rate", "nan"),
        ("rate", "0.5"),
        ("state", "zeros:99999999,99999999"),
    ],
)
def test_a_fixed_input_that_does_not_fit_is_a_readable_error(source, name, text):
    with pytest.raises(OptionError) as caught:
        fixed_inputs(source, {name: text})
    assert f'"{name}"' in str(caught.value.reason) and str(caught.value.next_step)
