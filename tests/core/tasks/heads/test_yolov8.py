import time

import numpy as np
import pytest

from core.tasks.heads.yolov8 import YoloV8, recognize
from head_evidence import SIZE, cells, centre_and_size, check, evidence, known_objects

CLASSES = 7
BOXES = len(cells())


def output(objects, *, classes=CLASSES, extras=0, seed=1):
    """(1, 4 + classes + extras, boxes): the objects at every third place, faint background elsewhere."""
    random = np.random.default_rng(seed)
    values = np.zeros((1, 4 + classes + extras, BOXES), np.float32)
    for index, (stride, row, column) in enumerate(cells()):
        values[0, :4, index] = (column + 0.5) * stride, (row + 0.5) * stride, stride * 2, stride * 3
        values[0, 4 : 4 + classes, index] = random.uniform(0, 0.05, classes)
    for index, (box, score, label) in enumerate(objects):
        values[0, :4, 3 * index] = centre_and_size(box)
        values[0, 4 + label, 3 * index] = score
    return values


OBJECTS = known_objects(9, CLASSES)


def test_boxes_scores_and_classes_are_those_that_were_written():
    head = recognize(evidence({"output0": output(OBJECTS)}))
    assert (head.class_count, head.name, head.nms_iou, head.default_score) == (CLASSES, "YOLOv8", 0.7, 0.25)
    check(head.decode({"output0": output(OBJECTS)}, SIZE, least=0.1), OBJECTS)


def test_scores_below_the_least_are_left_out_and_equal_ones_stay():
    head = YoloV8("o", CLASSES)
    values = output([((10, 10, 30, 30), 0.5, 2), ((50, 10, 70, 30), 0.499, 2)])
    check(head.decode({"o": values}, SIZE, least=0.5), [((10, 10, 30, 30), 0.5, 2)])
    nothing = head.decode({"o": values}, SIZE, least=0.9)
    assert nothing.boxes.shape == (0, 4) and nothing.classes.shape == (0,)


def test_swapped_axes_are_seen():
    swapped = {"o": output(OBJECTS).transpose(0, 2, 1)}
    head = recognize(evidence(swapped))
    assert head.boxes_first
    check(head.decode(swapped, SIZE, least=0.1), OBJECTS)


def test_more_values_than_boxes_do_not_mislead():
    many = {"o": output(OBJECTS, classes=BOXES + 20)}
    assert not recognize(evidence(many)).boxes_first


def test_shares_of_the_input_are_seen_and_become_pixels():
    values = output(OBJECTS)
    values[0, [0, 2]] /= SIZE[1]
    values[0, [1, 3]] /= SIZE[0]
    head = recognize(evidence({"o": values}))
    assert head.shares
    check(head.decode({"o": values}, SIZE, least=0.1), OBJECTS)


def test_half_precision_outputs_are_read():
    values = {"o": output(OBJECTS).astype(np.float16)}
    check(recognize(evidence(values)).decode(values, SIZE, least=0.1), OBJECTS, score=1e-3)


def test_only_the_first_image_of_a_batch_counts():
    both = {"o": np.concatenate((output(OBJECTS), output([])))}
    check(recognize(evidence(both)).decode(both, SIZE, least=0.1), OBJECTS)


def test_masks_come_with_their_prototypes():
    random = np.random.default_rng(0)
    values, prototypes = output(OBJECTS, extras=32), random.normal(size=(1, 32, 24, 40)).astype(np.float32)
    values[0, -32:] = random.normal(size=(32, BOXES))
    outputs = {"output0": values, "output1": prototypes}
    for metadata in ({}, {"task": "segment"}):
        head = recognize(evidence(outputs, metadata=metadata))
        assert (head.class_count, head.name) == (CLASSES, "YOLOv8-seg")
        found = head.decode(outputs, SIZE, least=0.1)
        check(found, OBJECTS)
        assert np.array_equal(found.mask_weights, values[0, -32:, 0 : 3 * len(OBJECTS) : 3].T)
        assert np.array_equal(found.prototypes, prototypes[0])


def with_keypoints(points, *, classes=1, size=3):
    objects = [(box, score, label % classes) for box, score, label in OBJECTS]
    values = output(objects, classes=classes, extras=points * size)
    random = np.random.default_rng(0)
    for point in range(points):
        values[0, 4 + classes + point * size] = random.uniform(0, SIZE[1], BOXES)
        values[0, 4 + classes + point * size + 1] = random.uniform(0, SIZE[0], BOXES)
        if size == 3:
            values[0, 4 + classes + point * size + 2] = random.uniform(0, 1, BOXES)
    return values, objects


