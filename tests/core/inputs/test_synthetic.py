import numpy as np

from core.inputs.synthetic import SYNTHETIC_SAMPLES, random_arrays, synthetic_images
from core.onnx_model.inspect import inspect
from small import PREPROCESSING, SIZE, conv_net


def test_synthetic_images_are_the_same_each_time_and_differ_from_each_other(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    first, again = ([sample.feeds["input"] for sample in synthetic_images(source, PREPROCESSING)] for _ in range(2))
    assert len(first) == SYNTHETIC_SAMPLES == len({tensor.tobytes() for tensor in first})
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert {tensor.shape for tensor in first} == {(1, 3, SIZE, SIZE)}


def test_synthetic_images_are_smooth_and_use_the_range_of_pixels(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    for sample in synthetic_images(source, PREPROCESSING):
        tensor = sample.feeds["input"]
        neighbours = np.abs(np.diff(tensor, axis=3)).mean()
        assert neighbours < tensor.std() and -1 <= tensor.min() < -0.5 < 0.5 < tensor.max() <= 1
        assert sample.file is None and sample.image is None


def test_random_arrays_keep_shapes_types_and_what_is_fixed():
    example = {
        "audio": np.zeros((1, 512), np.float32),
        "ids": np.zeros((1, 9), np.int64),
        "attention_mask": np.ones((1, 9), np.int64),
        "state": np.zeros((1, 8), np.float32),
        "rate": np.array(16000, np.int64),
        "table": np.full((2, 3), 7, np.float64),
    }
    samples = [sample.feeds for sample in random_arrays(example, {"table": example["table"]})]
    assert len(samples) == SYNTHETIC_SAMPLES
    for feeds in samples:
        assert {name: (tensor.shape, tensor.dtype) for name, tensor in feeds.items()} == {
            name: (tensor.shape, tensor.dtype) for name, tensor in example.items()
        }
        for name in ("attention_mask", "state", "rate", "table"):
            assert np.array_equal(feeds[name], example[name])
        assert set(np.unique(feeds["ids"])) <= {0, 1} and feeds["audio"].std() > 0.5
    assert len({feeds["audio"].tobytes() for feeds in samples}) == SYNTHETIC_SAMPLES
