"""Few calibration pictures are looked at in several ways, many in one."""

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


def given(tmp_path, fit, ways):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, :40] = (200, 10, 10)
    picture = Image.fromarray(wide)
    settings = preprocessing(fit)
    sample = Sample(image_feeds(source, settings.tensor(picture)), picture=picture)
    return [feeds["input"] for feeds in augment(sample, source, settings, ways)]


def test_the_first_way_is_the_persons_own_and_the_second_its_mirror_image(tmp_path):
    own, mirrored = given(tmp_path, "stretch", 2)
    np.testing.assert_allclose(mirrored, own[:, :, :, ::-1], atol=0.02)


def test_further_ways_bring_the_picture_to_its_size_in_another_manner(tmp_path):
    ways = given(tmp_path, "crop", 4)
    assert len(ways) == 4
    assert all(way.shape == ways[0].shape for way in ways)
    assert len({way.tobytes() for way in ways}) == 4


def test_padded_pictures_keep_their_shape(tmp_path):
    assert len(given(tmp_path, "pad", 4)) == 2


@pytest.mark.parametrize(("count", "ways"), [(1, 4), (5, 4), (10, 2), (20, 1), (400, 1)])
def test_the_fewer_pictures_the_more_ways(count, ways):
    assert augmentation_count(count, preprocessing("crop")) == ways


def test_arrays_are_given_as_they_are(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    feeds = {"input": np.ones((1, 3, SIZE, SIZE), np.float32)}
    assert list(augment(Sample(feeds), source, preprocessing("crop"), 4)) == [feeds]