@pytest.mark.parametrize(
    ("metadata", "names"),
    [({"task": "pose", "kpt_shape": "[17, 3]"}, ("person",)), ({}, ("person",)), ({}, ())],
)
def test_keypoints_come_in_pixels_with_their_scores(metadata, names):
    values, objects = with_keypoints(17)
    head = recognize(evidence({"o": values}, metadata=metadata, names=names))
    assert (head.class_count, head.name) == (1, "YOLOv8-pose")
    found = head.decode({"o": values}, SIZE, least=0.1)
    check(found, objects)
    for index in range(len(objects)):
        for point in range(17):
            assert (
                found.keypoints[index, point].tolist() == values[0, 5 + 3 * point : 8 + 3 * point, 3 * index].tolist()
            )


def test_keypoints_without_scores_all_count():
    values, objects = with_keypoints(4, classes=2, size=2)
    head = recognize(evidence({"o": values}, metadata={"task": "pose", "kpt_shape": "[4, 2]"}, names=("a", "b")))
    found = head.decode({"o": values}, SIZE, least=0.1)
    check(found, objects)
    assert found.keypoints.shape == (len(objects), 4, 3) and (found.keypoints[..., 2] == 1).all()
    assert found.keypoints[1, 3, :2].tolist() == values[0, 12:14, 3].tolist()


def test_keypoints_in_shares_become_pixels():
    values, objects = with_keypoints(5)
    values[0, [0, 2]] /= SIZE[1]
    values[0, [1, 3]] /= SIZE[0]
    values[0, 5::3] /= SIZE[1]
    values[0, 6::3] /= SIZE[0]
    head = recognize(evidence({"o": values}, metadata={"task": "pose", "kpt_shape": "[5, 3]"}, names=("person",)))
    found = head.decode({"o": values}, SIZE, least=0.1)
    check(found, objects)
    pixels, _ = with_keypoints(5)
    assert np.abs(found.keypoints[2, 4] - pixels[0, 17:20, 6]).max() < 1e-3


@pytest.mark.parametrize(("metadata", "names"), [({"task": "obb"}, ()), ({}, "abcdefg"), ({}, ())])
def test_rotated_boxes_come_with_their_angles(metadata, names):
    values = output(OBJECTS, extras=1)
    values[0, -1] = np.linspace(-np.pi / 4, 3 * np.pi / 4, BOXES)
    head = recognize(evidence({"o": values}, metadata=metadata, names=names))
    assert (head.class_count, head.name) == (CLASSES, "YOLOv8-OBB")
    found = head.decode({"o": values}, SIZE, least=0.1)
    check(found, OBJECTS)
    assert np.array_equal(found.angles, values[0, -1, 0 : 3 * len(OBJECTS) : 3])


def test_the_family_is_named_by_the_description():
    described = {"description": "Ultralytics YOLO11n model trained on coco.yaml", "task": "detect"}
    assert recognize(evidence({"o": output(OBJECTS)}, metadata=described)).name == "YOLO11"


def test_a_model_that_is_sure_of_nothing_is_still_recognised():
    assert recognize(evidence({"o": output([])})).class_count == CLASSES


def test_untrained_boxes_of_any_size_are_recognised_by_the_metadata():
    values = output(OBJECTS)
    values[0, 2:4] *= -1
    assert recognize(evidence({"o": values})) is None
    assert recognize(evidence({"o": values}, metadata={"task": "detect"})).class_count == CLASSES


def test_other_outputs_are_not_mistaken():
    values = output(OBJECTS)
    assert recognize(evidence({"o": values - 0.5})) is None  # negative scores
    assert recognize(evidence({"o": values[:, :, :-1]})) is None  # no grid has so many cells
    assert recognize(evidence({"o": values}, size=None)) is None
    assert recognize(evidence({"o": values, "more": values})) is None
    assert recognize(evidence({"o": values[:, :4]})) is None
    classifier = {"task": "classify", "description": "Ultralytics YOLO11n-cls model"}
    assert recognize(evidence({"o": values}, metadata=classifier)) is None


def test_offsets_from_the_cells_are_no_decoded_boxes():
    values = output(OBJECTS)
    values[0, :2] = np.random.default_rng(0).normal(0.4, 0.3, (2, BOXES))
    values[0, 2:4] = np.random.default_rng(1).normal(1.8, 0.3, (2, BOXES))
    assert recognize(evidence({"o": values})) is None  # YOLOX's raw output
    assert recognize(evidence({"o": output(OBJECTS)[:, :, ::-1]})) is None


def test_the_largest_stride_may_come_first():
    order = [index for stride in (32, 16, 8) for index, cell in enumerate(cells()) if cell[0] == stride]
    values = {"o": output(OBJECTS)[:, :, order]}
    check(recognize(evidence(values)).decode(values, SIZE, least=0.1), OBJECTS)


def test_a_large_output_is_decoded_in_milliseconds():
    values = np.random.default_rng(0).uniform(0, 0.3, (1, 84, 8400)).astype(np.float32)
    head, times = YoloV8("o", 80), []
    for _ in range(5):
        start = time.perf_counter()
        head.decode({"o": values}, (640, 640), least=0.25)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05  # measured: 2 ms
