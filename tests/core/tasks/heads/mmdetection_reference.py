"""Decode made-up outputs with the heads of MMDetection and torchvision; runs in the OpenMMLab environment.

    PYTHONPATH=PROJECT python mmdetection_reference.py NAME FOLDER

Writes ``outputs.npz``, in the order and with the shapes of an export, and ``expected.npz``: boxes, scores and labels
before suppression, where a box may occur for several classes.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from core.pytorch.worker.import_stubs import install_import_stubs

install_import_stubs()

import numpy as np  # noqa: E402
import torch  # noqa: E402

LEAST = 0.2
CONFIGS = {
    "yolox": "yolox/yolox_s_8xb8-300e_coco.py",
    "rtmdet": "rtmdet/rtmdet_s_8xb32-300e_coco.py",
    "rtmdet-ins": "rtmdet/rtmdet-ins_s_8xb32-300e_coco.py",
    "fcos": "fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py",
    "ssd300": "ssd/ssd300_coco.py",
    "ssd512": "ssd/ssd512_coco.py",
    "ssdlite": "ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py",
    "retinanet": "retinanet/retinanet_r50_fpn_1x_coco.py",
    "atss": "atss/atss_r50_fpn_1x_coco.py",
}
GRIDS = {
    "ssd300": (38, 19, 10, 5, 3, 1),
    "ssd512": (64, 32, 16, 8, 4, 2, 1),
    "ssdlite": (20, 10, 5, 3, 2, 1),
}


def grids(name: str, height: int, width: int, strides: list[int]) -> list[tuple[int, int]]:
    """Rows and columns of each level."""
    if name in GRIDS:
        return [(side, side) for side in GRIDS[name]]
    return [(math.ceil(height / stride), math.ceil(width / stride)) for stride in strides]


def mmdetection(name: str, height: int, width: int) -> tuple[dict, dict]:
    """Outputs and what MMDetection's head makes of them."""
    import mmdet
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules
    from mmengine import Config

    register_all_modules()
    config = Config.fromfile(Path(mmdet.__file__).parent / ".mim" / "configs" / CONFIGS[name]).model
    head = MODELS.build({**config.bbox_head, "test_cfg": config.test_cfg, "train_cfg": None}).eval()
    if not hasattr(head, "loss_cls"):
        head.loss_cls = None  # SSDHead's post-processing asks for it, while the head has none
    sizes = grids(name, height, width, [stride[0] for stride in head.prior_generator.strides])
    outputs = random_outputs(name, head, sizes)
    levels = len(sizes)
    parts = [outputs[start : start + levels] for start in range(0, len(outputs), levels)]
    cfg = Config({"score_thr": LEAST, "nms_pre": 100000, "min_bbox_size": -1})
    meta = [{"img_shape": (height, width), "scale_factor": (1.0, 1.0)}]
    if name == "rtmdet-ins":
        return named(outputs), instances(head, parts, outputs[-1], meta, cfg)
    result = head.predict_by_feat(*parts, batch_img_metas=meta, cfg=cfg, with_nms=False)[0]
    return named(outputs), {key: getattr(result, key).numpy() for key in ("bboxes", "scores", "labels")}


def random_outputs(name: str, head: object, sizes: list[tuple[int, int]]) -> list[torch.Tensor]:
    """Mostly low scores; distances in pixels, deltas or shifts, as the head has them."""
    anchors = head.prior_generator.num_base_priors
    counts = anchors if isinstance(anchors, (list, tuple)) else [anchors] * len(sizes)

    def maps(channels: int, mean: float, spread: float) -> list[torch.Tensor]:
        return [
            torch.randn(1, count * channels, *size) * spread + mean for count, size in zip(counts, sizes, strict=True)
        ]

    background = name.startswith("ssd")
    scores = maps(head.cls_out_channels, -5.0 if not background else 0.0, 1.5 if not background else 2.0)
    boxes = maps(4, 0.0, 0.8)
    if name == "fcos" or name.startswith("rtmdet"):
        boxes = [values.abs() * 30 for values in boxes]
    outputs = [*scores, *boxes]
    if name in ("yolox", "fcos", "atss"):
        outputs += maps(1, 1.0, 1.0)
    if name == "rtmdet-ins":
        outputs += [*maps(head.num_gen_params, 0.0, 0.5), torch.randn(1, 8, *sizes[0])]
    return outputs


def instances(head: object, parts: list, features: torch.Tensor, meta: list, cfg: object) -> dict:
    """RTMDet-Ins: boxes of the head without masks, and the mask logits of the same cells."""
    from mmdet.models.dense_heads import RTMDetHead

    scores, boxes, kernels = parts[:3]
    sizes = [part.shape[-2:] for part in scores]
    priors = torch.cat(head.prior_generator.grid_priors(sizes, device="cpu", with_stride=True))
    weights = torch.cat([part[0].permute(1, 2, 0).reshape(-1, head.num_gen_params) for part in kernels])
    best = torch.cat([part[0].permute(1, 2, 0).reshape(-1, head.cls_out_channels) for part in scores]).max(1)
    kept = best.values.sigmoid() >= LEAST
    masks = head._mask_predict_by_feat_single(features[0], weights[kept], priors[kept])
    head.__class__ = RTMDetHead  # whose post-processing does not insist on suppression
    result = head.predict_by_feat(scores, boxes, batch_img_metas=meta, cfg=cfg, with_nms=False)[0]
    found = {key: getattr(result, key).numpy() for key in ("bboxes", "scores", "labels")}
    return {**found, "masks": masks.numpy(), "mask_scores": best.values.sigmoid()[kept].numpy()}


def named(outputs: list[torch.Tensor]) -> dict:
    """By the names that sort as their numbers do."""
    return {f"output{index:02}": tensor.numpy() for index, tensor in enumerate(outputs)}


def torchvision(name: str, height: int, width: int) -> tuple[dict, dict]:
    """Outputs and what torchvision's own post-processing makes of them, without suppression."""
    from torchvision.models import detection

    build = {
        "torchvision-ssd": detection.ssd300_vgg16,
        "torchvision-ssdlite": detection.ssdlite320_mobilenet_v3_large,
        "torchvision-retinanet": detection.retinanet_resnet50_fpn,
    }[name]
    model = build(weights=None, weights_backbone=None, num_classes=7).eval()
    image = torch.zeros(1, 3, height, width)
    features = list(model.backbone(image).values())
    images = detection.image_list.ImageList(image, [(height, width)])
    priors = model.anchor_generator(images, features)[0]
    deltas, logits = torch.randn(1, len(priors), 4) * 0.8, torch.randn(1, len(priors), 7) * 2
    if name == "torchvision-retinanet":
        logits -= 6
        scores, first = logits[0].sigmoid(), 0
    else:
        scores, first = logits[0].softmax(-1)[:, 1:], 0
    boxes = model.box_coder.decode_single(deltas[0], priors)
    index, label = torch.nonzero(scores >= LEAST, as_tuple=True)
    expected = {"bboxes": boxes[index], "scores": scores[index, label], "labels": label + first}
    outputs = {"a_boxes": deltas, "b_scores": logits}
    return (
        {key: value.numpy() for key, value in outputs.items()},
        {key: value.detach().numpy() for key, value in expected.items()},
    )


def main(name: str, folder: Path, height: int, width: int) -> None:
    """One model."""
    torch.manual_seed(0)
    with torch.no_grad():
        outputs, expected = (torchvision if name.startswith("torchvision") else mmdetection)(name, height, width)
    np.savez(folder / "outputs.npz", **outputs)
    np.savez(folder / "expected.npz", **expected)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
