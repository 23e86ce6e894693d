import numpy as np
from PIL import Image, ImageChops, ImageDraw
from pycocotools import mask as rle

from core.tasks.objects.outlines import outlines


def encoded(mask):
    return rle.encode(np.asfortranarray(mask.astype(np.uint8)))


def iou(rings, mask, zoom=8):
    """Of the mask with the rings, filled with the even-odd rule on a finer grid."""
    height, width = mask.shape
    picture = Image.new("1", (width * zoom, height * zoom))
    for ring in rings:
        layer = Image.new("1", picture.size)
        ImageDraw.Draw(layer).polygon([(x * zoom - 0.5, y * zoom - 0.5) for x, y in ring], fill=1)
        picture = ImageChops.logical_xor(picture, layer)
    fine, drawn = np.kron(mask, np.ones((zoom, zoom), bool)), np.asarray(picture)
    return (fine & drawn).sum() / (fine | drawn).sum()


def disc(size, x, y, radius):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.hypot(columns - x, rows - y) <= radius


def test_a_rectangle_has_few_points_at_its_corners():
    mask = np.zeros((60, 80), bool)
    mask[10:30, 20:70] = True
    (ring,) = outlines(encoded(mask))
    assert len(ring) <= 8 and iou([ring], mask) > 0.95
    assert all(min(abs(x - 20), abs(x - 70)) <= 0.5 and min(abs(y - 10), abs(y - 30)) <= 0.5 for x, y in ring)


def test_a_disc_is_followed_with_few_points():
    mask = disc((400, 400), 210, 180, 150)
    rings = outlines(encoded(mask))
    assert len(rings) == 1 and len(rings[0]) < 40
    assert iou(rings, mask) > 0.97


def test_parts_and_holes_have_rings_of_their_own_the_largest_first():
    mask = disc((300, 400), 120, 150, 100) & ~disc((300, 400), 120, 150, 50) | disc((300, 400), 320, 150, 40)
    rings = outlines(encoded(mask))
    assert len(rings) == 3
    assert iou(rings, mask) > 0.95
    widths = [max(x for x, _ in ring) - min(x for x, _ in ring) for ring in rings]
    assert widths == sorted(widths, reverse=True)


def test_specks_are_left_out():
    mask = disc((300, 300), 150, 150, 100)
    mask[2:5, 2:5] = True
    assert len(outlines(encoded(mask))) == 1


def test_parts_that_touch_at_a_corner_are_closed():
    mask = np.zeros((20, 20), bool)
    mask[2:8, 2:8] = mask[8:14, 8:14] = True
    assert iou(outlines(encoded(mask)), mask) > 0.85


def test_a_thin_line_is_still_there():
    diagonal = np.eye(300, dtype=bool)
    assert outlines(encoded(diagonal))
    (ring,) = outlines(encoded(np.eye(1, dtype=bool)))  # one pixel
    assert len(ring) == 4


def test_an_empty_mask_has_no_outline():
    assert outlines(encoded(np.zeros((9, 9), bool))) == []
