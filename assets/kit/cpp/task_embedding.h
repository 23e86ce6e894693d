// Embedding: a vector of length 1; the larger the cosine of two of them, the more alike are the samples.
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

// Of two vectors of length 1.
inline double cosine(const std::vector<double>& one, const std::vector<double>& other) {
    double sum = 0.0;
    for (size_t index = 0; index < one.size(); ++index) sum += one[index] * other[index];
    return sum;
}

// The vector, or the mean of one vector for each token.
inline Json answer(const Tensors& outputs, const Sample&, const Json& task, const Labels&) {
    const Tensor& tensor = get(outputs, task.at("output"));
    const int64_t count = tensor.size_of_one();
    const int64_t length = tensor.side(-1) > 1 ? tensor.side(-1) : count;
    std::vector<double> vector(static_cast<size_t>(length), 0.0);
    for (int64_t index = 0; index < count; ++index) vector[index % length] += tensor.values[index];
    for (double& value : vector) value /= static_cast<double>(count / length);
    const double norm = std::sqrt(cosine(vector, vector));
    Json numbers = Json::array();
    for (double value : vector) numbers.push_back(rounded(norm > 0.0 ? value / norm : value, 7));
    return {{"kind", "vector"}, {"vector", numbers}};
}

// The beginning of the vector.
inline std::vector<std::string> words(const Json& found) {
    const auto vector = found.at("vector").get<std::vector<double>>();
    std::vector<std::string> first;
    for (size_t index = 0; index < std::min<size_t>(8, vector.size()); ++index)
        first.push_back(format("%.3f", vector[index]));
    return {format("a vector of %d numbers: ", static_cast<int>(vector.size())) + joined(first) + ", ..."};
}

inline Verdict compare(const Json& expected, const Json& found) {
    const auto before = expected.at("vector").get<std::vector<double>>(),
               after = found.at("vector").get<std::vector<double>>();
    if (before.size() != after.size()) {
        return different(format("a vector of %d numbers instead of %d", static_cast<int>(after.size()),
                                static_cast<int>(before.size())));
    }
    const bool is_zero = std::all_of(before.begin(), before.end(), [](double value) { return value == 0.0; });
    const double likeness = is_zero ? 1.0 : cosine(before, after);
    if (likeness >= 0.999999) return same();
    return likeness >= 0.99 ? within(1 - likeness) : different(format("the cosine of the vectors is %.4f", likeness));
}

}  // namespace task
