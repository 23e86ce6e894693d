import numpy as np
import pytest
from pycocotools import mask as coco_mask

from core.common.errors import ImagesError
from labelled_pictures import labels_of, picture, problem_texts, write


def document(annotations, *, name="1.jpg", size=(100, 50), categories=None):
    return {
        "images": [{"id": 7, "file_name": name, "width": size[0], "height": size[1]}],
        "annotations": [{"image_id": 7, "category_id": 3, **entry} for entry in annotations],
        "categories": categories or [{"id": 90, "name": "toothbrush"}, {"id": 3, "name": "car"}],
    }


def truth_of(folder, annotations, *, path="1.jpg", orientation=None, actual=(100, 50), **options):
    file = picture(folder / path, actual, orientation=orientation)
    write(folder / "labels.json", document(annotations, name=path, **options))
    labels = labels_of(folder)
    return labels.truth(file), labels


def test_boxes_are_read_with_the_names_of_category_ids_that_are_not_contiguous(tmp_path):
    truth, labels = truth_of(
        tmp_path, [{"bbox": [10, 5, 30, 20]}, {"bbox": [0, 0, 4, 4], "category_id": 90, "iscrowd": 1}]
    )
    np.testing.assert_array_equal(truth.boxes, [[10, 5, 40, 25], [0, 0, 4, 4]])
    assert truth.labels == ("car", "toothbrush") and truth.crowd.tolist() == [False, True]
    assert truth.areas.tolist() == [600, 16] and truth.masks is None and truth.keypoints is None
    assert labels.class_names == ("car", "toothbrush") and labels.kind == "objects" and labels.labels == frozenset()
    assert str(labels.description) == "Right answers known: boxes of 1 picture (COCO, labels.json, 2 classes)"
    assert labels.problems == ()


def test_without_names_labels_are_indices_of_the_sorted_categories(tmp_path):
    truth, labels = truth_of(tmp_path, [{"bbox": [1, 1, 2, 2]}], categories=[{"id": 5}, {"id": 3}])
    assert truth.labels == ("0",) and labels.class_names == ()


def test_a_picture_without_objects_has_a_label_and_one_that_is_not_listed_has_none(tmp_path):
    other = picture(tmp_path / "2.jpg")
    truth, labels = truth_of(tmp_path, [])
    assert len(truth.boxes) == 0 and truth.boxes.shape == (0, 4) and labels.truth(other) is None
    assert "1 of 2 pictures" in str(labels.description)


def test_polygons_and_both_kinds_of_run_lengths_become_masks(tmp_path):
    square = np.zeros((50, 100), np.uint8)
    square[10:20, 30:50] = 1
    compressed = coco_mask.encode(np.asfortranarray(square))
    flat = square.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    annotations = [
        {"segmentation": [[30, 10, 50, 10, 50, 20, 30, 20]]},
        {"segmentation": {"size": [50, 100], "counts": runs}},
        {"segmentation": {"size": [50, 100], "counts": compressed["counts"].decode()}},
    ]
    truth, labels = truth_of(tmp_path, annotations)
    for mask in truth.masks:
        np.testing.assert_array_equal(coco_mask.decode(mask), square)
    np.testing.assert_array_equal(truth.boxes, [[30, 10, 50, 20]] * 3)  # from the mask, where there is no box
    assert truth.areas.tolist() == [200] * 3
    assert "outlines" in str(labels.description)


def test_compressed_run_lengths_of_random_masks_are_read_as_pycocotools_reads_them(tmp_path):
    random = np.random.default_rng(0)
    pixels = [(random.random((50, 100)) < share).astype(np.uint8) for share in (0.001, 0.3, 0.999)]
    encoded = [coco_mask.encode(np.asfortranarray(mask))["counts"].decode() for mask in pixels]
    truth, _ = truth_of(tmp_path, [{"segmentation": {"size": [50, 100], "counts": counts}} for counts in encoded])
    for mask, expected in zip(truth.masks, pixels, strict=True):
        np.testing.assert_array_equal(coco_mask.decode(mask), expected)


