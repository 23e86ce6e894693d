// YOLOs that write boxes and scores into two outputs: YOLOv4 (pytorch-YOLOv4), YOLO-NAS, YOLOv6.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const Table boxes = as_rows(get(outputs, head.at("boxes")), 4);
    Found found;
    found.objects = best_of(table(get(outputs, head.at("scores"))), least);
    for (Object& object : found.objects) {
        const Box values =
            head.at("shares").get<bool>() ? to_pixels(as_box(boxes[object.row]), size) : as_box(boxes[object.row]);
        object.box = head.at("corners").get<bool>() ? values : from_center(values.data());
    }
    return found;
}

}  // namespace head
