// A picture from a picture: super-resolution, denoising, depth.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "json.h"
#include "png.h"
#include "preprocessing.h"
#include "tensor.h"
#include "verdicts.h"

namespace task {

// The picture as a PNG, from its lowest value (black) to its highest, both of which are told.
inline Json answer(const Tensors& outputs, const Sample&, const Json& task, const Labels&) {
    const Tensor& tensor = get(outputs, task.at("output"));
    const bool is_map = tensor.axes() == 3, is_last = !is_map && task.at("channels_last").get<bool>();
    const int64_t channels = is_map ? 1 : tensor.side(is_last ? 3 : 1);
    const int64_t height = tensor.side(is_map || is_last ? 1 : 2), width = tensor.side(is_map || is_last ? 2 : 3);
    const int64_t count = width * height;
    const float* values = tensor.values.data();
    const float low = *std::min_element(values, values + count * channels),
                high = *std::max_element(values, values + count * channels);
    double sum = 0.0;
    for (int64_t index = 0; index < count * channels; ++index) sum += values[index];

    const int64_t shown = channels == 1 ? 1 : 3;
    png::Image image{static_cast<int>(width), static_cast<int>(height), static_cast<int>(shown), {}};
    const float span = std::max(high - low, 1e-12F);
    for (int64_t cell = 0; cell < count; ++cell) {
        for (int64_t channel = 0; channel < shown; ++channel) {
            const int64_t from = std::min(channel, channels - 1);
            const float value = values[is_last ? cell * channels + from : from * count + cell];
            const float grey = std::isfinite(value) ? std::nearbyint((value - low) / span * 255.0F) : 0.0F;
            image.values.push_back(static_cast<uint16_t>(std::min(255.0F, std::max(0.0F, grey))));
        }
    }
    return {{"kind", "image"},
            {"size", {height, width}},
            {"low", double(low)},
            {"high", double(high)},
            {"mean", sum / static_cast<double>(count * channels)},
            {"png", png::encode(image)}};
}

inline std::vector<std::string> words(const Json& found) {
    return {format("a picture of %d x %d pixels, values %.4g to %.4g", found.at("size").at(1).get<int>(),
                   found.at("size").at(0).get<int>(), found.at("low").get<double>(), found.at("high").get<double>())};
}

// The mean difference of the pixels, in the values of the model, not in greys that each picture spreads for itself.
inline Verdict compare(const Json& expected, const Json& found) {
    const png::Image before = png::decode(expected.at("png")), after = png::decode(found.at("png"));
    if (before.width != after.width || before.height != after.height || before.channels != after.channels) {
        return different(format("a picture of %d x %d pixels instead of %d x %d", after.width, after.height,
                                before.width, before.height));
    }
    const double low = expected.at("low"), span = std::max(expected.at("high").get<double>() - low, 1e-12);
    const double other_low = found.at("low"), other_span = found.at("high").get<double>() - other_low;
    double sum = 0.0;
    for (size_t index = 0; index < before.values.size(); ++index) {
        const double one = low + before.values[index] / 255.0 * (expected.at("high").get<double>() - low);
        sum += std::abs(one - (other_low + after.values[index] / 255.0 * other_span));
    }
    const double difference = sum / static_cast<double>(before.values.size()) / span * 255;
    if (difference <= 2.0) return same();
    return difference <= 8.0 ? within(difference / 255)
                             : different(format("pixels differ by %.1f of 255 on average", difference));
}

}  // namespace task
