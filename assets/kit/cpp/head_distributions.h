// PicoDet and NanoDet: each distance of a box's side is a distribution over whole numbers of strides.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const int64_t count = head.at("class_count"), bins = head.at("bins");
    const bool is_merged = is_set(head.at("merged"));
    const Table values =
        is_merged ? rows_of(outputs, head.at("merged"), count + 4 * bins) : rows_of(outputs, head.at("scores"), count);
    const Table others = is_merged ? Table{} : rows_of(outputs, head.at("distributions"), 4 * bins);
    const auto places = cells(size, head.at("strides"), head.at("offset").get<float>());
    Found found;
    found.objects = best_of(values, least, 0, count);
    for (Object& object : found.objects) {
        const float* distributions = is_merged ? values[object.row] + count : others[object.row];
        float distances[4];
        for (int side = 0; side < 4; ++side) {
            const auto shares = softmax(distributions + side * bins, bins);
            distances[side] = 0.0F;
            for (int64_t bin = 0; bin < bins; ++bin) distances[side] += shares[bin] * static_cast<float>(bin);
        }
        const Cell& cell = places.at(static_cast<size_t>(object.row));
        object.box = from_distances(cell, distances, cell.stride);
    }
    return found;
}

}  // namespace head
