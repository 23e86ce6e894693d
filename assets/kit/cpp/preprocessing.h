// From a picture to the tensor that the model takes; every number is in preprocessing.json.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "json.h"
#include "picture.h"
#include "resampling.h"
#include "tensor.h"

constexpr int64_t kMostResized = 50000000;  // pixels of a picture that is resized as a whole before it is cropped

using Box = std::array<float, 4>;  // x1, y1, x2, y2

struct Size {
    int height = 0;
    int width = 0;
};

// Where a picture lies in the model's input: input = picture x scale + offset, in pixels, for each axis.
struct Placement {
    Size picture;
    Size input;
    double scale_x = 1.0, scale_y = 1.0;
    double offset_x = 0.0, offset_y = 0.0;

    float x_to_picture(float x) const { return (x - static_cast<float>(offset_x)) / static_cast<float>(scale_x); }
    float y_to_picture(float y) const { return (y - static_cast<float>(offset_y)) / static_cast<float>(scale_y); }

    // In pixels of the picture, clipped to it.
    Box to_picture(const Box& box) const {
        const auto width = static_cast<float>(picture.width), height = static_cast<float>(picture.height);
        return {std::min(std::max(x_to_picture(box[0]), 0.0F), width),
                std::min(std::max(y_to_picture(box[1]), 0.0F), height),
                std::min(std::max(x_to_picture(box[2]), 0.0F), width),
                std::min(std::max(y_to_picture(box[3]), 0.0F), height)};
    }
};

// What the model is fed, and where it comes from.
struct Sample {
    Tensor input;
    Placement placement;
    // Of the part of the picture that was cut out for a box: its left and upper edge, and by how much it was scaled.
    double origin_x = 0.0, origin_y = 0.0;
    double shrunk = 1.0;
};

namespace preprocessing_details {

struct Fitted {
    int left = 0, top = 0;  // of the resized picture in the input; negative where it is cropped
    int width = 0, height = 0;
};

// Halves go to the even number, as Python's round() does.
inline int whole(double value) {
    return static_cast<int>(std::nearbyint(value));
}

inline Size size_of(const Json& how) {
    return {how.at("size").at(0).get<int>(), how.at("size").at(1).get<int>()};
}

inline Fitted fitted(int width, int height, const Json& how, const std::string& fit) {
    const Size size = size_of(how);
    if (fit == "stretch") return {0, 0, size.width, size.height};
    const double across = static_cast<double>(size.width) / width, down = static_cast<double>(size.height) / height;
    if (fit == "crop") {
        const double scale = std::max(across, down) / how.at("crop_share").get<double>();
        const int w = std::max(size.width, whole(width * scale)), h = std::max(size.height, whole(height * scale));
        return {-((w - size.width) / 2), -((h - size.height) / 2), w, h};
    }
    const double scale = std::min(across, down);
    const int w = std::min(size.width, std::max(1, whole(width * scale)));
    const int h = std::min(size.height, std::max(1, whole(height * scale)));
    if (fit == "pad-corner") return {0, 0, w, h};
    return {(size.width - w) / 2, (size.height - h) / 2, w, h};
}

// Copies a picture into another one at a place, as far as it lies inside.
inline void paste(Picture& canvas, const Picture& picture, int left, int top) {
    const int first = std::max(0, -left), last = std::min(picture.width, canvas.width - left);
    if (first >= last) return;
    for (int y = std::max(0, -top); y < std::min(picture.height, canvas.height - top); ++y) {
        std::copy(picture.at(first, y), picture.at(first, y) + static_cast<ptrdiff_t>(last - first) * picture.channels,
                  canvas.at(left + first, top + y));
    }
}

// The picture in the colours and the size of the input.
inline Picture frame(const Picture& given, const Json& how, const std::string& fit) {
    const Picture picture = how.at("color") == "gray" ? to_grey(given) : to_rgb(given);
    const Size size = size_of(how);
    const Fitted place = fitted(picture.width, picture.height, how, fit);
    if (fit == "crop" && static_cast<int64_t>(place.width) * place.height > kMostResized) {
        const double across = static_cast<double>(picture.width) / place.width;
        const double down = static_cast<double>(picture.height) / place.height;
        return resize(picture, size.width, size.height, -place.left * across, -place.top * down,
                      (size.width - place.left) * across, (size.height - place.top) * down);
    }
    // With ncnn's resize, which is several times faster and looks at fewer pixels, this line becomes
    //     Picture resized(place.width, place.height, picture.channels);
    //     ncnn::resize_bilinear_c3(picture.pixels.data(), picture.width, picture.height, resized.pixels.data(),
    //                              place.width, place.height);  // _c1 for grey; #include "mat.h"
    // (OpenCV: cv::resize, INTER_AREA is the nearest.) Run --check afterwards: answers may change.
    const Picture resized = resize(picture, place.width, place.height);
    const auto ground = static_cast<uint8_t>(fit == "crop" ? 0 : how.at("pad_value").get<int>());
    Picture made(size.width, size.height, picture.channels, ground);
    paste(made, resized, place.left, place.top);
    return made;
}

// (value - mean) / std of each channel. ncnn has from_pixels and substract_mean_normalize (which multiplies by 1 / std)
// for this; here it is written out, since it serves both runtimes and both orders of the axes.
inline std::vector<float> normalized(const Picture& picture, const Json& how) {
    const int channels = picture.channels;
    const auto mean = how.at("mean").get<std::vector<float>>(), std = how.at("std").get<std::vector<float>>();
    const bool is_bgr = how.at("color") == "bgr", is_nchw = how.at("layout") == "nchw";
    const size_t count = static_cast<size_t>(picture.width) * picture.height;
    std::vector<float> values(count * channels);
    for (int channel = 0; channel < channels; ++channel) {
        const int from = is_bgr ? channels - 1 - channel : channel;
        for (size_t index = 0; index < count; ++index) {
            const float value = (picture.pixels[index * channels + from] - mean.at(channel)) / std.at(channel);
            values[is_nchw ? channel * count + index : index * channels + channel] = value;
        }
    }
    return values;
}

// The object in a box with some room around it, in the proportions of the input; outside the picture it is black.
inline Picture cut_out(const Picture& picture, const std::array<double, 4>& box, Size size, double padding, int longest,
                       Sample& sample) {
    const double aspect = static_cast<double>(size.width) / size.height;
    double width = (box[2] - box[0]) * padding, height = (box[3] - box[1]) * padding;
    const double wide = std::max(width, height * aspect), high = std::max(height, width / aspect);
    width = wide;
    height = high;
    const int left = whole((box[0] + box[2] - width) / 2), top = whole((box[1] + box[3] - height) / 2);
    const int right = left + std::max(1, whole(width)), bottom = top + std::max(1, whole(height));
    const double scale = std::min(1.0, static_cast<double>(longest) / std::max(right - left, bottom - top));
    const int x1 = std::max(left, 0), y1 = std::max(top, 0);
    const int x2 = std::min(right, picture.width), y2 = std::min(bottom, picture.height);
    if (x1 >= x2 || y1 >= y2) {
        throw UserError("The box lies outside the picture, which has " + std::to_string(picture.width) + " x " +
                        std::to_string(picture.height) + " pixels.");
    }
    Picture part(x2 - x1, y2 - y1, 3);
    paste(part, to_rgb(picture), -x1, -y1);
    Picture canvas(std::max(1, whole((right - left) * scale)), std::max(1, whole((bottom - top) * scale)), 3);
    if (scale < 1.0) {
        part = resize(part, std::max(1, whole(part.width * scale)), std::max(1, whole(part.height * scale)));
    }
    paste(canvas, part, whole((x1 - left) * scale), whole((y1 - top) * scale));
    sample.origin_x = left;
    sample.origin_y = top;
    sample.shrunk = scale;
    return canvas;
}

}  // namespace preprocessing_details

