// YuNet of OpenCV's model zoo: centres, sizes and five points in strides; a score is sqrt(class x objectness).
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const auto places = cells(size, head.at("strides"), 0.0F);
    Table scores = rows_of(outputs, head.at("scores").at(0), 1);
    const Table others = rows_of(outputs, head.at("scores").at(1), 1);
    const auto clipped = [](float value) { return std::min(1.0F, std::max(0.0F, value)); };
    for (size_t row = 0; row < scores.values.size(); ++row) {
        scores.values[row] = std::sqrt(clipped(scores.values[row]) * clipped(others.values.at(row)));
    }
    const Table boxes = rows_of(outputs, head.at("boxes"), 4), points = rows_of(outputs, head.at("keypoints"), 10);
    Found found;
    found.objects = best_of(scores, least);
    for (Object& object : found.objects) {
        const Cell& cell = places.at(static_cast<size_t>(object.row));
        object.box = from_shift(cell, boxes[object.row]);
        object.points = points_around(cell, points[object.row], 5, cell.stride);
    }
    return found;
}

}  // namespace head
