// CenterFace: a heatmap, and for each cell the size of the face, the place of its centre, and five points.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const int stride = head.at("stride");
    const auto wide = static_cast<float>(stride);
    const auto places = cells(size, std::vector<int>{stride}, 0.5F);
    const Table sizes = rows_of(outputs, head.at("sizes"), 2), offsets = rows_of(outputs, head.at("offsets"), 2);
    const Table points = rows_of(outputs, head.at("keypoints"), 10);
    Found found;
    found.objects = best_of(rows_of(outputs, head.at("heatmap"), 1), least);
    for (Object& object : found.objects) {
        const Cell& cell = places.at(static_cast<size_t>(object.row));
        // All pairs are y before x.
        const float width = exponential(sizes[object.row][1]) * wide, height = exponential(sizes[object.row][0]) * wide;
        const float left = cell.x + offsets[object.row][1] * wide - width / 2;
        const float top = cell.y + offsets[object.row][0] * wide - height / 2;
        object.box = {left, top, left + width, top + height};
        for (int index = 0; index < 5; ++index) {
            const float* way = points[object.row] + 2 * index;
            object.points.push_back({left + way[1] * width, top + way[0] * height, 1.0F});
        }
    }
    return found;
}

}  // namespace head
