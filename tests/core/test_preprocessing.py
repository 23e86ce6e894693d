import numpy as np
import pytest
from PIL import Image

from core.common.errors import OptionError
from core.common.serialization import from_data, to_data
from core.preprocessing import PAD_GREY, Preprocessing


def striped(width: int, height: int) -> Image.Image:
    """Red on the left half, blue on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    pixels[:, width // 2 :, 2] = 255
    return Image.fromarray(pixels)


def test_tensor_has_the_layout_and_scale_that_were_asked_for():
    preprocessing = Preprocessing((4, 6), "stretch", "rgb", "nchw", (127.5,) * 3, (127.5,) * 3)
    tensor = preprocessing.tensor(striped(6, 4))
    assert tensor.shape == (1, 3, 4, 6) and tensor.dtype == np.float32
    assert tensor[0, :, 0, 0] == pytest.approx([1, -1, -1])
    assert tensor[0, :, 0, 5] == pytest.approx([-1, -1, 1])


def test_nhwc_is_the_same_tensor_with_its_axes_moved():
    nchw = Preprocessing((8, 8), "crop", layout="nchw").tensor(striped(20, 30))
    nhwc = Preprocessing((8, 8), "crop", layout="nhwc").tensor(striped(20, 30))
    assert np.array_equal(nchw.transpose(0, 2, 3, 1), nhwc)


def test_bgr_reorders_the_channels_and_each_keeps_its_own_mean():
    rgb = Preprocessing((4, 4), "stretch", "rgb", mean=(10, 20, 30), std=(1, 2, 3))
    bgr = rgb.with_color("bgr")
    assert bgr.mean == (30, 20, 10) and bgr.std == (3, 2, 1)
    assert np.array_equal(rgb.tensor(striped(4, 4))[0, ::-1], bgr.tensor(striped(4, 4))[0])


def test_grey_has_one_channel_and_one_mean():
    grey = Preprocessing((4, 4), "stretch").with_color("gray")
    assert grey.mean == (0.0,) and grey.tensor(striped(4, 4)).shape == (1, 1, 4, 4)


def test_crop_of_256_pixels_to_224_is_the_centre_without_resampling():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8))
    frame = Preprocessing((224, 224), "crop").frame(image)
    assert np.array_equal(np.asarray(frame), np.asarray(image)[16:240, 16:240])


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (37, 91)])
@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_any_image_can_be_brought_to_any_size(size, fit):
    for image in (striped(1, 1), striped(2, 999), striped(999, 2)):
        assert Preprocessing(size, fit).frame(image).size == size[::-1]


def test_pad_keeps_the_proportions_and_fills_with_grey():
    frame = np.asarray(Preprocessing((40, 40), "pad").frame(striped(40, 20)))
    assert (frame[:10] == PAD_GREY).all() and (frame[30:] == PAD_GREY).all()
    assert (frame[10:30, :19, 0] == 255).all()


def test_it_round_trips_through_json():
    preprocessing = Preprocessing((12, 34), "pad", "bgr", "nhwc", (1, 2.5, 3), (4, 5, 6))
    assert from_data(Preprocessing, to_data(preprocessing)) == preprocessing


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": (0, 4)},
        {"size": (4, 10**6)},
        {"fit": "squeeze"},
        {"color": "cmyk"},
        {"mean": (1, 2)},
        {"std": (0, 1, 1)},
        {"mean": (float("nan"), 0, 0)},
    ],
)
def test_impossible_settings_are_readable_errors(wrong):
    with pytest.raises(OptionError) as caught:
        Preprocessing(**{"size": (4, 4), **wrong})
    assert str(caught.value.reason) and str(caught.value.next_step)


def test_one_number_is_used_for_all_channels():
    changed = Preprocessing((4, 4)).overridden(mean=(5.0,), std=(2.0,), fit="pad")
    assert changed.mean == (5.0, 5.0, 5.0) and changed.std == (2.0, 2.0, 2.0) and changed.fit == "pad"


def test_the_number_of_numbers_that_are_missing_is_said_in_good_english():
    for color, expected in (("gray", "mean needs 1 number for"), ("rgb", "mean needs 3 numbers for")):
        with pytest.raises(OptionError) as caught:
            Preprocessing((4, 4), color=color, mean=(1, 2), std=(1,) * 3)
        assert expected in str(caught.value.reason)