// The sample of a picture.
//
// settings: all of preprocessing.json; box: in pixels of the picture, what is looked at, or null for all of it.
inline Sample make_sample(const Picture& picture, const Json& settings, const std::array<double, 4>* box = nullptr) {
    using namespace preprocessing_details;
    const Json &how = settings.at("picture"), &crop = settings.at("object_crop");
    Sample sample;
    Picture seen = picture;
    std::string fit = how.at("fit");
    if (!crop.is_null() && (box != nullptr || crop.at("always").get<bool>())) {
        const std::array<double, 4> whole_picture{0.0, 0.0, double(picture.width), double(picture.height)};
        const double padding = box != nullptr ? crop.at("padding").get<double>() : 1.0;
        seen =
            cut_out(picture, box != nullptr ? *box : whole_picture, size_of(how), padding, crop.at("longest"), sample);
        if (fit == "crop") fit = "stretch";  // nothing is cut off once more
    }
    const Fitted place = fitted(seen.width, seen.height, how, fit);
    sample.placement.picture = {seen.height, seen.width};
    sample.placement.input = size_of(how);
    sample.placement.scale_x = static_cast<double>(place.width) / seen.width;
    sample.placement.scale_y = static_cast<double>(place.height) / seen.height;
    sample.placement.offset_x = place.left;
    sample.placement.offset_y = place.top;

    const Picture framed = frame(seen, how, fit);
    const std::vector<float> values = normalized(framed, how);
    const int64_t batch = how.at("batch"), channels = framed.channels;
    sample.input.name = how.at("input");
    sample.input.shape = how.at("layout") == "nchw"
                             ? std::vector<int64_t>{batch, channels, framed.height, framed.width}
                             : std::vector<int64_t>{batch, framed.height, framed.width, channels};
    for (int64_t index = 0; index < batch; ++index) {
        sample.input.values.insert(sample.input.values.end(), values.begin(), values.end());
    }
    return sample;
}

// The inputs that are the same for every picture.
inline Tensors fixed_inputs(const Json& settings) {
    Tensors made;
    for (const Json& one : settings.at("fixed_inputs")) {
        Tensor tensor;
        tensor.name = one.at("name");
        tensor.dtype = one.at("dtype");
        tensor.shape = one.at("shape").get<std::vector<int64_t>>();
        const Json& values = one.at("values");
        const auto number = [](const Json& value) {
            return value.is_boolean() ? float(value.get<bool>()) : value.get<float>();
        };
        if (values.is_array()) {
            for (const Json& value : values) tensor.values.push_back(number(value));
        } else {
            tensor.values.assign(static_cast<size_t>(product(tensor.shape)), number(values));
        }
        made.push_back(std::move(tensor));
    }
    return made;
}

// Whole numbers for an input that takes those. Throws UserError where a number would be cut off or rounded.
inline std::vector<int64_t> in_whole_numbers(const Tensor& tensor, double least, double most) {
    std::vector<int64_t> made;
    made.reserve(tensor.values.size());
    for (float value : tensor.values) {
        const double number = std::nearbyint(static_cast<double>(value));
        if (!(number >= least && number <= most && std::abs(value - number) <= 1e-3)) {
            throw UserError(
                format("The input \"%s\" takes whole numbers from %.0f to %.0f, but was given %g. Check mean "
                       "and std in preprocessing.json.",
                       tensor.name.c_str(), least, most, static_cast<double>(value)));
        }
        made.push_back(static_cast<int64_t>(number));
    }
    return made;
}
