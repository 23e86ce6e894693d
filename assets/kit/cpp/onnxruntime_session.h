// Runs an ONNX file with onnxruntime, on the processor.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "json.h"
#include "preprocessing.h"
#include "tensor.h"

namespace onnxruntime_details {

// Numbers of 16 bit, written out since the class for them differs between versions of onnxruntime.
inline float from_half(uint16_t half) {
    const uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 0x1Fu, fraction = half & 0x3FFu;
    if (exponent == 0) {  // zero and the smallest ones
        const float value = static_cast<float>(fraction) / 16777216.0F;
        return sign != 0 ? -value : value;
    }
    const uint32_t bits = sign | (exponent == 31 ? 0x7F800000u : (exponent + 112) << 23) | (fraction << 13);
    float value = 0.0F;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline uint16_t to_half(float value) {
    uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
    const float size = std::abs(value);
    if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7E00u);
    if (size >= 65520.0F) return static_cast<uint16_t>(sign | 0x7C00u);
    if (size < 6.103515625e-05F)
        return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(size * 16777216.0F)));
    const uint32_t rest = bits & 0x1FFFu, shorter = ((bits & 0x7FFFFFFFu) - 0x38000000u) >> 13;
    const bool is_up = rest > 0x1000u || (rest == 0x1000u && (shorter & 1u) != 0);
    return static_cast<uint16_t>(sign | (shorter + (is_up ? 1u : 0u)));
}

// A tensor of onnxruntime, and the memory that it looks at.
struct Fed {
    Ort::Value value{nullptr};
    std::vector<char> memory;
};

class Feeder {
  public:
    Fed feed(const Tensor& tensor, ONNXTensorElementDataType type) const {
        switch (type) {
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
                return copied<float>(tensor, type, tensor.values);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
                return copied<double>(tensor, type, tensor.values);
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16: {
                std::vector<uint16_t> halves;
                for (float value : tensor.values) halves.push_back(to_half(value));
                return copied<uint16_t>(tensor, type, halves);
            }
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
                return copied<int64_t>(tensor, type, in_whole_numbers(tensor, -9.2e18, 9.2e18));
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
                return copied<int32_t>(tensor, type, in_whole_numbers(tensor, INT32_MIN, INT32_MAX));
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16:
                return copied<int16_t>(tensor, type, in_whole_numbers(tensor, INT16_MIN, INT16_MAX));
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16:
                return copied<uint16_t>(tensor, type, in_whole_numbers(tensor, 0, UINT16_MAX));
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
                return copied<int8_t>(tensor, type, in_whole_numbers(tensor, INT8_MIN, INT8_MAX));
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
                return copied<uint8_t>(tensor, type, in_whole_numbers(tensor, 0, UINT8_MAX));
            case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL:
                return copied<bool>(tensor, type, tensor.values);
            default:
                throw UserError("The input \"" + tensor.name + "\" is of a type that this program does not know.");
        }
    }

  private:
    template <typename To, typename From>
    Fed copied(const Tensor& tensor, ONNXTensorElementDataType type, const std::vector<From>& values) const {
        Fed made;
        made.memory.resize(std::max<size_t>(1, values.size() * sizeof(To)));
        for (size_t index = 0; index < values.size(); ++index) {
            const To value = static_cast<To>(values[index]);
            std::memcpy(&made.memory[index * sizeof(To)], &value, sizeof value);
        }
        made.value = Ort::Value::CreateTensor(memory_, made.memory.data(), values.size() * sizeof(To),
                                              tensor.shape.data(), tensor.shape.size(), type);
        return made;
    }

    Ort::MemoryInfo memory_ = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
};

template <typename From>
void copy_values(const Ort::Value& value, size_t count, Tensor& tensor) {
    const From* numbers = value.GetTensorData<From>();
    tensor.values.reserve(count);
    for (size_t index = 0; index < count; ++index) tensor.values.push_back(static_cast<float>(numbers[index]));
}

