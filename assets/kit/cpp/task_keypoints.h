// The points of the one body, face or hand in the picture, or in a box of it.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "json.h"
#include "preprocessing.h"
#include "tensor.h"
#include "verdicts.h"

namespace task {

constexpr double kLeastPoint = 0.3;  // score from which a point is sure

// In pixels of the input.
struct KeyPoint {
    float x = 0.0F, y = 0.0F, score = 1.0F;
};

// One distribution along x and one along y for each point (SimCC, Li et al., 2022).
inline std::vector<KeyPoint> from_simcc(const Tensors& outputs, Size size, const Json& decoder) {
    const Tensor &x = get(outputs, decoder.at("x")), &y = get(outputs, decoder.at("y"));
    const int64_t columns = x.side(2), rows = y.side(2);
    std::vector<KeyPoint> points;
    for (int64_t index = 0; index < x.side(1); ++index) {
        const float *across = &x.values[index * columns], *down = &y.values[index * rows];
        const int64_t column = largest(across, columns), row = largest(down, rows);
        points.push_back({static_cast<float>(column / (double(columns) / size.width)),
                          static_cast<float>(row / (double(rows) / size.height)), std::min(across[column], down[row])});
    }
    return points;
}

inline double sign(float value) {
    return value > 0 ? 1.0 : value < 0 ? -1.0 : 0.0;
}

// One map for each point: its highest cell, moved a quarter cell towards the higher neighbour (HRNet).
inline std::vector<KeyPoint> from_heatmaps(const Tensors& outputs, Size size, const Json& decoder) {
    const Tensor& tensor = get(outputs, decoder.at("output"));
    const bool is_last = decoder.at("channels_last");
    const int64_t count = tensor.side(is_last ? 3 : 1), height = tensor.side(is_last ? 1 : 2),
                  width = tensor.side(is_last ? 2 : 3);
    std::vector<KeyPoint> points;
    for (int64_t index = 0; index < count; ++index) {
        const int64_t step = is_last ? count : 1;
        const float* map = &tensor.values[is_last ? index : index * width * height];
        const int64_t best = largest(map, width * height, step), row = best / width, column = best % width;
        const auto value = [&](int64_t y, int64_t x) { return map[(y * width + x) * step]; };
        double x = static_cast<double>(column), y = static_cast<double>(row);
        if (column > 1 && column < width - 1 && row > 0)
            x += 0.25 * sign(value(row, column + 1) - value(row, column - 1));
        if (row > 1 && row < height - 1 && column > 0)
            y += 0.25 * sign(value(row + 1, column) - value(row - 1, column));
        points.push_back({static_cast<float>(x * size.width / width), static_cast<float>(y * size.height / height),
                          value(row, column)});
    }
    return points;
}

// Both coordinates of each point as numbers; all scores are 1.
inline std::vector<KeyPoint> from_coordinates(const Tensors& outputs, Size size, const Json& decoder) {
    const Tensor& tensor = get(outputs, decoder.at("output"));
    const int64_t dimensions = decoder.at("dimensions");
    const bool is_in_pixels = decoder.at("in_pixels");
    std::vector<KeyPoint> points;
    for (int64_t index = 0; index + dimensions <= tensor.size_of_one(); index += dimensions) {
        points.push_back({tensor.values[index] * (is_in_pixels ? 1.0F : float(size.width)),
                          tensor.values[index + 1] * (is_in_pixels ? 1.0F : float(size.height)), 1.0F});
    }
    return points;
}

// Each point as x, y and score, in pixels of the whole picture.
inline Json answer(const Tensors& outputs, const Sample& sample, const Json& task, const Labels&) {
    const Json& decoder = task.at("decoder");
    const std::string kind = decoder.at("kind");
    const auto decode = kind == "simcc" ? from_simcc : kind == "heatmaps" ? from_heatmaps : from_coordinates;
    const Placement& place = sample.placement;
    Json points = Json::array();
    for (const KeyPoint& point : decode(outputs, place.input, decoder)) {
        points.push_back({rounded(place.x_to_picture(point.x) / sample.shrunk + sample.origin_x, 2),
                          rounded(place.y_to_picture(point.y) / sample.shrunk + sample.origin_y, 2),
                          rounded(point.score, 6)});
    }
    return {{"kind", "points"}, {"points", points}};
}

inline std::vector<std::string> words(const Json& found) {
    std::vector<std::string> lines;
    for (const Json& point : found.at("points")) {
        lines.push_back(format("point %d: x %.1f, y %.1f  ", static_cast<int>(lines.size()), point.at(0).get<double>(),
                               point.at(1).get<double>()) +
                        percent(point.at(2)));
    }
    return lines;
}

// The points at the same places, and their scores; unsure ones may be anywhere.
inline Verdict compare(const Json& expected, const Json& found) {
    using Points = std::vector<std::array<double, 3>>;
    const auto before = expected.at("points").get<Points>(), after = found.at("points").get<Points>();
    if (before.size() != after.size()) {
        return different(
            format("%d points instead of %d", static_cast<int>(after.size()), static_cast<int>(before.size())));
    }
    if (before.empty()) return same();
    double best = 0.0, score = 0.0, most = 0.0;
    std::array<double, 2> low{before[0][0], before[0][1]}, high = low;
    for (size_t index = 0; index < before.size(); ++index) {
        best = std::max(best, before[index][2]);
        score = std::max(score, std::abs(before[index][2] - after[index][2]));
        for (size_t axis = 0; axis < 2; ++axis) {
            low[axis] = std::min(low[axis], before[index][axis]);
            high[axis] = std::max(high[axis], before[index][axis]);
        }
    }
    const double extent = std::max({high[0] - low[0], high[1] - low[1], 1.0});
    int sure = 0, moved = 0;
    for (size_t index = 0; index < before.size(); ++index) {
        if (before[index][2] < std::min(kLeastPoint, best)) continue;
        const double way =
            std::max(std::abs(before[index][0] - after[index][0]), std::abs(before[index][1] - after[index][1]));
        most = std::max(most, way);
        moved += way > 0.05 * extent + 1.0;
        ++sure;
    }
    if (moved > 0.1 * sure) return different(format("points are moved by up to %.1f pixels", most));
    return within(score, most);
}

}  // namespace task
