// Runs an ncnn model, on the processor; a post-processing that was cut off is run after it by onnxruntime.
//
// ncnn has blobs in the place of named inputs and outputs, and no batch axis: both are restored here.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "json.h"
#include <net.h>  // of ncnn
#include "preprocessing.h"
#include "tensor.h"

// The model of this kit. With a post-processing, this_model.h includes onnxruntime_session.h before.
class Model {
  public:
    // folder: the kit; settings: all of preprocessing.json; threads: for one run, 0 for every core.
    // Throws UserError where a file is missing or does not load.
    Model(const fs::path& folder, const Json& settings, int threads) : settings_(settings) {
        const Json& files = settings.at("model").at("files");
        const std::string param = files.at(0), bin = files.at(1);
        net_.opt.num_threads =
            threads > 0 ? threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
        // Arithmetic in 16 bit is faster on ARM, and gives slightly other numbers: set these to true to use it there.
        net_.opt.use_fp16_packed = false;
        net_.opt.use_fp16_storage = false;
        net_.opt.use_fp16_arithmetic = false;
        // From memory, since ncnn opens files by names that on Windows cannot have every letter. ncnn does not copy the
        // weights: weights_ must live as long as net_.
        Bytes text = read_bytes(folder / fs::u8path(param));
        text.push_back('\0');
        weights_ = read_bytes(folder / fs::u8path(bin));
        if (net_.load_param_mem(reinterpret_cast<const char*>(text.data())) != 0) {
            throw UserError("ncnn does not load \"" + param +
                            "\". README.md names the release with which the file was made.");
        }
        net_.load_model(weights_.data());
#ifdef KIT_HAS_POST_PROCESSING
        const std::string after = settings.at("model").at("post_processing").at("file");
        after_ = std::make_unique<Session>(folder / fs::u8path(after), threads);
#endif
    }

    // The outputs in the shapes of the original model. Throws UserError where a tensor does not fit, or ncnn fails.
    Tensors run(const Tensors& feeds) {
        Tensors made;
        const int64_t count = sample_count(feeds);
        for (int64_t index = 0; index < count; ++index) run_one(feeds, index, count, made);
        for (const Tensor& tensor : made) check_size(tensor);
#ifdef KIT_HAS_POST_PROCESSING
        Tensors all = feeds;
        all.insert(all.end(), made.begin(), made.end());
        const Tensors after = after_->run(all);
        made.insert(made.begin(), after.begin(), after.end());
#endif
        Tensors outputs;
        for (const Json& one : settings_.at("outputs")) outputs.push_back(get(made, one.at("name")));
        return outputs;
    }

  private:
    // ncnn takes one sample at a time, and is run for each.
    int64_t sample_count(const Tensors& feeds) const {
        std::vector<int64_t> counts;
        for (const Json& one : settings_.at("inputs")) {
            if (one.at("blob").is_null()) continue;
            const Tensor& tensor = get(feeds, one.at("name"));
            const bool is_whole = tensor.axes() < 2 || blob_size(one) == tensor.size();
            counts.push_back(is_whole ? 1 : tensor.side(0));
        }
        const bool are_same = !counts.empty() && std::all_of(counts.begin(), counts.end(),
                                                             [&](int64_t count) { return count == counts[0]; });
        return are_same ? counts[0] : 1;
    }

    static int64_t blob_size(const Json& one) { return product(one.at("blob_shape").get<std::vector<int64_t>>()); }

    // Runs one sample of several, and adds its numbers to the outputs.
    void run_one(const Tensors& feeds, int64_t index, int64_t count, Tensors& made) {
        ncnn::Extractor extractor = net_.create_extractor();
        for (const Json& one : settings_.at("inputs")) {
            if (one.at("blob").is_null()) continue;
            const Tensor& tensor = get(feeds, one.at("name"));
            const std::string blob = one.at("blob");
            if (extractor.input(blob.c_str(), to_mat(tensor, one, index, count)) != 0) {
                throw UserError("ncnn refused the input \"" + tensor.name + "\".");
            }
        }
        const Json& blobs = settings_.at("model").at("blobs");
        for (size_t place = 0; place < blobs.size(); ++place) {
            const std::string blob = blobs[place].at("blob");
            ncnn::Mat mat;
            const int code = extractor.extract(blob.c_str(), mat);
            if (code != 0 || mat.empty()) {
                throw UserError("ncnn stopped while it was running the model, at the blob \"" + blob + "\" (code " +
                                std::to_string(code) + ").");
            }
            if (index == 0) {
                Tensor tensor;
                tensor.name = blobs[place].at("name");
                tensor.shape = blobs[place].at("shape").get<std::vector<int64_t>>();
                made.push_back(std::move(tensor));
            }
            append(mat, made[place].values);
        }
    }

    // The numbers of one sample, without a batch axis. Channels of a Mat do not lie close to each other (cstep).
    static ncnn::Mat to_mat(const Tensor& tensor, const Json& one, int64_t index, int64_t count) {
        const auto shape = one.at("blob_shape").get<std::vector<int>>();
        const int64_t size = tensor.size() / count;
        if (size != blob_size(one))
            throw UserError("The input \"" + tensor.name + "\" has another size than the model's.");
        ncnn::Mat mat;
        switch (shape.size()) {
            case 1:
                mat.create(shape[0]);
                break;
            case 2:
                mat.create(shape[1], shape[0]);
                break;
            case 3:
                mat.create(shape[2], shape[1], shape[0]);
                break;
            default:
                mat.create(shape[3], shape[2], shape[1], shape[0]);
                break;
        }
        const float* from = tensor.values.data() + index * size;
        std::vector<int32_t> numbers;
        const void* source = from;
        if (one.at("blob_is_integer").get<bool>()) {
            const auto whole = in_whole_numbers(tensor, INT32_MIN, INT32_MAX);
            numbers.assign(whole.begin() + index * size, whole.begin() + (index + 1) * size);
            source = numbers.data();
        }
        const size_t plane = static_cast<size_t>(mat.w) * mat.h * mat.d;
        for (int channel = 0; channel < mat.c; ++channel) {
            std::memcpy(mat.channel(channel).data, static_cast<const char*>(source) + channel * plane * 4, plane * 4);
        }
        return mat;
    }

    static void append(const ncnn::Mat& mat, std::vector<float>& values) {
        const size_t plane = static_cast<size_t>(mat.w) * mat.h * mat.d;
        for (int channel = 0; channel < mat.c; ++channel) {
            const float* from = mat.channel(channel);
            values.insert(values.end(), from, from + plane);
        }
    }

    static void check_size(const Tensor& tensor) {
        if (tensor.size() != product(tensor.shape)) {
            throw UserError("ncnn gave \"" + tensor.name + "\" with " + std::to_string(tensor.size()) +
                            " numbers instead of " + std::to_string(product(tensor.shape)) + ".");
        }
    }

    const Json settings_;
    Bytes weights_;
    ncnn::Net net_;
#ifdef KIT_HAS_POST_PROCESSING
    std::unique_ptr<Session> after_;
#endif
};
