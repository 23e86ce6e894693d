// BlazeFace and the other detectors of MediaPipe that share its form: palms and people.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    std::vector<Cell> places;
    for (const Json& anchor : head.at("anchors")) {
        const auto grid = cells(size, std::vector<int>{anchor.at(0)}, 0.5F, anchor.at(1));
        places.insert(places.end(), grid.begin(), grid.end());
    }
    const int64_t columns = head.at("values");
    const Table table = rows_of(outputs, head.at("boxes"), columns);
    Found found;
    found.objects = best_of_logits(rows_of(outputs, head.at("logits"), 1), least);
    for (Object& object : found.objects) {
        const float* values = table[object.row];
        const Cell& cell = places.at(static_cast<size_t>(object.row));
        object.box = from_center(values[0] + cell.x, values[1] + cell.y, values[2], values[3]);
        object.points = points_around(cell, values + 4, (columns - 4) / 2, 1.0F);
    }
    return found;
}

}  // namespace head
