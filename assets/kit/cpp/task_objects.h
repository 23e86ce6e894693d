// Detection, instance segmentation and pose: the objects of a picture, in its own pixels.
//
// The head, which decodes what this family of detectors writes, is included before this file (see this_model.h).
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "detections.h"
#include "json.h"
#include "masks.h"
#include "preprocessing.h"
#include "tensor.h"
#include "verdicts.h"

namespace task {

constexpr double kLeastPoint = 0.3;  // score from which a point is sure
constexpr double kPi = 3.14159265358979323846;

// In pixels of the picture. Where both axes are scaled alike this is exact; else the sides become slanted, and area and
// long axis stay. Rotated boxes are not clipped, which would move their centre.
inline void turn_to_picture(Object& object, const Placement& place) {
    const Box& box = object.box;
    const float x = place.x_to_picture((box[0] + box[2]) / 2), y = place.y_to_picture((box[1] + box[3]) / 2);
    const float width = box[2] - box[0], height = box[3] - box[1];
    const bool is_high = height > width;
    const double length = std::max(width, height), direction = object.angle + (is_high ? kPi / 2 : 0.0);
    const double along_x = length * std::cos(direction) / place.scale_x,
                 along_y = length * std::sin(direction) / place.scale_y;
    const double new_length = std::hypot(along_x, along_y),
                 area = double(width) * height / (place.scale_x * place.scale_y);
    const double across = new_length > 0 ? area / new_length : 0.0;
    object.angle = static_cast<float>(std::atan2(along_y, along_x) - (is_high ? kPi / 2 : 0.0));
    object.box = from_center(x, y, static_cast<float>(is_high ? across : new_length),
                             static_cast<float>(is_high ? new_length : across));
}

inline void to_picture(Object& object, const Placement& place, bool has_angles) {
    if (has_angles) {
        turn_to_picture(object, place);
    } else {
        object.box = place.to_picture(object.box);
    }
    for (Point& point : object.points) {
        point.x = place.x_to_picture(point.x);
        point.y = place.y_to_picture(point.y);
    }
}

inline Json described(const Object& object, const Found& found, const Labels& labels) {
    Json one = named(labels, object.label);
    one["score"] = rounded(object.score, 6);
    for (float edge : object.box) one["box"].push_back(rounded(edge, 2));
    if (found.has_angles) one["angle"] = rounded(object.angle, 5);
    for (const Point& point : object.points) {
        one["points"].push_back({rounded(point.x, 4), rounded(point.y, 4), rounded(point.score, 4)});
    }
    return one;
}

// The objects with at least the task's score, the best first.
inline Json answer(const Tensors& outputs, const Sample& sample, const Json& task, const Labels& labels) {
    const Placement& place = sample.placement;
    const Json &parameters = task.at("head"), &iou = parameters.at("nms_iou");
    Found found = head::decode(outputs, place.input, task.at("score").get<float>(), parameters);
    // No overlap is larger than infinity: boxes that the model has suppressed itself are only sorted.
    suppress(found, iou.is_null() ? std::numeric_limits<float>::infinity() : iou.get<float>(), task.at("most_objects"));
    Json objects = Json::array();
    for (Object& object : found.objects) {
        to_picture(object, place, found.has_angles);
        // NaN, which damaged weights give, is not greater than anything either.
        if (!(object.box[2] > object.box[0] && object.box[3] > object.box[1])) continue;
        Json one = described(object, found, labels);
        if (task.at("has_masks").get<bool>()) one["mask"] = masks::in_picture(found.mask(object), object.box, place);
        objects.push_back(std::move(one));
    }
    return {{"kind", "objects"}, {"objects", objects}};
}

inline std::vector<std::string> words(const Json& found) {
    std::vector<std::string> lines;
    for (const Json& one : found.at("objects")) {
        auto box = one.at("box").get<std::vector<double>>();
        for (double& edge : box) edge = std::nearbyint(edge) + 0.0;  // without the sign of -0
        std::string line = one.at("label").get<std::string>() + "  " + percent(one.at("score")) +
                           format("  x %.0f to %.0f, y %.0f to %.0f", box[0], box[2], box[1], box[3]);
        if (one.contains("angle"))
            line += format(", turned by %.0f degrees", one.at("angle").get<double>() * 180 / kPi);
        if (one.contains("points")) {
            const Json& points = one.at("points");
            const auto sure = std::count_if(points.begin(), points.end(),
                                            [](const Json& point) { return point.at(2).get<double>() >= kLeastPoint; });
            line += format(", %d points", static_cast<int>(sure));
        }
        if (one.contains("mask")) {
            long long pixels = 0;
            const auto counts = one.at("mask").at("counts").get<std::vector<long long>>();
            for (size_t index = 1; index < counts.size(); index += 2) pixels += counts[index];
            line += format(", %lld pixels", pixels);
        }
        lines.push_back(line);
    }
    return lines.empty() ? std::vector<std::string>{"no objects"} : lines;
}

// 1 for boxes of one class that differ by a pixel at most, else their overlap (IoU); 0 for different classes.
inline double likeness(const Json& one, const Json& other) {
    if (one.at("class") != other.at("class")) return 0.0;
    const auto a = one.at("box").get<std::array<double, 4>>(), b = other.at("box").get<std::array<double, 4>>();
    double most = 0.0;
    for (size_t index = 0; index < 4; ++index) most = std::max(most, std::abs(a[index] - b[index]));
    if (most <= kPixelTolerance) return 1.0;
    const double common = std::max(0.0, std::min(a[2], b[2]) - std::max(a[0], b[0])) *
                          std::max(0.0, std::min(a[3], b[3]) - std::max(a[1], b[1]));
    const double areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]);
    return common / std::max(areas - common, 1e-9);
}

