// JSON as it is read and printed here: keys keep their order.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "third_party/json.hpp"

using Json = nlohmann::ordered_json;
using Labels = std::vector<std::string>;

// Whether a key names something: not null, and no empty text or list.
inline bool is_set(const Json& value) {
    return value.is_string() ? value != "" : !value.empty();
}

// A number of an answer, rounded to so many digits behind the point.
inline double rounded(double value, int digits) {
    if (!std::isfinite(value)) return 0.0;
    char text[400];  // the largest double has 309 digits
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return std::strtod(text, nullptr);
}

inline std::string label_of(const Labels& labels, int64_t number) {
    const bool is_known = number >= 0 && number < static_cast<int64_t>(labels.size());
    return is_known ? labels[static_cast<size_t>(number)] : std::to_string(number);
}

// A class with its name, as answers hold it.
inline Json named(const Labels& labels, int64_t number) {
    return {{"class", number}, {"label", label_of(labels, number)}};
}

// Text with numbers in it, as printf writes them.
template <typename... Values>
std::string format(const char* pattern, Values... values) {
    const int length = std::snprintf(nullptr, 0, pattern, values...);
    std::string text(static_cast<size_t>(length) + 1, '\0');
    std::snprintf(&text[0], text.size(), pattern, values...);
    text.pop_back();
    return text;
}

inline std::string percent(double share) {
    return format("%.1f%%", share * 100);
}

inline std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}
