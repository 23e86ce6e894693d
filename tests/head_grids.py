"""Outputs over grids of cells, written cell by cell in plain loops."""

from __future__ import annotations

import math

import numpy as np

from head_evidence import SIZE


def boxes_of_cells(size=SIZE, strides=(8, 16, 32), per_cell=1):
    """All boxes as (stride, row, column, number in the cell), in the order in which models write them."""
    return [
        (stride, row, column, number)
        for stride in strides
        for row in range(math.ceil(size[0] / stride))
        for column in range(math.ceil(size[1] / stride))
        for number in range(per_cell)
    ]


def maps(rows, size=SIZE, strides=(8, 16, 32), per_cell=1):
    """Rows in the order of :func:`boxes_of_cells` as one (1, per cell x values, rows, columns) for each stride."""
    width = len(rows[0])
    result = {
        stride: np.zeros((1, per_cell * width, math.ceil(size[0] / stride), math.ceil(size[1] / stride)), np.float32)
        for stride in strides
    }
    for values, (stride, row, column, number) in zip(rows, boxes_of_cells(size, strides, per_cell), strict=True):
        result[stride][0, number * width : (number + 1) * width, row, column] = values
    return result


def lists(rows, size=SIZE, strides=(8, 16, 32), per_cell=1):
    """The same as one (1, n, values) for each stride."""
    result = {stride: [] for stride in strides}
    for values, (stride, *_) in zip(rows, boxes_of_cells(size, strides, per_cell), strict=True):
        result[stride].append(values)
    return {stride: np.array([values], np.float32) for stride, values in result.items()}


def named(prefix, by_stride):
    """Outputs by name."""
    return {f"{prefix}{stride}": tensor for stride, tensor in by_stride.items()}


def spread(count, total):
    """So many different indices of a list of this length, from all its parts."""
    return [(2 * index + 1) * total // (2 * count) for index in range(count)]


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def logit(share):
    return math.log(share / (1 - share))


def softmax(values):
    exponentials = [math.exp(value) for value in values]
    return [value / sum(exponentials) for value in exponentials]


def low_scores(count, classes, seed=0):
    """Random scores near zero."""
    return np.random.default_rng(seed).uniform(0.001, 0.05, (count, classes)).astype(np.float32)
