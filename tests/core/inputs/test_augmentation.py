import numpy as np
import pytest
from PIL import Image

from core.inputs.augmentation import augment, augmentation_count
from core.inputs.samples import Sample, image_feeds
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from small import SIZE, conv_net


def preprocessing(fit):
    return Preprocessing((SIZE, SIZE), fit=fit, mean=(0.0,) * 3, std=(255.0,) * 3)


@pytest.fixture
def source(tmp_path):
    return inspect(conv_net(tmp_path / "net.onnx"))


def variants(source, fit, count):
    """Input tensors made of an image that is red on its left half and black on its right."""
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = (200, 10, 10)
    image = Image.fromarray(pixels)
    sample = Sample({**image_feeds(source, preprocessing(fit).tensor(image)), "rate": np.int64(16000)}, image=image)
    feeds = list(augment(sample, source, preprocessing(fit), count))
    assert all(entry["rate"] == 16000 for entry in feeds)  # inputs that are not the image stay
    return [entry["input"] for entry in feeds]


def test_the_first_variant_is_the_sample_itself_and_the_second_its_mirror_image(source):
    original, mirrored = variants(source, "stretch", 2)
    np.testing.assert_allclose(mirrored, original[:, :, :, ::-1], atol=0.02)


def test_further_variants_resize_in_other_ways(source):
    tensors = variants(source, "crop", 4)
    assert len({tensor.tobytes() for tensor in tensors}) == 4
    assert {tensor.shape for tensor in tensors} == {(1, 3, SIZE, SIZE)}
    grey = preprocessing("pad").tensor(Image.new("RGB", (80, 40)))[0, 0, 0, 0]
    assert [bool((tensor[0, :, 0] == grey).all()) for tensor in tensors] == [False, False, False, True]  # letterboxed


def test_letterboxed_images_are_mirrored_only(source):
    assert len(variants(source, "pad", 4)) == 2


@pytest.mark.parametrize(("images", "count"), [(0, 4), (1, 4), (5, 4), (6, 3), (10, 2), (11, 1), (20, 1), (400, 1)])
def test_the_fewer_images_the_more_variants(images, count):
    assert augmentation_count(images, preprocessing("crop")) == count


@pytest.mark.parametrize(("fit", "most"), [("crop", 4), ("stretch", 4), ("pad", 2), ("pad-corner", 2)])
def test_the_count_is_that_of_the_variants_there_are(source, fit, most):
    assert augmentation_count(1, preprocessing(fit)) == most == len(variants(source, fit, most))


def test_arrays_are_not_augmented(source):
    feeds = {"input": np.ones((1, 3, SIZE, SIZE), np.float32)}
    assert list(augment(Sample(feeds), source, preprocessing("crop"), 4)) == [feeds]