// Largest difference of a coordinate, of the points that are sure too.
inline double distance(const Json& one, const Json& other) {
    double most = 0.0;
    for (size_t index = 0; index < 4; ++index) {
        most =
            std::max(most, std::abs(one.at("box").at(index).get<double>() - other.at("box").at(index).get<double>()));
    }
    if (!one.contains("points") || !other.contains("points")) return most;
    for (size_t index = 0; index < std::min(one.at("points").size(), other.at("points").size()); ++index) {
        const Json &a = one.at("points").at(index), &b = other.at("points").at(index);
        if (a.at(2).get<double>() < kLeastPoint) continue;
        for (size_t axis = 0; axis < 2; ++axis)
            most = std::max(most, std::abs(a.at(axis).get<double>() - b.at(axis).get<double>()));
    }
    return most;
}

// The same objects at the same places; those near the threshold may come or go by rounding.
inline Verdict compare(const Json& expected, const Json& found) {
    const auto score_of = [](const Json& one) { return one.at("score").get<double>(); };
    const auto told = [&](const Json& one) {
        return one.at("label").get<std::string>() + " (" + percent(score_of(one)) + ")";
    };
    std::vector<Json> free;
    double least = 1.0, score = 0.0, pixels = 0.0;
    for (const Json& one : found.at("objects")) {
        free.push_back(one);
        least = std::min(least, score_of(one));
    }
    for (const Json& one : expected.at("objects")) least = std::min(least, score_of(one));
    for (const Json& one : expected.at("objects")) {
        const auto other = std::max_element(free.begin(), free.end(), [&](const Json& a, const Json& b) {
            return likeness(one, a) < likeness(one, b);
        });
        if (other == free.end() || likeness(one, *other) < kCloseOverlap) {
            if (score_of(one) >= least + kCloseScore) return different(told(one) + " was not found");
            score = std::max(score, score_of(one) - least);
            continue;
        }
        score = std::max(score, std::abs(score_of(one) - score_of(*other)));
        pixels = std::max(pixels, distance(one, *other));
        free.erase(other);
    }
    for (const Json& one : free) {
        if (score_of(one) >= least + kCloseScore) return different(told(one) + " was found besides");
        score = std::max(score, score_of(one) - least);
    }
    return within(score, pixels);
}

}  // namespace task
