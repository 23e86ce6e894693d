// DETR, RT-DETR and relatives: a score for each class and a box for each query, without suppression.
#pragma once

#include "detections.h"

namespace head {

inline Table columns_from(const Table& table, int64_t start) {
    Table made{table.rows, table.columns - start, {}};
    for (int64_t row = 0; row < table.rows; ++row) {
        made.values.insert(made.values.end(), table[row] + start, table[row] + table.columns);
    }
    return made;
}

inline Table activated(Table values, const std::string& activation) {
    if (activation == "none") return values;
    return activation == "sigmoid" ? sigmoid(std::move(values)) : softmax(std::move(values));
}

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const Tensor *boxes = &get(outputs, head.at("boxes")), *scores = &get(outputs, head.at("scores"));
    const int64_t start = boxes == scores ? 4 : 0;  // in one output the scores follow the box
    const Table places = table(*boxes);
    Found found;
    found.objects = best_of(activated(columns_from(table(*scores), start), head.at("activation")), least, 0,
                            head.at("class_count"));
    for (Object& object : found.objects) object.box = from_center(to_pixels(as_box(places[object.row]), size).data());
    if (is_set(head.at("masks"))) {
        const Tensor* masks = &get(outputs, head.at("masks"));
        found.mask = [masks](const Object& object) {
            const int64_t count = masks->side(2) * masks->side(3);
            const auto first = masks->values.begin() + object.row * count;
            return Grid{static_cast<int>(masks->side(3)), static_cast<int>(masks->side(2)), {first, first + count}};
        };
    }
    return found;
}

}  // namespace head
