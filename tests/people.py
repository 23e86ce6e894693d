"""A folder of images with labelled people."""

import json

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 120, 80


def labelled(folder, counts):
    """Write images with so many people each, labelled in COCO's format; return the folder."""
    folder.mkdir()
    images, annotations = [], []
    for number, count in enumerate(counts):
        noise = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT})
        for index in range(count):
            box = [10 + 20 * index, 10, 20, 40]
            points = [box[0] + 5, 20, 2, box[0] + 9, 30, 1, 0, 0, 0]
            entry = {"id": len(annotations), "image_id": number, "category_id": 1, "iscrowd": 0, "num_keypoints": 2}
            annotations.append({**entry, "bbox": box, "area": 800, "keypoints": points})
    categories = [{"id": 1, "name": "person", "keypoints": ["a", "b", "c"], "skeleton": []}]
    data = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "person_keypoints.json").write_text(json.dumps(data), encoding="utf-8")
    return folder
