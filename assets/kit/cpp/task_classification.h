// Classification: one score for each class, of which the best is the answer, or all above a threshold.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "json.h"
#include "preprocessing.h"
#include "tensor.h"
#include "verdicts.h"

namespace task {

// Softmax; scores that sum to 1 are probabilities already.
inline double probability(const std::vector<float>& scores, int64_t index) {
    double sum = 0.0, exponentials = 0.0;
    const double least = *std::min_element(scores.begin(), scores.end());
    const double most = *std::max_element(scores.begin(), scores.end());
    for (double score : scores) {
        sum += score;
        exponentials += std::exp(score - most);
    }
    const double score = scores.at(static_cast<size_t>(index));
    return least >= 0.0 && std::abs(sum - 1.0) < 1e-2 ? score : std::exp(score - most) / exponentials;
}

// The best class with its probability, the next ones, and for multi-label models all that are present.
inline Json answer(const Tensors& outputs, const Sample&, const Json& task, const Labels& labels) {
    const Tensor& tensor = get(outputs, task.at("output"));
    const int64_t count = tensor.axes() > 1 ? tensor.size_of_one() : tensor.size();
    const std::vector<float> scores(tensor.values.begin(), tensor.values.begin() + count);
    if (scores.empty()) throw UserError("The model gave no scores.");
    std::vector<int64_t> ranking(scores.size());
    std::iota(ranking.begin(), ranking.end(), 0);
    std::stable_sort(ranking.begin(), ranking.end(), [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
    ranking.resize(std::min(ranking.size(), task.at("top").get<size_t>()));

    const bool is_multi = task.at("multi_label");
    Json best = named(labels, ranking[0]);
    best["score"] = rounded(is_multi ? scores[ranking[0]] : probability(scores, ranking[0]), 6);
    Json next = Json::array();
    for (size_t place = 1; place < ranking.size(); ++place) next.push_back(named(labels, ranking[place]));
    Json found = {{"kind", "classes"}, {"best", best}, {"next", next}};
    if (is_multi) {
        found["present"] = Json::array();
        for (int64_t index = 0; index < count; ++index) {
            if (scores[index] >= task.at("score").get<float>()) found["present"].push_back(named(labels, index));
        }
    }
    return found;
}

inline std::vector<std::string> words(const Json& found) {
    const auto labels = [](const Json& classes) {
        std::vector<std::string> made;
        for (const Json& one : classes) made.push_back(one.at("label"));
        return made;
    };
    const Json& best = found.at("best");
    std::vector<std::string> lines{best.at("label").get<std::string>() + "  " + percent(best.at("score"))};
    if (found.contains("present")) {
        const auto present = labels(found.at("present"));
        lines.push_back("present: " + (present.empty() ? "none of the classes" : joined(present)));
    }
    if (!found.at("next").empty()) lines.push_back("then: " + joined(labels(found.at("next"))));
    return lines;
}

// The same best class, and the same ones present.
inline Verdict compare(const Json& expected, const Json& found) {
    const Json &before = expected.at("best"), &after = found.at("best");
    if (before.at("class") != after.at("class")) {
        return different(after.at("label").get<std::string>() + " instead of " + before.at("label").get<std::string>());
    }
    const Json nothing = nullptr;
    if (expected.value("present", nothing) != found.value("present", nothing))
        return different("other classes are present");
    return within(std::abs(before.at("score").get<double>() - after.at("score").get<double>()));
}

}  // namespace task
