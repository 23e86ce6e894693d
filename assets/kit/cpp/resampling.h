// Bilinear resizing that averages when it shrinks, as Pillow's Image.resize(..., BILINEAR) does, to the bit.
//
// A result is a weighted mean of the pixels under a triangle; where the picture shrinks, the triangle grows with the
// pixels that fall into one. OpenCV's INTER_LINEAR and ncnn's from_pixels_resize look at the four next pixels only,
// which skips most of a large picture; a model that was tried with one of the two answers differently with the other.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "picture.h"

namespace resampling {

// Of one axis: for each new pixel the first one that counts, and the weights of it and those after it.
struct Weights {
    std::vector<int> first;
    std::vector<std::vector<double>> shares;
};

// start and end: the part of the axis that is resized, in pixels.
inline Weights weights(int length, double start, double end, int new_length) {
    const double scale = (end - start) / new_length;
    const double reach = std::max(scale, 1.0);
    Weights made;
    for (int index = 0; index < new_length; ++index) {
        const double center = start + (index + 0.5) * scale;
        const int low = std::max(0, static_cast<int>(center - reach + 0.5));
        const int high = std::min(length, static_cast<int>(center + reach + 0.5));
        std::vector<double> shares(static_cast<size_t>(std::max(0, high - low)));
        double sum = 0.0;
        for (int place = low; place < high; ++place) {
            const double share = std::max(0.0, 1.0 - std::abs((place - center + 0.5) * (1.0 / reach)));
            shares[static_cast<size_t>(place - low)] = share;
            sum += share;
        }
        for (double& share : shares) share = sum == 0.0 ? share : share / sum;
        made.first.push_back(low);
        made.shares.push_back(std::move(shares));
    }
    return made;
}

constexpr int kBits = 22;  // of a share as a whole number

inline std::vector<int32_t> in_whole_numbers(const std::vector<double>& shares) {
    std::vector<int32_t> made;
    for (double share : shares) made.push_back(static_cast<int32_t>(0.5 + share * (1 << kBits)));
    return made;
}

// Resizes along one axis: rows of a picture (step is channels) or its columns (step is the length of a row).
inline Picture resize_axis(const Picture& picture, const Weights& weights, bool is_across) {
    const int count = static_cast<int>(weights.first.size());
    Picture made(is_across ? count : picture.width, is_across ? picture.height : count, picture.channels);
    const size_t step = static_cast<size_t>(picture.channels) * (is_across ? 1 : static_cast<size_t>(picture.width));
    for (int index = 0; index < count; ++index) {
        const std::vector<int32_t> shares = in_whole_numbers(weights.shares[static_cast<size_t>(index)]);
        const int first = weights.first[static_cast<size_t>(index)];
        // One column of all rows, or one row of all columns.
        const int others = is_across ? picture.height : picture.width;
        for (int other = 0; other < others; ++other) {
            const uint8_t* from = is_across ? picture.at(first, other) : picture.at(other, first);
            uint8_t* to = is_across ? made.at(index, other) : made.at(other, index);
            for (int channel = 0; channel < picture.channels; ++channel) {
                int32_t sum = 1 << (kBits - 1);
                for (size_t place = 0; place < shares.size(); ++place)
                    sum += from[place * step + channel] * shares[place];
                to[channel] = static_cast<uint8_t>(std::min(255, std::max(0, sum >> kBits)));
            }
        }
    }
    return made;
}

}  // namespace resampling

// The part of a picture from left, top to right, bottom, in pixels, resized to a width and a height.
inline Picture resize(const Picture& picture, int width, int height, double left, double top, double right,
                      double bottom) {
    const bool has_across = width != picture.width || left != 0.0 || right != width;
    const bool has_down = height != picture.height || top != 0.0 || bottom != height;
    Picture made = picture;
    if (has_across) made = resampling::resize_axis(made, resampling::weights(picture.width, left, right, width), true);
    if (has_down) made = resampling::resize_axis(made, resampling::weights(picture.height, top, bottom, height), false);
    return made;
}

inline Picture resize(const Picture& picture, int width, int height) {
    return resize(picture, width, height, 0.0, 0.0, picture.width, picture.height);
}

// A grid of numbers, row by row.
struct Grid {
    int width = 0;
    int height = 0;
    std::vector<float> values;
};

// The same for a grid of numbers, which are not rounded.
inline Grid resize(const Grid& grid, int width, int height, double left, double top, double right, double bottom) {
    const auto across = resampling::weights(grid.width, left, right, width);
    const auto down = resampling::weights(grid.height, top, bottom, height);
    Grid wide{width, grid.height, std::vector<float>(static_cast<size_t>(width) * grid.height)};
    for (int y = 0; y < grid.height; ++y) {
        for (int x = 0; x < width; ++x) {
            const auto& shares = across.shares[static_cast<size_t>(x)];
            const float* from =
                &grid.values[static_cast<size_t>(y) * grid.width + across.first[static_cast<size_t>(x)]];
            double sum = 0.0;
            for (size_t place = 0; place < shares.size(); ++place) sum += from[place] * shares[place];
            wide.values[static_cast<size_t>(y) * width + x] = static_cast<float>(sum);
        }
    }
    Grid made{width, height, std::vector<float>(static_cast<size_t>(width) * height)};
    for (int y = 0; y < height; ++y) {
        const auto& shares = down.shares[static_cast<size_t>(y)];
        for (int x = 0; x < width; ++x) {
            double sum = 0.0;
            for (size_t place = 0; place < shares.size(); ++place) {
                const size_t row = static_cast<size_t>(down.first[static_cast<size_t>(y)]) + place;
                sum += wide.values[row * width + x] * shares[place];
            }
            made.values[static_cast<size_t>(y) * width + x] = static_cast<float>(sum);
        }
    }
    return made;
}