@pytest.mark.parametrize(
    "runs",
    [
        {"size": [50, 100], "counts": [10, 10]},  # too few pixels
        {"size": [50, 100], "counts": [0, 10**12]},
        {"size": [50, 100], "counts": [-1, 5001]},
        {"size": [50, 100], "counts": "~~~~"},
        {"size": [50, 100], "counts": "oooooooooooooooooooo"},  # no end
        {"size": [10**6, 10**6], "counts": [10**12]},
        {"size": [50], "counts": [5000]},
        {"size": [50, 100], "counts": None},
    ],
)
def test_damaged_run_lengths_never_reach_the_decoder(tmp_path, runs):
    truth, labels = truth_of(tmp_path, [{"bbox": [1, 2, 3, 4], "segmentation": runs}])
    np.testing.assert_array_equal(truth.boxes, [[1, 2, 4, 6]])
    assert truth.masks is None and "outline is damaged" in problem_texts(labels)


def test_polygons_far_outside_are_cut_off_at_the_edges(tmp_path):
    truth, _ = truth_of(tmp_path, [{"segmentation": [[-1e9, -1e9, 1e9, -1e9, 1e9, 1e9, -1e9, 1e9]]}])
    assert coco_mask.area(truth.masks[0]) == 100 * 50


def test_keypoints_are_read_and_objects_without_any_get_points_that_are_not_labelled(tmp_path):
    annotations = [{"bbox": [1, 1, 9, 9], "keypoints": [4, 5, 2, 0, 0, 0, 6, 7, 1]}, {"bbox": [20, 1, 9, 9]}]
    truth, labels = truth_of(tmp_path, annotations)
    np.testing.assert_array_equal(truth.keypoints[0], [[4, 5, 2], [0, 0, 0], [6, 7, 1]])
    assert not truth.keypoints[1].any() and labels.has_keypoints


def test_bad_objects_are_left_out_mended_and_counted(tmp_path):
    annotations = [
        {"bbox": [90, 40, 30, 30]},  # over the edge
        {"bbox": [200, 200, 5, 5]},
        {"bbox": [5, 5, -3, 4]},
        {"bbox": [float("nan"), 5, 3, 4]},
        {"bbox": [1, 5, float("inf"), 4]},
        {"bbox": ["a", 5, 3, 4]},
        {"bbox": [1, 1, 1, 1], "category_id": 4},
        {"bbox": [1, 1, 1, 1], "category_id": [3]},
        {"bbox": [1, 2, 3]},
    ]
    truth, labels = truth_of(tmp_path, annotations)
    np.testing.assert_array_equal(truth.boxes, [[90, 40, 100, 50]])
    said = problem_texts(labels)
    assert "1 box reached over the edge" in said and "1 box lies outside" in said and "1 box without a positive" in said
    assert "4 objects whose numbers are missing" in said and "2 objects of classes that are not" in said
    labels.truth(tmp_path / "1.jpg")
    assert problem_texts(labels) == said  # reading twice counts once


def test_entries_that_are_no_entries_and_pictures_that_are_missing_are_counted(tmp_path):
    file = picture(tmp_path / "1.jpg")
    data = document([{"bbox": [1, 1, 2, 2]}])
    data["images"] += [{"id": 8, "file_name": "gone.jpg"}, {"id": 9}, "x", {"id": [1], "file_name": "1.jpg"}]
    data["annotations"] += [None, 5, {"bbox": [1, 1, 2, 2]}]
    write(tmp_path / "a.json", data)
    labels = labels_of(tmp_path)
    assert len(labels.truth(file).boxes) == 1
    assert "1 label belongs to a picture that is not in the folder. (a.json: gone.jpg)" in problem_texts(labels)
    assert "6 lines or entries" in problem_texts(labels)


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_labels_of_the_stored_pixels_are_turned_with_the_picture(tmp_path, orientation):
    """Checked on the pixels: a white rectangle is found where the truth says."""
    from PIL import Image

    from core.decoding import read_picture

    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.new("L", (100, 50))
    image.paste(255, (10, 5, 40, 15))
    image.save(tmp_path / "1.png", exif=exif)
    upright = np.asarray(read_picture(tmp_path / "1.png").convert("L")) > 0
    # Labelled on the stored pixels where these lie sideways, which the size says; else on the upright ones.
    labelled = (image if orientation >= 5 else read_picture(tmp_path / "1.png")).convert("L")
    x1, y1, x2, y2 = labelled.getbbox()
    outline = [x1, y1, x2, y1, x2, y2, x1, y2]
    mask = coco_mask.encode(np.asfortranarray(np.asarray(labelled) > 0).astype(np.uint8))
    runs = {"size": mask["size"], "counts": mask["counts"].decode()}
    entry = {"bbox": [x1, y1, x2 - x1, y2 - y1], "keypoints": [x1, y1, 2]}
    write(
        tmp_path / "a.json",
        document([{**entry, "segmentation": [outline]}, {**entry, "segmentation": runs}], name="1.png"),
    )
    truth = labels_of(tmp_path).truth(tmp_path / "1.png")
    rows, columns = np.flatnonzero(upright.any(axis=1)), np.flatnonzero(upright.any(axis=0))
    box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    np.testing.assert_array_equal(truth.boxes, [box, box])
    for decoded in map(coco_mask.decode, truth.masks):
        np.testing.assert_array_equal(decoded, upright)
    assert truth.keypoints[0, 0, 0] in (box[0], box[2]) and truth.keypoints[0, 0, 1] in (box[1], box[3])


