// YOLOs with an objectness and decoded boxes: YOLOv3, YOLOv5, YOLOv6, YOLOv7, YOLOX.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    Table rows = table(get(outputs, head.at("output")));
    const int64_t count = head.at("class_count");
    const bool are_shares = head.at("shares");
    const Extras extras(head.at("extras"), outputs);
    Found found;
    std::vector<float> scores(static_cast<size_t>(count));
    for (int64_t row = 0; row < rows.rows; ++row) {
        const float* values = rows[row];
        if (!(values[4] >= least)) continue;  // no class can have a higher score than that
        for (int64_t index = 0; index < count; ++index) scores[index] = values[4] * values[5 + index];
        Object object;
        object.row = row;
        object.label = largest(scores.data(), count);
        object.score = scores[object.label];
        if (!(object.score >= least)) continue;
        object.box = from_center((are_shares ? to_pixels(as_box(values), size) : as_box(values)).data());
        extras.read(values + 5 + count, object);
        found.objects.push_back(std::move(object));
    }
    extras.finish(found, std::move(rows), 5 + count);
    return found;
}

}  // namespace head
