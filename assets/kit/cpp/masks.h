// Masks of objects: from the grid of the model's output to run lengths in the pixels of the picture.
//
// Run lengths are COCO's: column by column, empty and filled in turn, beginning with empty.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "json.h"
#include "preprocessing.h"
#include "resampling.h"

namespace masks {

// Along one axis: the pixels of the picture whose centres lie in a box, as far as the model's input shows them, and the
// same span in cells of the grid, which covers the whole input.
struct Span {
    int first = 0, last = 0;
    double low = 0.0, high = 0.0;
};

inline Span span(float start, float end, int pixels, int input, int cells, double scale, double offset) {
    Span made;
    if (!(start < end)) return made;  // or NaN
    const int seen_first = std::max(0, static_cast<int>(std::ceil(-offset / scale - 1e-3)));
    const int seen_last = std::min(pixels, static_cast<int>(std::floor((input - offset) / scale + 1e-3)));
    made.first = std::max(seen_first, static_cast<int>(std::ceil(start - 0.5)));
    made.last = std::min(seen_last, static_cast<int>(std::ceil(end - 0.5)));
    const double share = static_cast<double>(cells) / input;
    made.low = std::max(0.0, (made.first * scale + offset) * share);
    made.high = std::min(static_cast<double>(cells), (made.last * scale + offset) * share);
    return made;
}

// As run lengths; the mask is column by column.
inline Json encode(const std::vector<bool>& mask, Size size) {
    std::vector<int64_t> counts;
    bool before = false;
    int64_t length = 0;
    for (bool is_filled : mask) {
        if (is_filled != before) {
            counts.push_back(length);
            length = 0;
            before = is_filled;
        }
        ++length;
    }
    counts.push_back(length);
    return {{"size", {size.height, size.width}}, {"counts", counts}};
}

// The mask of one object, cropped to its box, which is in pixels of the picture.
//
// The probabilities are resized to the pixels of the picture and only then cut at 0.5, so that outlines are smooth.
inline Json in_picture(Grid logits, const Box& box, const Placement& place) {
    const Size size = place.picture;
    const Span across =
        span(box[0], box[2], size.width, place.input.width, logits.width, place.scale_x, place.offset_x);
    const Span down =
        span(box[1], box[3], size.height, place.input.height, logits.height, place.scale_y, place.offset_y);
    std::vector<bool> mask(static_cast<size_t>(size.width) * size.height, false);
    const int width = across.last - across.first, height = down.last - down.first;
    if (width > 0 && height > 0) {
        for (float& value : logits.values) value = 1.0F / (1.0F + std::exp(-std::min(30.0F, std::max(-30.0F, value))));
        const Grid part = resize(logits, width, height, across.low, down.low, across.high, down.high);
        for (int y = 0; y < height; ++y) {
            for (int x = 0; x < width; ++x) {
                const size_t place_in_mask = static_cast<size_t>(across.first + x) * size.height + down.first + y;
                mask[place_in_mask] = part.values[static_cast<size_t>(y) * width + x] > 0.5F;
            }
        }
    }
    return encode(mask, size);
}

}  // namespace masks
