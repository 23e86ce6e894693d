// YOLOs whose outputs are raw grids with three anchors a cell: YOLOv3, YOLOv4, YOLOv5, YOLOv7.
#pragma once

#include "detections.h"

namespace head {

constexpr int64_t kAnchors = 3;

// One output: (1, 3 x values, rows, columns), (1, 3, rows, columns, values) or (1, rows, columns, 3, values).
struct RawGrid {
    RawGrid(const Tensor& tensor, const Json& head)
        : data(tensor.values.data()), values(5 + head.at("class_count").get<int64_t>()) {
        const bool is_map = tensor.axes() == 4, are_last = !is_map && head.at("anchors_last").get<bool>();
        rows = tensor.side(is_map || !are_last ? 2 : 1);
        columns = tensor.side(is_map || !are_last ? 3 : 2);
        value_step = is_map ? rows * columns : 1;
        cell_step = is_map ? 1 : are_last ? kAnchors * values : values;
        anchor_step = are_last ? values : values * rows * columns;
    }

    float number(int64_t anchor, int64_t row, int64_t column, int64_t index) const {
        return data[anchor * anchor_step + (row * columns + column) * cell_step + index * value_step];
    }

    std::vector<float> numbers(int64_t anchor, int64_t row, int64_t column, int64_t count) const {
        std::vector<float> made;
        for (int64_t index = 0; index < count; ++index) made.push_back(number(anchor, row, column, index));
        return made;
    }

    const float* data;
    int64_t values, rows = 0, columns = 0, value_step = 0, cell_step = 0, anchor_step = 0;
};

// Whether a cell has an object for this anchor; its score and class.
inline bool has_object(const RawGrid& grid, int64_t anchor, int64_t row, int64_t column, float least, const Json& head,
                       Object& object) {
    const bool is_activated = head.at("activated");
    const float objectness = grid.number(anchor, row, column, 4);
    if (!(objectness >= (is_activated ? least : logit(least)))) return false;
    const float sure = is_activated ? objectness : sigmoid(objectness);
    std::vector<float> scores;
    for (int64_t index = 5; index < grid.values; ++index) {
        const float value = grid.number(anchor, row, column, index);
        scores.push_back(sure * (is_activated ? value : sigmoid(value)));
    }
    object.label = largest(scores.data(), static_cast<int64_t>(scores.size()));
    object.score = scores.at(static_cast<size_t>(object.label));
    return object.score >= least;
}

inline Box box_of(const std::vector<float>& values, float column, float row, const float* anchor, float stride,
                  float stretch, const Json& head) {
    if (head.at("exponential").get<bool>()) {
        const float x = (sigmoid(values[0]) - 0.5F) * stretch + 0.5F, y = (sigmoid(values[1]) - 0.5F) * stretch + 0.5F;
        return from_center((x + column) * stride, (y + row) * stride, std::exp(std::min(values[2], 20.0F)) * anchor[0],
                           std::exp(std::min(values[3], 20.0F)) * anchor[1]);
    }
    std::vector<float> shares = values;
    if (!head.at("activated").get<bool>()) {
        for (float& share : shares) share = sigmoid(share);
    }
    return from_center((shares[0] * 2 - 0.5F + column) * stride, (shares[1] * 2 - 0.5F + row) * stride,
                       4 * shares[2] * shares[2] * anchor[0], 4 * shares[3] * shares[3] * anchor[1]);
}

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size, float least, const Json& head) {
    Found found;
    for (const Json& one : head.at("grids")) {
        const RawGrid grid(get(outputs, one.at("output")), head);
        const auto anchors = one.at("anchors").get<std::vector<float>>();
        const auto stride = one.at("stride").get<float>();
        for (int64_t anchor = 0; anchor < kAnchors; ++anchor) {
            for (int64_t cell = 0; cell < grid.rows * grid.columns; ++cell) {
                const int64_t row = cell / grid.columns, column = cell % grid.columns;
                Object object;
                if (!has_object(grid, anchor, row, column, least, head, object)) continue;
                object.box = box_of(grid.numbers(anchor, row, column, 4), float(column), float(row),
                                    &anchors[2 * anchor], stride, one.at("stretch").get<float>(), head);
                found.objects.push_back(std::move(object));
            }
        }
    }
    return found;
}

}  // namespace head
