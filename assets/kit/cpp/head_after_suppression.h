// Detectors that have suppressed already: boxes, scores and classes in outputs of their own.
#pragma once

#include "detections.h"

namespace head {

// (1, n, 4 or 5), (n, 4 or 5), or with axes of length 1 behind.
inline Table boxes_of(const Tensor& tensor) {
    int axes = tensor.axes();
    while (axes > 3 && tensor.side(axes - 1) == 1) --axes;
    const int64_t columns = tensor.side(axes - 1);
    return axes > 2 ? as_rows(tensor, columns) : Table{tensor.side(0), columns, tensor.values};
}

// Masks are probabilities: those above a half are above 0 then, as logits are.
inline Grid mask_of(const Tensor& tensor, int64_t row) {
    Grid grid{static_cast<int>(tensor.side(-1)), static_cast<int>(tensor.side(-2)), {}};
    const int64_t count = tensor.side(-1) * tensor.side(-2);
    for (int64_t cell = 0; cell < count; ++cell) grid.values.push_back(tensor.values[row * count + cell] - 0.5F);
    return grid;
}

inline std::vector<Point> points_of(const Tensor& tensor, int64_t row) {
    std::vector<Point> points;
    for (int64_t index = 0; index < tensor.side(-2); ++index) {
        const float* values = &tensor.values[static_cast<size_t>((row * tensor.side(-2) + index) * tensor.side(-1))];
        points.push_back({values[0], values[1], values[2]});
    }
    return points;
}

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const Json& roles = head.at("roles");
    const auto role = [&](const char* name) {
        return is_set(roles.at(name)) ? &get(outputs, roles.at(name)) : nullptr;
    };
    const Tensor &boxes = get(outputs, roles.at("boxes")), *labels = role("labels"), *scores = role("scores");
    const Tensor *count = role("count"), *masks = role("masks"), *points = role("keypoints");
    const Table table = boxes_of(boxes);
    const int64_t rows =
        count == nullptr ? table.rows : std::min(table.rows, static_cast<int64_t>(count->values.at(0)));
    Found found;
    for (int64_t row = 0; row < rows; ++row) {
        Object object;
        object.row = row;
        object.score = scores == nullptr ? table[row][4] : scores->values.at(static_cast<size_t>(row));
        object.label =
            (labels == nullptr ? 0
                               : static_cast<int64_t>(std::nearbyint(labels->values.at(static_cast<size_t>(row))))) -
            head.at("first_class").get<int64_t>();
        if (!(object.score >= least) || object.label < 0) continue;
        const float* values = table[row];
        object.box = head.at("y_first").get<bool>() ? Box{values[1], values[0], values[3], values[2]} : as_box(values);
        if (head.at("shares").get<bool>()) object.box = to_pixels(object.box, size);
        if (points != nullptr) object.points = points_of(*points, row);
        found.objects.push_back(std::move(object));
    }
    if (masks != nullptr) found.mask = [masks](const Object& object) { return mask_of(*masks, object.row); };
    return found;
}

}  // namespace head
