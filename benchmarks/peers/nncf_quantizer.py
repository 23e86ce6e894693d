"""Quantise a model with NNCF, in an environment that holds it: ``pip install nncf onnxruntime``.

python benchmarks/peers/nncf_quantizer.py SOURCE SAMPLES RESULT
"""

import sys
from pathlib import Path

import nncf
import numpy as np
import onnx


def main(source: str, samples: str, result: str) -> None:
    """Quantise with the defaults, and with all samples.

    Args:
        source: ONNX file.
        samples: folder of .npz files, each with one sample's inputs by their names.
        result: ONNX file to write.
    """
    feeds = [dict(np.load(path)) for path in sorted(Path(samples).glob("*.npz"))]
    made = nncf.quantize(onnx.load(source), nncf.Dataset(feeds), subset_size=len(feeds))
    onnx.save(made, result)


if __name__ == "__main__":
    main(*sys.argv[1:])
