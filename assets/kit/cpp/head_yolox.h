// YOLOX whose graph stops before its boxes are decoded, of Megvii and of MMDetection.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const Json& separate = head.at("separate");
    const int64_t count = head.at("class_count");
    const bool is_merged = !is_set(separate), is_activated = head.at("activated");
    const Table boxes =
        is_merged ? rows_of(outputs, head.at("merged"), 5 + count) : rows_of(outputs, separate.at(0), 4);
    const Table objectness = is_merged ? Table{} : rows_of(outputs, separate.at(1), 1);
    const Table classes = is_merged ? Table{} : rows_of(outputs, separate.at(2), count);
    const auto places = cells(size, head.at("strides"), 0.0F);
    Found found;
    std::vector<float> scores(static_cast<size_t>(count));
    for (int64_t row = 0; row < boxes.rows; ++row) {
        const float value = is_merged ? boxes[row][4] : objectness[row][0];
        const float* shares = is_merged ? boxes[row] + 5 : classes[row];
        const float sure = is_activated ? value : sigmoid(value);
        if (!(sure >= least)) continue;
        for (int64_t index = 0; index < count; ++index)
            scores[index] = (is_activated ? shares[index] : sigmoid(shares[index])) * sure;
        Object object;
        object.label = largest(scores.data(), count);
        object.score = scores[object.label];
        if (!(object.score >= least)) continue;
        object.box = from_shift(places.at(static_cast<size_t>(row)), boxes[row]);
        found.objects.push_back(std::move(object));
    }
    return found;
}

}  // namespace head
