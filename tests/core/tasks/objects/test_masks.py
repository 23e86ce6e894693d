import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle

from array_head import ArrayHead
from core.preprocessing import Placement, Preprocessing
from core.tasks.heads.base import Candidates
from core.tasks.objects.masks import encode, image_masks


@pytest.mark.parametrize("seed", range(6))
def test_a_part_is_encoded_as_the_whole_mask_is(seed):
    generator = np.random.default_rng(seed)
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        whole = np.zeros((13, 9), bool)
        top, left = generator.integers(0, 5, 2)
        height, width = generator.integers(1, (13 - top + 1, 9 - left + 1))
        if seed == 0:
            top, left, height, width = 0, 0, 13, 9  # runs go on from column to column
        part = generator.random((height, width)) < share
        whole[top : top + height, left : left + width] = part
        encoded = encode(part, (int(top), int(left)), (13, 9))
        assert encoded == rle.encode(np.asfortranarray(whole.astype(np.uint8)))


def test_an_empty_part_gives_an_empty_mask():
    assert rle.area(encode(np.zeros((0, 0), bool), (0, 0), (20, 30))) == 0


def disc(size, centre, radius):
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return np.hypot(x - centre[0], y - centre[1]) <= radius


def logits_of(picture, preprocessing):
    """What a perfect model would say of a picture of the object: its input, at a quarter of the size."""
    gray = np.asarray(preprocessing.frame(Image.fromarray(picture.astype(np.uint8) * 255)).convert("L"), np.float32)
    if preprocessing.fit.startswith("pad"):
        gray = np.where(gray == 114, 0, gray)
    height, width = preprocessing.size
    coarse = gray.reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3)) / 255
    return np.log(np.clip(coarse, 1e-4, 1 - 1e-4) / (1 - np.clip(coarse, 1e-4, 1 - 1e-4)))


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "pad-corner"])
def test_the_mask_covers_the_object_in_the_image(fit):
    picture = disc((300, 420), (200, 160), 70)
    preprocessing = Preprocessing((128, 160), fit=fit)
    candidates = Candidates(
        np.zeros((1, 4), np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        mask_logits=logits_of(picture, preprocessing)[None],
    )
    (mask,) = image_masks(candidates, np.array([[120, 80, 280, 240]], np.float32), preprocessing.placement((300, 420)))
    assert mask["size"] == [300, 420]
    truth = rle.encode(np.asfortranarray(picture.astype(np.uint8)))
    assert rle.iou([mask], [truth], [0])[0, 0] > 0.97


def test_the_mask_ends_at_the_box():
    candidates = Candidates(
        np.zeros((1, 4), np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        mask_logits=np.full((1, 10, 10), 9.0),
    )
    placement = Placement.identity((40, 40))
    (mask,) = image_masks(candidates, np.array([[4.6, 10.4, 20.4, 40]], np.float32), placement)
    assert rle.toBbox(mask).tolist() == [5, 10, 15, 30]
    assert rle.area(mask) == 15 * 30


def test_weights_mix_the_prototypes():
    generator = np.random.default_rng(0)
    weights, prototypes = generator.normal(size=(3, 4)).astype(np.float32), generator.normal(size=(4, 20, 20))
    logits = np.einsum("np,phw->nhw", weights, prototypes.astype(np.float32))
    placement, boxes = Placement.identity((60, 60)), np.array([[0, 0, 60, 60]] * 3, np.float32)
    common = boxes, np.ones(3, np.float32), np.zeros(3, np.int64)
    mixed = Candidates(*common, mask_weights=weights, prototypes=prototypes.astype(np.float32))
    given = Candidates(*common, mask_logits=logits)
    assert image_masks(mixed, boxes, placement) == image_masks(given, boxes, placement)
    for mask, each in zip(image_masks(mixed, boxes, placement), logits, strict=True):
        # At the middle pixel of each cell nothing is interpolated.
        assert (rle.decode(mask)[1::3, 1::3].astype(bool) == (each > 0)).all()


def test_boxes_without_a_pixel_have_an_empty_mask():
    candidates = Candidates(
        np.zeros((2, 4), np.float32), np.ones(2, np.float32), np.zeros(2, np.int64), mask_logits=np.full((2, 5, 5), 9.0)
    )
    boxes = np.array([[4.6, 4.6, 4.9, 9], [np.nan, 0, 5, 5]], np.float32)
    assert [rle.area(mask) for mask in image_masks(candidates, boxes, Placement.identity((20, 20)))] == [0, 0]


def test_heads_without_masks_give_none():
    rows = {"objects": np.array([[[0, 0, 9, 9, 0.9, 0]]])}
    assert (
        image_masks(ArrayHead().decode(rows, (20, 20), least=0.1), np.zeros((1, 4)), Placement.identity((20, 20)))
        is None
    )
