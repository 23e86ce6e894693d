// Runs parts of a kit's C++ program for tests: every task and head in one program, without a runtime.
//
//     decode answer CASE.json            the answer of a task for the outputs in the file
//     decode compare CASE.json           the verdict on two answers in the file
//     decode tensor PICTURE CASE.json    the input tensor of a picture, as 32-bit floats
//
// A kit has one task and one head, all under the same names; here each is in a namespace of its own.
#include <algorithm>
#include <array>
#include <iostream>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "detections.h"
#include "masks.h"
#include "png.h"
#include "preprocessing.h"
#include "verdicts.h"

// parts.inc is written by the test: namespaces, and the maps kHeads and kTasks from names to their functions.
#include "parts.inc"

namespace {

Json read_case(const char* path) {
    const Bytes bytes = read_bytes(path);
    return Json::parse(bytes.begin(), bytes.end());
}

Tensor tensor_of(const Json& one) {
    Tensor tensor;
    tensor.name = one.at("name");
    tensor.dtype = one.at("dtype");
    tensor.shape = one.at("shape").get<std::vector<int64_t>>();
    for (const Json& value : one.at("values")) tensor.values.push_back(value.get<float>());
    return tensor;
}

Sample sample_of(const Json& one) {
    Sample sample;
    Placement& place = sample.placement;
    place.picture = {one.at("picture_size").at(0), one.at("picture_size").at(1)};
    place.input = {one.at("input_size").at(0), one.at("input_size").at(1)};
    place.scale_x = one.at("scale").at(0);
    place.scale_y = one.at("scale").at(1);
    place.offset_x = one.at("offset").at(0);
    place.offset_y = one.at("offset").at(1);
    sample.origin_x = one.at("origin").at(0);
    sample.origin_y = one.at("origin").at(1);
    sample.shrunk = one.at("shrunk");
    return sample;
}

void answer_all(const Json& cases) {
    Json answers = Json::array();
    for (const Json& one : cases) {
        Tensors outputs;
        for (const Json& output : one.at("outputs")) outputs.push_back(tensor_of(output));
        const Json& task = one.at("task");
        if (task.contains("head")) chosen_head = kHeads.at(task.at("head").at("module"));
        answers.push_back(
            kTasks.at(task.at("module")).answer(outputs, sample_of(one), task, one.at("labels").get<Labels>()));
    }
    std::cout << answers.dump() << '\n';
}

void compare_all(const Json& cases) {
    Json verdicts = Json::array();
    for (const Json& one : cases) {
        const Parts& parts = kTasks.at(one.at("module"));
        const Verdict verdict = parts.compare(one.at("expected"), one.at("found"));
        verdicts.push_back(
            {{"is_right", verdict.is_right}, {"words", verdict.words}, {"answer", parts.words(one.at("found"))}});
    }
    std::cout << verdicts.dump() << '\n';
}

void write_tensor(const char* picture, const Json& one) {
    std::array<double, 4> box{};
    const bool has_box = one.contains("box");
    if (has_box) box = one.at("box").get<std::array<double, 4>>();
    const Sample sample = make_sample(read_picture(picture), one.at("settings"), has_box ? &box : nullptr);
    const auto& values = sample.input.values;
    std::cout.write(reinterpret_cast<const char*>(values.data()),
                    static_cast<std::streamsize>(values.size() * sizeof(float)));
}

}  // namespace

int main(int count, char** arguments) {
    const std::string what = count > 2 ? arguments[1] : "";
    try {
        if (what == "answer") answer_all(read_case(arguments[2]));
        if (what == "compare") compare_all(read_case(arguments[2]));
        if (what == "tensor" && count > 3) write_tensor(arguments[2], read_case(arguments[3]));
    } catch (const UserError& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
    return 0;
}
