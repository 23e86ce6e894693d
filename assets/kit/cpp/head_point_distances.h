// RTMDet, RTMDet-Ins and FCOS: distances in pixels from the place of a cell to the sides of its box.
#pragma once

#include "detections.h"

namespace head {

// Logits of the mask of one object: three convolutions of size 1, whose weights are its own.
//
// The first sees, besides the features, how far right of and below a pixel the cell lies, in eight of its strides.
inline Grid mask_of(const Tensor& features, const float* weights, int64_t width, const Cell& cell, float stride) {
    const int64_t count = features.side(1), rows = features.side(2), columns = features.side(3), inputs = count + 2;
    const float *first = weights, *second = first + inputs * width, *last = second + width * width;
    const float *first_bias = last + width, *second_bias = first_bias + width, *last_bias = second_bias + width;
    Grid grid{static_cast<int>(columns), static_cast<int>(rows), {}};
    std::vector<float> given(static_cast<size_t>(inputs)), one(static_cast<size_t>(width)),
        two(static_cast<size_t>(width));
    for (int64_t place = 0; place < rows * columns; ++place) {
        given[0] = (cell.x - static_cast<float>(place % columns) * stride) / (cell.stride * 8);
        given[1] = (cell.y - static_cast<float>(place / columns) * stride) / (cell.stride * 8);
        for (int64_t index = 0; index < count; ++index)
            given[index + 2] = features.values[index * rows * columns + place];
        for (int64_t out = 0; out < width; ++out) {
            one[out] = first_bias[out];
            for (int64_t in = 0; in < inputs; ++in) one[out] += first[out * inputs + in] * given[in];
            one[out] = std::max(one[out], 0.0F);
        }
        float logit = *last_bias;
        for (int64_t out = 0; out < width; ++out) {
            two[out] = second_bias[out];
            for (int64_t in = 0; in < width; ++in) two[out] += second[out * width + in] * one[in];
            logit += last[out] * std::max(two[out], 0.0F);
        }
        grid.values.push_back(logit);
    }
    return grid;
}

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const bool is_activated = head.at("activated"), has_masks = is_set(head.at("kernels"));
    Found found;
    found.objects = best_of_either(rows_of(outputs, head.at("classes"), head.at("class_count")), least, is_activated);
    if (is_set(head.at("quality"))) {
        found.objects =
            times_quality(std::move(found.objects), rows_of(outputs, head.at("quality"), 1), least, is_activated);
    }
    const auto most = has_masks ? head.at("most_masks").get<size_t>() : found.objects.size();
    if (found.objects.size() > most) {
        std::stable_sort(found.objects.begin(), found.objects.end(),
                         [](const Object& a, const Object& b) { return a.score > b.score; });
        found.objects.resize(most);
    }
    const auto places = cells(size, head.at("strides"), head.at("offset").get<float>());
    const Table distances = rows_of(outputs, head.at("distances"), 4);
    for (Object& object : found.objects) {
        object.box = from_distances(places.at(static_cast<size_t>(object.row)), distances[object.row]);
    }
    if (has_masks) {
        const Tensor* features = &get(outputs, head.at("features"));
        const auto width = head.at("mask_width").get<int64_t>();
        const int64_t count = (features->side(1) + 2) * width + width * width + width + width + width + 1;
        const Table kernels = rows_of(outputs, head.at("kernels"), count);
        const auto stride = head.at("feature_stride").get<float>();
        found.mask = [=](const Object& object) {
            return mask_of(*features, kernels[object.row], width, places.at(static_cast<size_t>(object.row)), stride);
        };
    }
    return found;
}

}  // namespace head
