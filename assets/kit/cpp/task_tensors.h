// Any other model: its outputs as they are.
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

inline Json described(const Tensor& tensor) {
    double low = 0.0, high = 0.0, sum = 0.0;
    Json first = Json::array();
    for (int64_t index = 0; index < tensor.size(); ++index) {
        const double value = std::isfinite(tensor.values[index]) ? tensor.values[index] : 0.0;
        low = index == 0 ? value : std::min(low, value);
        high = index == 0 ? value : std::max(high, value);
        sum += value;
        if (index < 16) first.push_back(std::strtod(format("%.7g", value).c_str(), nullptr));
    }
    const double mean = tensor.size() > 0 ? sum / static_cast<double>(tensor.size()) : 0.0;
    return {{"name", tensor.name}, {"shape", tensor.shape}, {"dtype", tensor.dtype}, {"low", low},
            {"high", high},        {"mean", mean},          {"first", first}};
}

// Of each output its shape, lowest, highest and mean value, and its first numbers.
inline Json answer(const Tensors& outputs, const Sample&, const Json&, const Labels&) {
    Json all = Json::array();
    for (const Tensor& tensor : outputs) all.push_back(described(tensor));
    return {{"kind", "tensors"}, {"outputs", all}};
}

inline std::vector<std::string> words(const Json& found) {
    std::vector<std::string> lines;
    for (const Json& one : found.at("outputs")) {
        std::string shape;
        for (int64_t side : one.at("shape")) shape += (shape.empty() ? "" : "x") + std::to_string(side);
        const auto numbers = one.at("first").get<std::vector<double>>();
        std::vector<std::string> first;
        for (size_t index = 0; index < std::min<size_t>(6, numbers.size()); ++index)
            first.push_back(format("%.4g", numbers[index]));
        lines.push_back(one.at("name").get<std::string>() + " " + shape + ": " +
                        format("%.4g to %.4g, mean %.4g, first ", one.at("low").get<double>(),
                               one.at("high").get<double>(), one.at("mean").get<double>()) +
                        joined(first));
    }
    return lines;
}

inline std::vector<double> figures(const Json& one) {
    std::vector<double> numbers{one.at("low"), one.at("high"), one.at("mean")};
    for (double value : one.at("first")) numbers.push_back(value);
    return numbers;
}

// The numbers of each output, in relation to its largest one.
inline Verdict compare(const Json& expected, const Json& found) {
    double worst = 0.0;
    const Json &before = expected.at("outputs"), &after = found.at("outputs");
    if (before.size() != after.size()) return different("another number of outputs");
    for (size_t index = 0; index < before.size(); ++index) {
        if (before[index].at("shape") != after[index].at("shape")) {
            return different(before[index].at("name").get<std::string>() + " has the shape " +
                             after[index].at("shape").dump() + " instead of " + before[index].at("shape").dump());
        }
        const auto one = figures(before[index]), other = figures(after[index]);
        const double size = std::max({std::abs(one[0]), std::abs(one[1]), 1e-9});
        for (size_t place = 0; place < one.size(); ++place)
            worst = std::max(worst, std::abs(one[place] - other.at(place)) / size);
    }
    if (worst <= 1e-3) return same();
    return worst <= 0.05 ? within(worst) : different("numbers differ by up to " + percent(worst) + " of the largest");
}

}  // namespace task
