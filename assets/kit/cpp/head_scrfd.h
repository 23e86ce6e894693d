// SCRFD of InsightFace: distances from the upper left corner of a cell in strides, and five points.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const auto places = cells(size, head.at("strides"), 0.0F, head.at("per_cell"));
    const Table distances = rows_of(outputs, head.at("distances"), 4);
    const bool has_points = is_set(head.at("keypoints"));
    const Table points = has_points ? rows_of(outputs, head.at("keypoints"), 10) : Table{};
    Found found;
    found.objects = best_of(rows_of(outputs, head.at("scores"), 1), least);
    for (Object& object : found.objects) {
        const Cell& cell = places.at(static_cast<size_t>(object.row));
        object.box = from_distances(cell, distances[object.row], cell.stride);
        if (has_points) object.points = points_around(cell, points[object.row], 5, cell.stride);
    }
    return found;
}

}  // namespace head