// dtype is named as numpy does.
inline Tensor read(const std::string& name, const Ort::Value& value) {
    const auto info = value.GetTensorTypeAndShapeInfo();
    const size_t count = info.GetElementCount();
    Tensor made;
    made.name = name;
    made.shape = info.GetShape();
    switch (info.GetElementType()) {
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
            made.dtype = "float32";
            copy_values<float>(value, count, made);
            break;
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
            made.dtype = "float64";
            copy_values<double>(value, count, made);
            break;
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
            made.dtype = "float16";
            for (size_t index = 0; index < count; ++index) {
                made.values.push_back(from_half(value.GetTensorData<uint16_t>()[index]));
            }
            break;
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
            made.dtype = "int64";
            copy_values<int64_t>(value, count, made);
            break;
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
            made.dtype = "int32";
            copy_values<int32_t>(value, count, made);
            break;
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
            made.dtype = "int8";
            copy_values<int8_t>(value, count, made);
            break;
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
            made.dtype = "uint8";
            copy_values<uint8_t>(value, count, made);
            break;
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL:
            made.dtype = "bool";
            copy_values<bool>(value, count, made);
            break;
        default:
            throw UserError("The output \"" + name + "\" is of a type that this program does not know.");
    }
    return made;
}

}  // namespace onnxruntime_details

// One ONNX file, loaded.
class Session {
  public:
    // path: the file; threads: for one run, 0 for every core. Throws UserError where it does not load.
    Session(const fs::path& path, int threads) {
        const Bytes bytes = read_bytes(path);
        Ort::SessionOptions options;
        options.SetIntraOpNumThreads(threads);
        try {
            session_ = std::make_unique<Ort::Session>(environment_, bytes.data(), bytes.size(), options);
        } catch (const Ort::Exception& error) {
            throw UserError("onnxruntime does not load \"" + path.filename().u8string() + "\": " + error.what());
        }
        // Freed by hand: the function that gives a pointer that frees itself is younger than some installations.
        Ort::AllocatorWithDefaultOptions allocator;
        const OrtApi& api = Ort::GetApi();
        for (size_t index = 0; index < session_->GetInputCount(); ++index) {
            char* name = nullptr;
            Ort::ThrowOnError(api.SessionGetInputName(static_cast<OrtSession*>(*session_), index, allocator, &name));
            inputs_.emplace_back(name);
            allocator.Free(name);
            types_.push_back(session_->GetInputTypeInfo(index).GetTensorTypeAndShapeInfo().GetElementType());
        }
        for (size_t index = 0; index < session_->GetOutputCount(); ++index) {
            char* name = nullptr;
            Ort::ThrowOnError(api.SessionGetOutputName(static_cast<OrtSession*>(*session_), index, allocator, &name));
            outputs_.emplace_back(name);
            allocator.Free(name);
        }
    }

    // The outputs; what the model does not take is left aside.
    Tensors run(const Tensors& feeds) {
        using namespace onnxruntime_details;
        std::vector<const char*> inputs, outputs;
        std::vector<Ort::Value> values;
        std::vector<Fed> fed;
        for (size_t index = 0; index < inputs_.size(); ++index) {
            const Tensor* given = find(feeds, inputs_[index]);
            if (given == nullptr) continue;
            fed.push_back(feeder_.feed(*given, types_[index]));
            inputs.push_back(inputs_[index].c_str());
            values.push_back(std::move(fed.back().value));
        }
        for (const std::string& name : outputs_) outputs.push_back(name.c_str());
        try {
            const auto found = session_->Run(Ort::RunOptions{nullptr}, inputs.data(), values.data(), values.size(),
                                             outputs.data(), outputs.size());
            Tensors made;
            for (size_t index = 0; index < found.size(); ++index) made.push_back(read(outputs_[index], found[index]));
            return made;
        } catch (const Ort::Exception& error) {
            throw UserError(std::string("The model stopped while it was being run: ") + error.what());
        }
    }

  private:
    Ort::Env environment_{ORT_LOGGING_LEVEL_ERROR, "kit"};
    std::unique_ptr<Ort::Session> session_;
    onnxruntime_details::Feeder feeder_;
    std::vector<std::string> inputs_, outputs_;
    std::vector<ONNXTensorElementDataType> types_;
};
