// YOLOv2 and Tiny-YOLOv2: one grid with several anchors a cell.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size, float least, const Json& head) {
    const int64_t count = head.at("class_count"), columns = get(outputs, head.at("output")).side(3);
    const auto anchors = head.at("anchors").get<std::vector<float>>();
    const auto stride = head.at("stride").get<float>();
    const auto per_cell = static_cast<int64_t>(anchors.size() / 2);
    const Table values = rows_of(outputs, head.at("output"), 5 + count);
    Found found;
    for (int64_t row = 0; row < values.rows; ++row) {
        const float* value = values[row];
        if (!(value[4] >= logit(least))) continue;
        const auto shares = softmax(value + 5, count);
        Object object;
        object.label = largest(shares.data(), count);
        object.score = sigmoid(value[4]) * shares[object.label];
        if (!(object.score >= least)) continue;
        const int64_t cell = row / per_cell, anchor = row % per_cell;
        object.box =
            from_center((cell % columns + sigmoid(value[0])) * stride, (cell / columns + sigmoid(value[1])) * stride,
                        exponential(value[2]) * anchors[2 * anchor] * stride,
                        exponential(value[3]) * anchors[2 * anchor + 1] * stride);
        found.objects.push_back(std::move(object));
    }
    return found;
}

}  // namespace head
