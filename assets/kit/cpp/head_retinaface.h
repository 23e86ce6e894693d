// RetinaFace and the smaller models of the same code: corrections of prior boxes, and of five points in each.
#pragma once

#include "detections.h"

namespace head {

// Squares of some sides about the middle of each cell of each stride.
inline std::vector<Prior> priors_of(Size size, const Json& head) {
    std::vector<Prior> priors;
    for (const Json& level : head.at("sides")) {
        for (const Cell& cell : cells(size, std::vector<int>{level.at(0)}, 0.5F)) {
            for (const float side : level.at(1)) priors.push_back({cell.x, cell.y, side, side});
        }
    }
    return priors;
}

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    Table shares = rows_of(outputs, head.at("scores"), 2);
    if (!head.at("activated").get<bool>()) shares = softmax(std::move(shares));
    const auto priors = priors_of(size, head);
    const auto variances = head.at("variances").get<std::vector<float>>();
    const Table deltas = rows_of(outputs, head.at("deltas"), 4), points = rows_of(outputs, head.at("keypoints"), 10);
    Found found;
    found.objects = best_of(shares, least, 1);  // the first class is the background
    for (Object& object : found.objects) {
        const Prior& prior = priors.at(static_cast<size_t>(object.row));
        object.box = from_prior(prior, deltas[object.row], variances);
        for (int index = 0; index < 5; ++index) {
            const float* way = points[object.row] + 2 * index;
            object.points.push_back(
                {prior.x + way[0] * variances[0] * prior.width, prior.y + way[1] * variances[0] * prior.height, 1.0F});
        }
    }
    return found;
}

}  // namespace head
