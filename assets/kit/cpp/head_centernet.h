// CenterNet: a heatmap for each class, whose peaks are the centres of objects.
#pragma once

#include "detections.h"

namespace head {

// Whether a cell is no lower than its eight neighbours.
inline bool is_peak(const float* map, int64_t x, int64_t y, int64_t width, int64_t height) {
    for (int64_t row = std::max<int64_t>(0, y - 1); row <= std::min(height - 1, y + 1); ++row) {
        for (int64_t column = std::max<int64_t>(0, x - 1); column <= std::min(width - 1, x + 1); ++column) {
            if (map[row * width + column] > map[y * width + x]) return false;
        }
    }
    return true;
}

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size, float least, const Json& head) {
    const Tensor &heatmaps = get(outputs, head.at("heatmaps")), &offsets = get(outputs, head.at("offsets"));
    const Tensor& sizes = get(outputs, head.at("sizes"));
    const bool is_activated = head.at("activated");
    const auto stride = head.at("stride").get<float>();
    const int64_t height = heatmaps.side(2), width = heatmaps.side(3), count = height * width;
    const float threshold = is_activated ? least : logit(least);
    Found found;
    for (int64_t index = 0; index < heatmaps.size_of_one(); ++index) {
        const float value = heatmaps.values[index];
        const int64_t cell = index % count, x = cell % width, y = cell / width;
        if (!(value >= threshold) || !is_peak(&heatmaps.values[index - cell], x, y, width, height)) continue;
        Object object;
        object.label = index / count;
        object.score = is_activated ? value : sigmoid(value);
        object.box = from_center((x + offsets.values[cell]) * stride, (y + offsets.values[count + cell]) * stride,
                                 sizes.values[cell] * stride, sizes.values[count + cell] * stride);
        found.objects.push_back(std::move(object));
    }
    return found;
}

}  // namespace head
