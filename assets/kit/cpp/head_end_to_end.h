// Detectors with one row for each object, suppression or its like inside: YOLOv10, YOLO26, PaddleDetection.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const Json& columns = head.at("columns");
    const int64_t box = columns.at("box"), score = columns.at("score"), label = columns.at("label"),
                  end = columns.at("end");
    const bool are_shares = head.at("shares"), are_corners = head.at("corners");
    const Tensor& output = get(outputs, head.at("output"));
    const Table rows = output.axes() == 3 ? table(output) : Table{output.side(0), output.side(1), output.values};
    const Extras extras(head.at("extras"), outputs);
    Found found;
    for (int64_t row = 0; row < rows.rows; ++row) {
        const float* values = rows[row];
        const bool is_first = columns.at("image").is_null() || values[columns.at("image").get<int64_t>()] == 0.0F;
        if (!(values[score] >= least) || !is_first) continue;
        Object object;
        object.row = row;
        object.score = values[score];
        object.label = static_cast<int64_t>(std::nearbyint(values[label]));
        const Box place = are_shares ? to_pixels(as_box(values + box), size) : as_box(values + box);
        object.box = are_corners ? place : from_center(place.data());
        extras.read(values + end, object, are_shares ? float(size.width) : 1.0F,
                    are_shares ? float(size.height) : 1.0F);
        found.objects.push_back(std::move(object));
    }
    extras.finish(found, rows, end);
    return found;
}

}  // namespace head
