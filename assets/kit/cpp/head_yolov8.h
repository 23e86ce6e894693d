// YOLOv8, YOLOv9, YOLO11, YOLO12 and YOLO26 with suppression outside: boxes, masks, keypoints, angles.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const int64_t end = 4 + head.at("class_count").get<int64_t>();
    const bool are_shares = head.at("shares");
    Table rows = table(get(outputs, head.at("output")));
    if (!head.at("boxes_first").get<bool>()) rows = transposed(rows);
    const Extras extras(head.at("extras"), outputs);
    Found found;
    found.objects = best_of(rows, least, 4, end);
    for (Object& object : found.objects) {
        const float* values = rows[object.row];
        object.box = from_center((are_shares ? to_pixels(as_box(values), size) : as_box(values)).data());
        extras.read(values + end, object, are_shares ? float(size.width) : 1.0F,
                    are_shares ? float(size.height) : 1.0F);
    }
    extras.finish(found, std::move(rows), end);
    return found;
}

}  // namespace head