def test_labels_of_the_upright_picture_stay(tmp_path):
    truth, _ = truth_of(tmp_path, [{"bbox": [10, 60, 20, 30]}], orientation=6, size=(50, 100))
    np.testing.assert_array_equal(truth.boxes, [[10, 60, 30, 90]])


def test_labels_of_a_larger_copy_are_scaled_and_those_of_another_shape_left_out(tmp_path):
    truth, _ = truth_of(tmp_path / "a", [{"bbox": [20, 10, 60, 40], "area": 2000}], size=(200, 100))
    np.testing.assert_array_equal(truth.boxes, [[10, 5, 40, 25]])
    assert truth.areas.tolist() == [500]
    truth, labels = truth_of(tmp_path / "b", [{"bbox": [20, 10, 60, 40]}], size=(100, 100))
    assert truth is None and "another shape" in problem_texts(labels)


def test_of_several_files_the_one_whose_names_fit_is_taken(tmp_path):
    picture(tmp_path / "1.jpg")
    write(tmp_path / "a.json", document([{"bbox": [1, 1, 1, 1]}] * 9, name="other.jpg"))
    write(tmp_path / "b.json", document([{"bbox": [1, 1, 2, 2]}]))
    write(tmp_path / "c.json", {"version": 3})
    write(tmp_path / "results.json", [{"image_id": 7, "bbox": [1, 1, 5, 5], "score": 0.5, "category_id": 3}])
    assert "b.json" in str(labels_of(tmp_path).description)


def test_the_file_of_the_same_part_is_taken_in_cocos_own_layout(tmp_path):
    """Captions and the other part lie in the same folder, and keypoints are taken where they are wanted."""
    root, file = tmp_path / "coco", picture(tmp_path / "coco" / "val2017" / "1.jpg")
    folder = root / "annotations"
    write(folder / "captions_val2017.json", document([{"caption": "a car"}] * 9))
    write(folder / "instances_train2017.json", document([{"bbox": [9, 9, 9, 9]}] * 9))
    write(folder / "instances_val2017.json", document([{"bbox": [1, 1, 2, 2]}, {"bbox": [1, 1, 3, 3]}]))
    write(folder / "person_keypoints_val2017.json", document([{"bbox": [1, 1, 4, 4], "keypoints": [1, 1, 2]}]))
    labels = labels_of(file.parent)
    assert "instances_val2017.json" in str(labels.description) and "1 other label file was not used" in problem_texts(
        labels
    )
    assert labels_of(file.parent, prefer="keypoints").truth(file).keypoints.shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("content", "where"),
    [('{"images": [\n1,\n2', "line 3"), ("[" * 200_000, "broken.json"), ('{"a": ' + "9" * 5000 + "}", "broken.json")],
)
def test_a_damaged_file_is_refused_with_its_name_and_line(tmp_path, content, where):
    picture(tmp_path / "1.jpg")
    write(tmp_path / "broken.json", content)
    with pytest.raises(ImagesError) as caught:
        labels_of(tmp_path)
    assert where in str(caught.value.reason) and "broken.json" in str(caught.value.reason)


def test_a_damaged_file_beside_good_labels_is_said(tmp_path):
    write(tmp_path / "broken.json", "{")
    _, labels = truth_of(tmp_path, [])
    assert "1 other label file was not used" in problem_texts(labels)
