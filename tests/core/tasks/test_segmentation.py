import base64
import io

import numpy as np
import pytest
from PIL import Image

from core.common.text import say
from core.preprocessing import Placement, Preprocessing
from core.tasks.predictions import ClassMap, ClassTruth, MaskTruth
from core.tasks.segmentation import Segmentation, in_image

NOWHERE = Placement.identity((4, 4))
CLASSES = Segmentation("y", reason=say("Done."))
WHOLE = (0.0, 0.0, 1.0, 1.0)


def class_map(classes):
    return ClassMap(np.array(classes, np.int32), WHOLE, np.shape(classes))


def plain_mean_iou(pairs):
    """By sets of pixels, class by class."""
    both, either = {}, {}
    for number, (a, b) in enumerate(pairs):
        for index in set(np.ravel(a)) | set(np.ravel(b)):
            one = {(number, place) for place, value in enumerate(np.ravel(a)) if value == index}
            two = {(number, place) for place, value in enumerate(np.ravel(b)) if value == index}
            both[index] = both.get(index, 0) + len(one & two)
            either[index] = either.get(index, 0) + len(one | two)
    return np.mean([both[index] / either[index] for index in either])


def test_the_class_with_the_highest_score_wins_in_either_layout():
    scores = np.random.default_rng(0).standard_normal((1, 3, 4, 4)).astype(np.float32)
    expected = scores[0].argmax(axis=0)
    assert (CLASSES.decode({"y": scores}, NOWHERE).classes == expected).all()
    last = Segmentation("y", channels_last=True, reason=say("Done."))
    assert (last.decode({"y": np.moveaxis(scores, 1, -1)}, NOWHERE).classes == expected).all()
    assert (CLASSES.decode({"y": expected[None].astype(np.int64)}, NOWHERE).classes == expected).all()


def test_one_map_is_cut_at_the_threshold_as_shares_or_logits():
    shares = np.array([[[[0.2, 0.6], [0.9, 0.4]]]], np.float32)
    binary = Segmentation("y", reason=say("Done."))
    assert binary.decode({"y": shares}, NOWHERE).classes.tolist() == [[0, 1], [1, 0]]
    logits = Segmentation("y", is_logit=True, reason=say("Done."))
    assert logits.decode({"y": np.log(shares / (1 - shares))}, NOWHERE).classes.tolist() == [[0, 1], [1, 0]]


def test_agreement_is_the_mean_iou_over_all_pixels_of_all_samples():
    random = np.random.default_rng(1)
    pairs = [(random.integers(0, 3, (5, 6)), random.integers(0, 3, (5, 6))) for _ in range(6)]
    metric = CLASSES.agreement()
    own = [metric.update(class_map(a), class_map(b)) for a, b in pairs]
    assert own == [pytest.approx(plain_mean_iou([pair])) for pair in pairs]
    agreement = metric.compute()
    assert agreement.value == pytest.approx(plain_mean_iou(pairs), abs=1e-12)
    assert agreement.low < agreement.value < agreement.high


def test_background_alone_is_no_agreement():
    metric = CLASSES.agreement()
    metric.update(class_map(np.zeros((3, 3))), class_map(np.zeros((3, 3))))
    assert metric.compute() is None


def test_truth_is_measured_in_the_pixels_of_the_image_without_those_that_do_not_count():
    truth = MaskTruth(np.array([[0, 0, 1, 1], [0, 0, 1, -1]], np.int32))
    right, wrong = class_map([[0, 1]]), class_map([[0, 0]])
    source, other = CLASSES.truth(), CLASSES.truth()
    for metric, prediction in ((source, right), (other, wrong)):
        metric.update(prediction, truth)
        metric.update(prediction, ClassTruth("cat"))
    (figure,) = source.compute()
    assert (figure.metric, figure.value, figure.samples) == ("miou", 1.0, 1)
    (lost,) = other.compute(source)
    assert lost.value == pytest.approx((4 / 7 + 0) / 2) and lost.difference == pytest.approx(4 / 14 - 1)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "pad-corner"])
def test_a_map_goes_back_to_the_pixels_of_the_image(fit):
    """A picture whose left half is white is segmented by its brightness."""
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, :40] = 255
    preprocessing = Preprocessing((64, 64), fit=fit)
    brightness = preprocessing.tensor(Image.fromarray(picture))[:, :1]
    binary = Segmentation("y", reason=say("Done."))
    found = in_image(binary.decode({"y": brightness}, preprocessing.placement((40, 80))), (40, 80))
    seen = found >= 0
    assert (found[:, :38][seen[:, :38]] == 1).all() and (found[:, 42:][seen[:, 42:]] == 0).all()
    left, right = preprocessing.placement((40, 80)).points_to_image(np.array([[0, 0], [64, 64]], np.float32))[:, 0]
    assert seen[20].sum() == pytest.approx(min(80, right) - max(0, left), abs=1.01)
    assert seen.all() == (fit != "crop")


def test_what_was_cropped_off_does_not_count():
    prediction = ClassMap(np.array([[0, 1]], np.int32), (-0.5, 0.0, 1.5, 1.0), (1, 4))
    assert in_image(prediction, (1, 4)).tolist() == [[-1, 0, 1, -1]]
    metric = CLASSES.truth()
    metric.update(prediction, MaskTruth(np.array([[1, 0, 1, 2]], np.int32)))
    assert metric.compute()[0].value == 1.0


def test_the_score_counts_for_one_map_only():
    assert Segmentation("y", is_one_map=True, reason=say("Done.")).options.score == 0.5
    assert CLASSES.options.score is None


def test_the_map_is_stored_as_a_small_picture_of_class_indices():
    data = CLASSES.to_json(class_map(np.tile([[0, 1, 2, 2]], (600, 150))))
    with Image.open(io.BytesIO(base64.b64decode(data["png"]))) as picture:
        assert max(picture.size) == 256 and set(np.unique(np.asarray(picture))) == {0, 1, 2}
    assert data["kind"] == "map" and data["region"] == list(WHOLE)
