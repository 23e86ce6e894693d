// Tensors by name, as they go into the model and come out of it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "errors.h"

struct Tensor {
    std::string name;
    std::vector<int64_t> shape;     // with the batch axis
    std::vector<float> values;      // row by row; whole numbers too, which are exact up to 2^24
    std::string dtype = "float32";  // of the numbers in the model

    int axes() const { return static_cast<int>(shape.size()); }
    int64_t size() const { return static_cast<int64_t>(values.size()); }
    bool is_integer() const { return dtype.rfind("int", 0) == 0 || dtype.rfind("uint", 0) == 0; }

    // Length of an axis; -1 is the last one.
    int64_t side(int axis) const { return shape.at(static_cast<size_t>(axis < 0 ? axis + axes() : axis)); }

    // How many numbers each picture of the batch has.
    int64_t size_of_one() const { return shape.empty() || shape[0] == 0 ? size() : size() / shape[0]; }
};

using Tensors = std::vector<Tensor>;

inline int64_t product(const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (int64_t side : shape) count *= side;
    return count;
}

inline const Tensor* find(const Tensors& tensors, const std::string& name) {
    for (const Tensor& tensor : tensors) {
        if (tensor.name == name) return &tensor;
    }
    return nullptr;
}

inline const Tensor& get(const Tensors& tensors, const std::string& name) {
    const Tensor* found = find(tensors, name);
    if (found == nullptr) throw UserError("The model has no output \"" + name + "\". Unpack the kit again.");
    return *found;
}

// Index of the largest of these numbers, the first one of several.
inline int64_t largest(const float* values, int64_t count, int64_t step = 1) {
    int64_t best = 0;
    for (int64_t index = 1; index < count; ++index) {
        if (values[index * step] > values[best * step]) best = index;
    }
    return best;
}
