// RetinaNet and ATSS whose outputs are corrections of anchors.
#pragma once

#include "detections.h"

namespace head {

// For each ratio of height to width each size, in strides, about the place of each cell.
class Anchors {
  public:
    Anchors(Size size, const Json& head)
        : size_(size),
          ratios_(head.at("ratios").get<std::vector<double>>()),
          sides_(head.at("sizes").get<std::vector<double>>()),
          is_whole_(head.at("whole_pixels")),
          places_(cells(size, head.at("strides"), head.at("offset").get<float>())) {}

    Prior at(int64_t row) const {
        const auto count = static_cast<int64_t>(ratios_.size() * sides_.size()), number = row % count;
        const double ratio = ratios_[number / sides_.size()], side = sides_[number % sides_.size()];
        const Cell& cell = places_.at(static_cast<size_t>(row / count));
        if (is_whole_) return in_whole_pixels(cell, ratio, side);
        const auto width = static_cast<float>(side / std::sqrt(ratio)),
                   height = static_cast<float>(side * std::sqrt(ratio));
        return {cell.x, cell.y, width * cell.stride, height * cell.stride};
    }

  private:
    // As torchvision computes them.
    Prior in_whole_pixels(const Cell& cell, double ratio, double side) const {
        const double pixels = std::floor(cell.stride * side);
        const float root = std::sqrt(static_cast<float>(ratio));
        const float width = 2 * std::nearbyint(static_cast<float>(pixels / root) / 2);
        const float height = 2 * std::nearbyint(static_cast<float>(pixels * root) / 2);
        const float across = std::floor(size_.width / std::ceil(size_.width / cell.stride));
        const float down = std::floor(size_.height / std::ceil(size_.height / cell.stride));
        return {cell.x / cell.stride * across, cell.y / cell.stride * down, width, height};
    }

    Size size_;
    std::vector<double> ratios_, sides_;
    bool is_whole_;
    std::vector<Cell> places_;
};

// The boxes with at least this score, in pixels of an input of this size.
inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {
    const bool is_activated = head.at("activated");
    Found found;
    found.objects = best_of_either(rows_of(outputs, head.at("scores"), head.at("class_count")), least, is_activated);
    if (is_set(head.at("quality"))) {
        found.objects =
            times_quality(std::move(found.objects), rows_of(outputs, head.at("quality"), 1), least, is_activated);
    }
    const Anchors anchors(size, head);
    const Table deltas = rows_of(outputs, head.at("deltas"), 4);
    const auto variances = head.at("variances").get<std::vector<float>>();
    for (Object& object : found.objects) object.box = from_prior(anchors.at(object.row), deltas[object.row], variances);
    return found;
}

}  // namespace head
