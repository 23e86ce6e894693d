// Segmentation: the class of every pixel, from class scores, class indices or a map of probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "json.h"
#include "png.h"
#include "preprocessing.h"
#include "tensor.h"
#include "verdicts.h"

namespace task {

struct ClassMap {
    int width = 0;
    int height = 0;
    std::vector<int> classes;  // row by row
};

// The class of every cell.
inline ClassMap class_map(const Tensor& tensor, const Json& task) {
    const bool has_channels = tensor.axes() == 4, is_last = has_channels && task.at("channels_last").get<bool>();
    const int64_t channels = !has_channels ? 1 : tensor.side(is_last ? 3 : 1);
    ClassMap made;
    made.height = static_cast<int>(tensor.side(has_channels ? (is_last ? 1 : 2) : 1));
    made.width = static_cast<int>(tensor.side(has_channels ? (is_last ? 2 : 3) : 2));
    const int64_t count = static_cast<int64_t>(made.width) * made.height;
    for (int64_t cell = 0; cell < count; ++cell) {
        const float* scores = &tensor.values[static_cast<size_t>(is_last ? cell * channels : cell)];
        if (tensor.is_integer()) {
            made.classes.push_back(static_cast<int>(scores[0]));
        } else if (channels == 1) {
            made.classes.push_back(scores[0] > task.at("threshold").get<float>() ? 1 : 0);
        } else {
            made.classes.push_back(static_cast<int>(largest(scores, channels, is_last ? 1 : count)));
        }
    }
    return made;
}

// The picture in shares of the input: left, top, right, bottom.
inline std::array<double, 4> region_of(const Placement& place) {
    const double left = place.offset_x / place.input.width, top = place.offset_y / place.input.height;
    return {left, top, left + place.picture.width * place.scale_x / place.input.width,
            top + place.picture.height * place.scale_y / place.input.height};
}

// For each pixel of one axis of the picture the cell that it lies in; -1 where it was cropped.
inline std::vector<int> cells_of(int pixels, int cells, double start, double end) {
    std::vector<int> made;
    for (int pixel = 0; pixel < pixels; ++pixel) {
        const double cell = std::floor((start + (pixel + 0.5) / pixels * (end - start)) * cells);
        made.push_back(cell >= 0 && cell < cells ? static_cast<int>(cell) : -1);
    }
    return made;
}

// The share of the picture that each class has, the largest first, and the map as a PNG of class indices.
inline Json answer(const Tensors& outputs, const Sample& sample, const Json& task, const Labels& labels) {
    const ClassMap map = class_map(get(outputs, task.at("output")), task);
    const auto region = region_of(sample.placement);
    const Size size = sample.placement.picture;
    const auto rows = cells_of(size.height, map.height, region[1], region[3]);
    const auto columns = cells_of(size.width, map.width, region[0], region[2]);
    std::map<int, int64_t> counts;
    int64_t seen = 0;
    for (int row : rows) {
        for (int column : columns) {
            if (row < 0 || column < 0) continue;
            const int number = map.classes[static_cast<size_t>(row) * map.width + column];
            if (number < 0) continue;
            ++counts[number];
            ++seen;
        }
    }
    std::vector<std::pair<int, int64_t>> order(counts.begin(), counts.end());
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    Json areas = Json::array();
    for (const auto& [number, count] : order) {
        Json area = named(labels, number);
        area["share"] = rounded(static_cast<double>(count) / static_cast<double>(std::max<int64_t>(1, seen)), 6);
        areas.push_back(area);
    }
    png::Image image{map.width, map.height, 1, {}};
    for (int number : map.classes) image.values.push_back(static_cast<uint16_t>(std::max(0, number)));
    Json edges = Json::array();
    for (double edge : region) edges.push_back(rounded(edge, 6));
    return {{"kind", "map"},
            {"areas", areas},
            {"region", edges},
            {"picture_size", {size.height, size.width}},
            {"png", png::encode(image)}};
}

inline std::vector<std::string> words(const Json& found) {
    std::vector<std::string> lines;
    for (const Json& one : found.at("areas")) {
        lines.push_back(one.at("label").get<std::string>() + "  " + percent(one.at("share")) + " of the picture");
    }
    return lines;
}

// The overlap of the areas.
inline Verdict compare(const Json& expected, const Json& found) {
    const png::Image before = png::decode(expected.at("png")), after = png::decode(found.at("png"));
    if (before.width != after.width || before.height != after.height) {
        return different(format("a map of %d x %d cells instead of %d x %d", after.width, after.height, before.width,
                                before.height));
    }
    std::map<int, std::pair<double, double>> areas;  // class -> cells that both have, cells that one of them has
    double changed = 0.0;
    for (size_t index = 0; index < before.values.size(); ++index) {
        const int one = before.values[index], other = after.values[index];
        areas[one].second += 1;
        if (one == other) {
            areas[one].first += 1;
        } else {
            areas[other].second += 1;
            changed += 1;
        }
    }
    if (changed == 0.0) return same();
    double overlap = 0.0;
    for (const auto& area : areas)
        overlap += area.second.first / area.second.second / static_cast<double>(areas.size());
    changed /= static_cast<double>(before.values.size());
    return overlap < kCloseOverlap ? different(percent(changed) + " of the pixels have another class")
                                   : within(changed);
}

}  // namespace task
