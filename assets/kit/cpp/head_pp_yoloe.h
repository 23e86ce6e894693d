// PP-YOLOE and PicoDet of PaddleDetection, exported without suppression.
#pragma once

#include "detections.h"

namespace head {

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size, float least, const Json& head) {
    const Table boxes = table(get(outputs, head.at("boxes")));
    Found found;
    found.objects = best_of(transposed(table(get(outputs, head.at("scores")))), least);
    for (Object& object : found.objects) object.box = as_box(boxes[object.row]);
    return found;
}

}  // namespace head
