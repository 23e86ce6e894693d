// Text recognition by CTC: the best class of each step, repeats merged, blanks dropped (Graves et al., 2006).
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

struct Step {
    int64_t number = 0;
    double probability = 1.0;
};

// Best class and its probability at each step; the tensor is (steps, 1, classes) or (1, steps, classes).
inline std::vector<Step> best_steps(const Tensor& tensor) {
    std::vector<Step> steps;
    if (tensor.is_integer()) {
        for (float number : tensor.values) steps.push_back({static_cast<int64_t>(number), 1.0});
        return steps;
    }
    const int64_t count = tensor.side(1) == 1 ? tensor.side(0) : tensor.side(1), classes = tensor.side(2);
    // Where the second axis is 1, further pictures of a batch would follow along it, of which there are none.
    const float* values = tensor.values.data();
    double first_sum = 0.0;
    for (int64_t index = 0; index < classes; ++index) first_sum += values[index];
    const bool are_probabilities =
        *std::min_element(values, values + count * classes) >= 0.0F && std::abs(first_sum - 1.0) < 1e-2;
    for (int64_t step = 0; step < count; ++step) {
        const float* row = values + step * classes;
        const int64_t best = largest(row, classes);
        double exponentials = 0.0;
        for (int64_t index = 0; index < classes; ++index) exponentials += std::exp(double(row[index]) - row[best]);
        steps.push_back({best, are_probabilities ? double(row[best]) : 1.0 / exponentials});
    }
    return steps;
}

// The text, with the mean probability of its characters.
inline Json answer(const Tensors& outputs, const Sample&, const Json& task, const Labels& labels) {
    const int64_t blank = task.at("blank");
    int64_t before = -1;
    std::string text;
    double sum = 0.0;
    int count = 0;
    for (const Step& step : best_steps(get(outputs, task.at("output")))) {
        if (step.number != blank && step.number != before) {
            text += (labels.empty() && count > 0 ? " " : "") + label_of(labels, step.number);
            sum += step.probability;
            ++count;
        }
        before = step.number;
    }
    return {{"kind", "text"}, {"text", text}, {"score", rounded(count > 0 ? sum / count : 0.0, 6)}};
}

inline std::vector<std::string> words(const Json& found) {
    const std::string text = found.at("text");
    return {text.empty() ? "no text" : text + "  " + percent(found.at("score"))};
}

inline Verdict compare(const Json& expected, const Json& found) {
    const std::string before = expected.at("text"), after = found.at("text");
    if (before != after) return different("\"" + after + "\" instead of \"" + before + "\"");
    return within(std::abs(expected.at("score").get<double>() - found.at("score").get<double>()));
}

}  // namespace task
