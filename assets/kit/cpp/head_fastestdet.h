// FastestDet: one grid; a score is objectness^0.6 x share^0.4, or other powers that sum to 1.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const int64_t count = head.at("class_count");
    const auto power = head.at("objectness_power").get<float>();
    const Tensor& output = get(outputs, head.at("output"));
    const Table values = rows_of(outputs, head.at("output"), 5 + count);
    const auto rows = static_cast<float>(output.side(2)), columns = static_cast<float>(output.side(3));
    Table scores{values.rows, count, {}};
    for (int64_t row = 0; row < values.rows; ++row) {
        const float objectness = std::pow(std::max(values[row][0], 0.0F), power);
        for (int64_t index = 0; index < count; ++index) {
            scores.values.push_back(objectness * std::pow(std::max(values[row][5 + index], 0.0F), 1.0F - power));
        }
    }
    Found found;
    found.objects = best_of(scores, least);
    for (Object& object : found.objects) {
        const float* value = values[object.row];
        const int64_t column = object.row % output.side(3), row = object.row / output.side(3);
        object.box = from_center((column + std::tanh(value[1])) / columns * size.width,
                                 (row + std::tanh(value[2])) / rows * size.height, sigmoid(value[3]) * size.width,
                                 sigmoid(value[4]) * size.height);
    }
    return found;
}

}  // namespace head
