import zipfile

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.common.errors import ImagesError
from core.inputs.arrays import read_arrays
from core.inputs.images import ImageReader, read_folder
from core.inputs.samples import load_samples
from core.onnx_model.inspect import inspect
from small import PREPROCESSING, pictures, save


@pytest.fixture
def source(tmp_path):
    """Audio, a state and a sample rate; the output is their sum."""
    return inspect(
        save(
            [
                helper.make_node("ReduceSum", ["sound"], ["total"], keepdims=1),
                helper.make_node("Add", ["total", "state"], ["with_state"]),
                helper.make_node("Cast", ["rate"], ["rate_float"], to=TensorProto.FLOAT),
                helper.make_node("Add", ["with_state", "rate_float"], ["sum"]),
            ],
            [
                helper.make_tensor_value_info("sound", TensorProto.FLOAT, ["N", "length"]),
                helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 8]),
                helper.make_tensor_value_info("rate", TensorProto.INT64, []),
            ],
            [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, 8])],
            [],
            tmp_path / "sound.onnx",
        )
    )


def test_an_array_becomes_the_first_input_and_gets_its_batch_axis(source, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(5, dtype=np.float64))
    arrays = read_arrays(tmp_path / "a.npy", source)
    assert list(arrays) == ["sound"] and arrays["sound"].shape == (1, 5) and arrays["sound"].dtype == np.float32


def test_several_inputs_come_from_one_file_by_their_names(source, tmp_path):
    np.savez(tmp_path / "a.npz", sound=np.zeros((1, 7)), state=np.ones((1, 8)), other=np.ones(3))
    assert {name: array.shape for name, array in read_arrays(tmp_path / "a.npz", source).items()} == {
        "sound": (1, 7),
        "state": (1, 8),
    }


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_damaged_file_is_a_readable_error(source, tmp_path, content, suffix):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(ImagesError, match="bad"):
        read_arrays(path, source)


def test_pickled_objects_are_not_loaded(source, tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ImagesError):
        read_arrays(tmp_path / "evil.npy", source)


def test_an_archive_that_expands_to_a_huge_array_is_not_unpacked(source, tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("sound.npy", "w", force_zip64=True) as entry,
    ):
        for _ in range(1100):
            entry.write(bytes(1 << 20))
    with pytest.raises(ImagesError):
        read_arrays(tmp_path / "bomb.npz", source)


def test_an_array_of_another_shape_is_a_readable_error(source, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4), np.float32))
    with pytest.raises(ImagesError, match="2x3x4"):
        read_arrays(tmp_path / "a.npy", source)


def test_a_folder_of_arrays_is_found_and_what_does_not_fit_is_skipped(source, tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "a.npy", np.zeros((1, 4), np.float32))
    np.save(folder / "b.npy", np.zeros((1, 4, 4), np.float32))
    images, reader = read_folder(folder), ImageReader()
    samples = list(load_samples(source, PREPROCESSING, files=images.files, reader=reader))
    assert not images.holds_images and [sample.file.name for sample in samples] == ["a.npy"]
    assert [path.name for path in reader.skipped] == ["b.npy"]


def test_arrays_beside_images_are_not_samples(tmp_path):
    np.save(pictures(tmp_path, 2) / "embedding.npy", np.zeros(3))
    assert [path.suffix for path in read_folder(tmp_path).files] == [".png", ".png"]
