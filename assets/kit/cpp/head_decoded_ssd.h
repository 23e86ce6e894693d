// SSDs with decoded boxes, suppression outside: pytorch-ssd, UltraFace.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const Table boxes = table(get(outputs, head.at("boxes")));
    Found found;
    found.objects = best_of(table(get(outputs, head.at("scores"))), least, 1);  // the first class is the background
    for (Object& object : found.objects) {
        object.box = to_pixels(as_box(boxes[object.row]), size);
        object.label += head.at("first_class").get<int64_t>();
    }
    return found;
}

}  // namespace head
