// The kit, with its model loaded: from a picture to the answer.
//
//     Kit kit("path/of/the/kit", 1);
//     Json answer = kit.answer(read_picture("picture.jpg"));
//
// Everything that it needs to know stands in preprocessing.json, and the names of the classes in labels.txt: both are
// read when it starts, so that a threshold can be changed without a compiler.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "errors.h"
#include "json.h"
#include "picture.h"
#include "preprocessing.h"
#include "this_model.h"

constexpr int kFormat = 1;  // of preprocessing.json, which this program reads

inline Json read_json(const fs::path& path) {
    try {
        const Bytes bytes = read_bytes(path);
        return Json::parse(bytes.begin(), bytes.end());
    } catch (const std::exception& error) {
        throw UserError("\"" + path.filename().u8string() + "\" is missing or damaged. Unpack the kit again. (" +
                        error.what() + ")");
    }
}

// One name a line; the last line ends as well.
inline Labels read_labels(const fs::path& path) {
    Labels labels;
    if (!fs::is_regular_file(path)) return labels;
    std::string label;
    for (unsigned char byte : read_bytes(path)) {
        if (byte == '\n') {
            labels.push_back(label);
            label.clear();
        } else {
            label += static_cast<char>(byte);
        }
    }
    return labels;
}

class Kit {
  public:
    // threads: for one run of the model; 0 for every core. Throws UserError where a file is missing or damaged.
    Kit(const fs::path& folder, int threads)
        : folder_(folder),
          settings_(read_json(folder / "preprocessing.json")),
          labels_(read_labels(folder / "labels.txt")) {
        if (settings_.value("format", 0) != kFormat) {
            throw UserError("preprocessing.json is of another version than this program.");
        }
        fixed_ = fixed_inputs(settings_);
        model_ = std::make_unique<Model>(folder, settings_, threads);
    }

    // What the model says of a picture, or of what lies in a box of it (x1, y1, x2, y2 in pixels).
    Json answer(const Picture& picture, const std::array<double, 4>* box = nullptr) {
        const Sample sample = make_sample(picture, settings_, box);
        Tensors feeds = fixed_;
        feeds.push_back(sample.input);
        return task::answer(model_->run(feeds), sample, settings_.at("task"), labels_);
    }

    const fs::path& folder() const { return folder_; }
    const Json& settings() const { return settings_; }

  private:
    fs::path folder_;
    Json settings_;
    Labels labels_;
    Tensors fixed_;
    std::unique_ptr<Model> model_;
};
