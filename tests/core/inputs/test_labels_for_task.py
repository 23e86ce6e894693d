import json

from core.inputs.images import read_folder, split
from core.inputs.labels_for_task import labels_for, with_labels_for
from small import pictures


def labelled_twice(folder):
    """Pictures with classes in a table and with boxes."""
    pictures(folder, 4)
    names = sorted(path.name for path in folder.glob("*.png"))
    (folder / "labels.csv").write_text("file,label\n" + "\n".join(f"{name},cat" for name in names), encoding="utf-8")
    annotations = [
        {"id": index, "image_id": index, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}
        for index in range(len(names))
    ]
    images = [{"id": index, "file_name": name, "width": 40, "height": 32} for index, name in enumerate(names)]
    data = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cat"}]}
    (folder / "coco.json").write_text(json.dumps(data), encoding="utf-8")
    return read_folder(folder)


def test_a_task_gets_the_labels_that_it_can_use(tmp_path):
    folder = labelled_twice(tmp_path / "pictures")
    assert labels_for("classification", folder).kind == "classes"
    assert labels_for("detection", folder).kind == "objects"
    parts = with_labels_for("detection", split(folder), folder)
    assert parts.labels.kind == "objects" and parts.test == split(folder).test


def test_a_folder_without_labels_stays_without(tmp_path):
    folder = read_folder(pictures(tmp_path / "pictures", 2))
    assert labels_for("detection", folder) is None and labels_for("text", None) is None
