"""Build the model of a config as a torch module: one NCHW tensor in, a flat tuple of tensors out."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from core.common.errors import CheckpointError, ConversionError
from core.common.text import Text, say
from core.pytorch.request import OpenMMLabTask
from core.pytorch.worker.configs import SCOPES, type_name, walk

_TRAINING_KEYS = ("train_cfg", "init_cfg", "pretrained")


def obstacle(config: Any) -> Text | None:
    """Why a model of this kind cannot be exported, as far as its config tells."""
    if config.model.get("roi_head"):
        return say(
            "{model} is a two-stage detector: it looks at the picture again for each box that it found, which one "
            "ONNX graph cannot express.",
            model=type_name(config.model),
        )
    return None


def build(config: Any, task: OpenMMLabTask) -> Any:
    """Build the model without weights, in evaluation mode.

    Args:
        config: what only training needs is removed from its ``model``.
        task: its task.

    Returns:
        The ``torch.nn.Module``.

    Raises:
        CheckpointError: it is a two-stage detector.
        ConversionError: it needs code that is not here, or building it fails.
    """
    from mmengine.model import revert_sync_batchnorm
    from mmengine.registry import MODELS, init_default_scope

    reason = obstacle(config)
    if reason is not None:
        raise CheckpointError(
            reason,
            next_step=say("Use a one-stage detector instead, such as RTMDet, YOLOX or SSD; or deploy with mmdeploy."),
        )
    importlib.import_module(f"{SCOPES[task]}.models")
    init_default_scope(SCOPES[task])
    _strip_training(config)
    try:
        model = revert_sync_batchnorm(MODELS.build(config.model))
    # Models are built by code of many authors, whose errors share no base class.
    except Exception as exc:
        raise _not_built(config, exc) from exc
    return model.eval()


def wrap_openmmlab(model: Any) -> Any:
    """Wrap an OpenMMLab model: ``mode='tensor'`` runs backbone, neck and head, without decoding and NMS."""
    return _wrapper(model, lambda inner, images: inner(images, None, mode="tensor"))


def wrap_module(model: Any) -> Any:
    """Wrap any other model."""
    return _wrapper(model, lambda inner, images: inner(images))


def merge_branches(model: Any) -> None:
    """Re-parameterise: merge layers that train with several branches into one (RepVGG, MobileOne ...), in place."""
    for module in list(model.modules()):
        merge = getattr(module, "switch_to_deploy", None)
        if callable(merge) and module is not model:
            try:
                merge()
            except TypeError:  # mmpose's heads need their test options
                merge(getattr(module, "test_cfg", {}))


def feature_map_size(model: Any, images: Any) -> tuple[int, int] | None:
    """Height and width of the last feature map, which the head receives; None where the model does not run."""
    import torch

    try:
        with torch.no_grad():
            features = list(_tensors(model.extract_feat(images)))
    except Exception:  # noqa: BLE001 - whatever a layer raises, the first run of the whole model reports it
        return None
    return (features[-1].shape[-2], features[-1].shape[-1]) if features and features[-1].ndim == 4 else None


def _wrapper(model: Any, run: Callable[[Any, Any], Any]) -> Any:
    import torch

    class Flat(torch.nn.Module):
        """Returns a flat tuple."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, images: Any) -> Any:
            """Run the wrapped model."""
            return tuple(_tensors(run(self.model, images)))

    return Flat().eval()


def _tensors(output: Any) -> Iterator[Any]:
    """Every tensor of a nested output, in order."""
    import torch

    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, (list, tuple)):
        for value in output:
            yield from _tensors(value)


def _strip_training(config: Any) -> None:
    """Remove what only training needs: pretrained weights to download, sampling, batch augmentation, hooks."""
    config.pop("custom_hooks", None)

    def clear(part: dict[str, Any]) -> None:
        for key in _TRAINING_KEYS:
            if key in part:
                part[key] = None
        if "batch_augments" in part:
            part["batch_augments"] = None

    walk(config.model, clear)


def _not_built(config: Any, exc: Exception) -> ConversionError:
    detail = f"{type(exc).__name__}: {exc}"
    unknown = re.match(r"\W*(\S+) is not in the", str(exc))
    if isinstance(exc, ImportError) or unknown:
        what = unknown[1] if unknown else _first_line(exc)
        return ConversionError(
            say("The model needs Python code that is not in the OpenMMLab packages: {what}", what=what),
            next_step=say("Name that code in the config's custom_imports and put its folder beside the config."),
            detail=detail,
        )
    return ConversionError(
        say("The model {model} could not be built from its config.", model=type_name(config.model)),
        next_step=say("Check that the config fits the packages' versions (mmdet 3.3, mmpretrain 1.2, mmpose 1.3)."),
        detail=detail,
    )


def _first_line(exc: Exception) -> str:
    return str(exc).strip("\"'").splitlines()[0][:200]
