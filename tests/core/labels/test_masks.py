import numpy as np
import pytest
from PIL import Image

from core.labels.masks import without_masks
from labelled_pictures import labels_of, picture, problem_texts, write


def mask(path, pixels, *, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    if mode == "P":
        image = image.convert("P")
        image.putdata(np.asarray(pixels).ravel().tolist())
        image.putpalette([value for index in range(256) for value in (index, 255 - index, 7)])
    image.convert(mode).save(path)
    return path


CLASSES = np.full((50, 100), 3)
CLASSES[:10, :20] = 0
CLASSES[40:, :] = 255


@pytest.mark.parametrize("folder", ["masks", "labels", "annotations", "SegmentationClass", "gt"])
@pytest.mark.parametrize("mode", ["L", "P"])
def test_masks_of_the_same_name_give_the_class_of_every_pixel(tmp_path, folder, mode):
    file = picture(tmp_path / "images" / "val" / "1.jpg")
    mask(tmp_path / folder / "val" / "1.png", CLASSES, mode=mode)
    for given in (tmp_path, file.parent):
        labels = labels_of(given)
        assert labels.kind == "masks" and labels.count == 1
        np.testing.assert_array_equal(labels.truth(file).classes, np.where(CLASSES == 255, -1, CLASSES))


@pytest.mark.parametrize("name", ["1_mask.png", "1_label.png", "masks/1_mask.png"])
def test_masks_are_known_by_the_end_of_their_name(tmp_path, name):
    file = picture(tmp_path / "1.jpg")
    other = picture(tmp_path / "2.jpg")
    mask(tmp_path / name, CLASSES)
    labels = labels_of(tmp_path)
    assert labels.truth(file).classes[0, 50] == 3 and labels.truth(other) is None
    assert "1 of 2 pictures" in str(labels.description) and "1 picture has no label" in problem_texts(labels)


def test_masks_of_0_and_255_are_0_and_1(tmp_path):
    file = picture(tmp_path / "1.jpg")
    mask(tmp_path / "1_mask.png", np.where(CLASSES == 3, 255, 0))
    np.testing.assert_array_equal(labels_of(tmp_path).truth(file).classes, CLASSES == 3)


def test_255_does_not_count_where_another_mask_has_classes(tmp_path):
    file = picture(tmp_path / "1.jpg")
    picture(tmp_path / "2.jpg")
    mask(tmp_path / "1_mask.png", np.where(CLASSES == 3, 255, 0))
    mask(tmp_path / "2_mask.png", CLASSES)
    assert set(np.unique(labels_of(tmp_path).truth(file).classes)) == {0, -1}


def test_masks_of_16_bit_are_read(tmp_path):
    file = picture(tmp_path / "1.jpg")
    Image.fromarray(np.full((50, 100), 300, np.uint16)).save(tmp_path / "1_mask.png")
    assert (labels_of(tmp_path).truth(file).classes == 300).all()


def test_a_mask_of_the_stored_pixels_is_turned_with_the_picture(tmp_path):
    file = picture(tmp_path / "1.jpg", (100, 50), orientation=6)
    mask(tmp_path / "1_mask.png", CLASSES)
    expected = np.rot90(np.where(CLASSES == 255, -1, CLASSES), -1)  # clockwise
    np.testing.assert_array_equal(labels_of(tmp_path).truth(file).classes, expected)


def test_a_smaller_mask_is_enlarged_and_one_of_another_shape_left_out(tmp_path):
    file, other = picture(tmp_path / "1.jpg"), picture(tmp_path / "2.jpg")
    mask(tmp_path / "1_mask.png", CLASSES[::2, ::2])
    mask(tmp_path / "2_mask.png", CLASSES[:, :50])
    labels = labels_of(tmp_path)
    assert labels.truth(file).classes.shape == (50, 100) and set(np.unique(labels.truth(file).classes)) == {-1, 0, 3}
    assert labels.truth(other) is None and "another shape" in problem_texts(labels)


def test_coloured_and_damaged_masks_are_counted_and_huge_ones_not_decoded(tmp_path):
    for name in ("1", "2", "3", "4"):
        picture(tmp_path / "images" / f"{name}.jpg")
    colored = np.zeros((50, 100, 3), np.uint8)
    colored[:, :, 0] = 200
    mask(tmp_path / "masks" / "1.png", colored, mode="RGB")
    (tmp_path / "masks" / "2.png").write_bytes(b"no picture")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "masks" / "3.png")
    mask(tmp_path / "masks" / "4.png", np.stack([CLASSES] * 3, axis=2), mode="RGB")  # grey, in three channels
    labels = labels_of(tmp_path)
    truths = [labels.truth(tmp_path / "images" / f"{name}.jpg") for name in "1234"]
    assert truths[:3] == [None] * 3 and truths[3].classes[0, 50] == 3
    assert "3 masks are coloured or damaged" in problem_texts(labels)


def test_names_come_from_a_list_beside_the_masks(tmp_path):
    picture(tmp_path / "1.jpg")
    mask(tmp_path / "1_mask.png", CLASSES)
    write(tmp_path / "classes.txt", "sky\nroad\n")
    assert labels_of(tmp_path).class_names == ("sky", "road")


def test_photographs_in_a_folder_that_is_called_like_one_for_masks_stay(tmp_path):
    files = [tmp_path / "masks" / "1.png", tmp_path / "faces" / "1.png"]
    for seed, path in enumerate(files):
        path.parent.mkdir()
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    assert without_masks(tmp_path, files) == tuple(files)


def test_a_picture_whose_name_ends_like_that_of_a_mask_stays_where_there_is_no_other(tmp_path):
    files = [picture(tmp_path / "gas_mask.png"), picture(tmp_path / "dog.png"), picture(tmp_path / "masks" / "cat.png")]
    assert without_masks(tmp_path, files) == tuple(files)
