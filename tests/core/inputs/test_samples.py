from dataclasses import replace

import numpy as np
import pytest

from core.inputs.images import ImageReader, read_folder
from core.inputs.samples import image_feeds, load_samples
from core.onnx_model.inspect import inspect
from core.onnx_model.source import TensorInfo
from small import PREPROCESSING, SIZE, conv_net, pictures


@pytest.fixture
def source(tmp_path):
    return inspect(conv_net(tmp_path / "net.onnx"))


def load(source, files):
    reader = ImageReader()
    return list(load_samples(source, PREPROCESSING, files=files, reader=reader)), reader


def test_an_image_becomes_the_input_and_stays_with_its_sample(source, tmp_path):
    files = read_folder(pictures(tmp_path / "images", 2)).files
    samples, reader = load(source, files)
    assert [sample.file for sample in samples] == list(files) and not reader.skipped
    for sample in samples:
        assert np.array_equal(sample.feeds["input"], PREPROCESSING.tensor(sample.image))


def test_unreadable_files_are_skipped_with_the_reason(source, tmp_path):
    folder = pictures(tmp_path / "images", 1)
    (folder / "broken.png").write_bytes(b"no image")
    np.save(folder / "small.npy", np.zeros((1, 3, 2, 2), np.float32))
    samples, reader = load(source, sorted(folder.iterdir()))
    assert [sample.file.name for sample in samples] == ["000.png"]
    assert {path.name for path in reader.skipped} == {"broken.png", "small.npy"} and all(reader.skipped.values())


def test_images_and_arrays_can_be_mixed(source, tmp_path):
    folder = pictures(tmp_path / "images", 1)
    np.save(folder / "z.npy", np.ones((3, SIZE, SIZE), np.float32))
    samples, _ = load(source, sorted(folder.iterdir()))
    assert [sample.image is None for sample in samples] == [False, True]
    assert samples[1].feeds["input"].shape == (1, 3, SIZE, SIZE)


def test_images_are_left_out_where_the_model_takes_none(source, tmp_path):
    audio = replace(source, inputs=(TensorInfo("audio", (1, "length"), "float32"),))
    samples, reader = load(audio, read_folder(pictures(tmp_path / "images", 2)).files)
    assert samples == [] and not reader.skipped


@pytest.mark.parametrize(("batch", "expected"), [(1, 1), (4, 4), ("N", 1)])
def test_an_image_fills_a_fixed_batch(source, batch, expected):
    several = replace(source, inputs=(TensorInfo("input", (batch, 3, SIZE, SIZE), "float32"),))
    tensor = np.random.default_rng(0).standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)
    (fed,) = image_feeds(several, tensor).values()
    assert len(fed) == expected and all(np.array_equal(image, tensor[0]) for image in fed)
