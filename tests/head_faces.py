"""Faces for the tests of face detectors: boxes with points in them."""

from __future__ import annotations

import numpy as np

from head_evidence import SIZE, check, known_objects


def known_faces(count=6, *, size=SIZE, points=5, seed=0):
    """Objects of one class, and for each a list of points (x, y) inside."""
    objects = known_objects(count, 1, size=size, seed=seed)
    random = np.random.default_rng(seed)
    return [
        (box, score, label, [_inside(box, *random.uniform(0, 1, 2)) for _ in range(points)])
        for box, score, label in objects
    ]


def _inside(box, across, down):
    x1, y1, x2, y2 = box
    return (x1 + across * (x2 - x1), y1 + down * (y2 - y1))


def check_faces(candidates, faces):
    """That exactly these were found, with their points."""
    check(candidates, [face[:3] for face in faces])
    order = np.argsort(-candidates.scores)
    for index, (*_, places) in zip(order, sorted(faces, key=lambda face: -face[1]), strict=True):
        assert np.abs(candidates.keypoints[index, :, :2] - places).max() < 0.5
    assert candidates.keypoints.dtype == np.float32 and (candidates.keypoints[..., 2] == 1).all()


def check_decodes(head, outputs, faces, *, size=SIZE):
    """At several thresholds."""
    check_faces(head.decode(outputs, size, least=0.2), faces)
    check_faces(head.decode(outputs, size, least=0.7), [face for face in faces if face[1] >= 0.7])
    nothing = head.decode(outputs, size, least=0.999)
    assert nothing.boxes.shape == (0, 4) and nothing.keypoints.shape == (0, len(faces[0][3]), 3)
