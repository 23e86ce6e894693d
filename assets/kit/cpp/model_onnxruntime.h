// The model of this kit: an ONNX file, run by onnxruntime.
#pragma once

#include "onnxruntime_session.h"

class Model {
  public:
    // folder: the kit; settings: all of preprocessing.json; threads: for one run, 0 for every core.
    Model(const fs::path& folder, const Json& settings, int threads)
        : session_(folder / fs::u8path(settings.at("model").at("files").at(0).get<std::string>()), threads) {}

    Tensors run(const Tensors& feeds) { return session_.run(feeds); }

  private:
    Session session_;
};
