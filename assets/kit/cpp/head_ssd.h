// SSDs whose outputs are corrections of prior boxes.
#pragma once

#include "detections.h"

namespace head {

// The background is the first or the last class, and is left out.
inline std::vector<Object> best(Table values, float least, const Json& head) {
    const std::string activation = head.at("activation");
    const int64_t background = head.at("background"), first = background == 0 ? 1 : 0;
    const int64_t end = background == 0 ? values.columns : values.columns - 1;
    if (activation == "softmax") return best_of(softmax(std::move(values)), least, first, end);
    return activation == "sigmoid" ? best_of_logits(values, least, first, end) : best_of(values, least, first, end);
}

// The shapes of each level about the middle of each of its cells.
inline std::vector<Prior> computed(const Json& layout) {
    std::vector<Prior> priors;
    const auto side = layout.at("side").get<float>();
    const auto clipped_from = static_cast<int64_t>(layout.at("clipped_from"));
    for (const Json& level : layout.at("levels")) {
        const int grid = level.at("grid");
        const auto step = level.at("step").get<float>();
        const auto shapes = level.at("shapes").get<std::vector<std::array<float, 2>>>();
        for (int cell = 0; cell < grid * grid; ++cell) {
            for (const auto& shape : shapes) {
                float values[4] = {(cell % grid + 0.5F) * step, (cell / grid + 0.5F) * step, shape[0], shape[1]};
                for (int64_t index = clipped_from; index < 4; ++index) values[index] = std::min(values[index], side);
                priors.push_back({values[0], values[1], values[2], values[3]});
            }
        }
    }
    return priors;
}

// From an output, as cx, cy, w, h in shares of the input; Caffe writes corners.
inline std::vector<Prior> written(const Tensor& tensor, Size size) {
    const bool are_corners = tensor.axes() == 3 && tensor.side(0) == 1 && tensor.side(1) == 2;
    const int64_t count = (are_corners ? tensor.side(2) : tensor.size()) / 4;
    std::vector<Prior> priors;
    for (int64_t index = 0; index < count; ++index) {
        const Box box = to_pixels(as_box(&tensor.values[static_cast<size_t>(4 * index)]), size);
        priors.push_back(are_corners
                             ? Prior{(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]}
                             : Prior{box[0], box[1], box[2], box[3]});
    }
    return priors;
}

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const Json& layout = head.at("layout");
    const auto priors = layout.is_null() ? written(get(outputs, head.at("priors")), size) : computed(layout);
    const auto variances = head.at("variances").get<std::vector<float>>();
    const Table deltas = rows_of(outputs, head.at("deltas"), 4);
    Found found;
    found.objects = best(rows_of(outputs, head.at("scores"), head.at("channels")), least, head);
    for (Object& object : found.objects) {
        const float* way = deltas[object.row];
        const float turned[4] = {way[1], way[0], way[3], way[2]};
        object.box = from_prior(priors.at(static_cast<size_t>(object.row)),
                                head.at("y_first").get<bool>() ? turned : way, variances);
        object.label += head.at("first_class").get<int64_t>();
    }
    return found;
}

}  // namespace head
