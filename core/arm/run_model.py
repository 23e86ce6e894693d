"""Runs one model file under the emulator; it needs numpy, and onnxruntime or ncnn, and nothing of EdgePress.

``python run_model.py PACKAGES FOLDER onnx MODEL``, or ``ncnn PARAM BIN``, or ``ncnn-float32 PARAM BIN``. For each line
on its standard input, ``{"inputs": {NAME: NUMBER}, "outputs": [NAME, ...]}``, it reads the tensors NUMBER.npy in
FOLDER, runs the model once, writes its outputs as out-0.npy, out-1.npy, ... and answers with a line: ``{}``, or
``{"error": TEXT}``. The first line that it writes says in the same way whether the model was loaded.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any


def main(packages: str, folder: str, kind: str, *files: str) -> None:
    """Load the model, then answer until the standard input ends."""
    sys.path.insert(0, packages)
    # Libraries print to the standard output too: the answers keep it for themselves.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import numpy as np

    def answer(work: Callable[[], Any]) -> Any:
        result, reply = None, {}
        try:
            result = work()
        except Exception as exc:  # noqa: BLE001 - whatever a library raises is the answer
            reply = {"error": f"{type(exc).__name__}: {exc}"[:2000]}
        print(json.dumps(reply), file=answers, flush=True)
        return result

    def run(line: str) -> None:
        request = json.loads(line)
        inputs = {name: np.load(Path(folder, f"{number}.npy")) for name, number in request["inputs"].items()}
        for number, output in enumerate(model(inputs, request["outputs"])):
            np.save(Path(folder, f"out-{number}.npy"), output)

    model = answer(lambda: _LOADERS[kind](*files))
    for line in sys.stdin:
        answer(partial(run, line))


def _load_onnx(path: str) -> Callable[[Mapping[str, Any], Sequence[str]], Sequence[Any]]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs, outputs: session.run(list(outputs), dict(inputs))


def _load_ncnn(
    param: str, weights: str, *, is_float32: bool = False
) -> Callable[[Mapping[str, Any], Sequence[str]], Sequence[Any]]:
    """With ncnn's own choice of options, as an app has them, or without the arithmetic in 16 bit."""
    import ncnn
    import numpy as np

    net = ncnn.Net()
    net.opt.num_threads = 1
    if is_float32:
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    if net.load_param(param) != 0 or net.load_model(weights) != 0:
        raise RuntimeError("ncnn does not load the model")

    def run(inputs: Mapping[str, Any], outputs: Sequence[str]) -> Sequence[Any]:
        extractor = net.create_extractor()
        for name, tensor in inputs.items():
            if extractor.input(name, ncnn.Mat(tensor).clone()) != 0:
                raise RuntimeError(f"input {name}")
        return [extract(extractor, name) for name in outputs]

    def extract(extractor: Any, name: str) -> Any:
        code, mat = extractor.extract(name)
        if code != 0 or mat.empty():
            raise RuntimeError(f"blob {name}: code {code}")
        return np.array(mat)

    return run


_LOADERS: Mapping[str, Callable[..., Any]] = {
    "onnx": _load_onnx,
    "ncnn": _load_ncnn,
    "ncnn-float32": lambda param, weights: _load_ncnn(param, weights, is_float32=True),
}


if __name__ == "__main__":
    main(*sys.argv[1:])
