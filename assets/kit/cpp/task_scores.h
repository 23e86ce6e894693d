// Scores: probabilities of something being there, each above or below a threshold.
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

// All scores in one row, and the threshold from which they say yes.
inline Json answer(const Tensors& outputs, const Sample&, const Json& task, const Labels&) {
    Json scores = Json::array();
    for (const std::string name : task.at("outputs")) {
        for (float score : get(outputs, name).values) scores.push_back(rounded(score, 6));
    }
    return {{"kind", "scores"}, {"threshold", task.at("score")}, {"scores", scores}};
}

// How many say yes, and the first ones.
inline std::vector<std::string> words(const Json& found) {
    const auto scores = found.at("scores").get<std::vector<double>>();
    const double threshold = found.at("threshold");
    std::vector<std::string> first;
    for (size_t index = 0; index < std::min<size_t>(16, scores.size()); ++index)
        first.push_back(format("%.3f", scores[index]));
    const auto yes = std::count_if(scores.begin(), scores.end(), [=](double score) { return score >= threshold; });
    return {format("%d of %d from %g on: ", static_cast<int>(yes), static_cast<int>(scores.size()), threshold) +
            joined(first) + (scores.size() > 16 ? ", ..." : "")};
}

// The same decisions, but for scores near the threshold.
inline Verdict compare(const Json& expected, const Json& found) {
    const auto before = expected.at("scores").get<std::vector<double>>(),
               after = found.at("scores").get<std::vector<double>>();
    if (before.size() != after.size()) {
        return different(
            format("%d scores instead of %d", static_cast<int>(after.size()), static_cast<int>(before.size())));
    }
    const double threshold = expected.at("threshold");
    double most = 0.0;
    int changed = 0;
    for (size_t index = 0; index < before.size(); ++index) {
        const double difference = std::abs(before[index] - after[index]);
        most = std::max(most, difference);
        changed += (before[index] >= threshold) != (after[index] >= threshold) && difference > kCloseScore;
    }
    if (changed > 0)
        return different(format("%d of %d decisions are others", changed, static_cast<int>(before.size())));
    return within(most);
}

}  // namespace task
