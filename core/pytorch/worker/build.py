"""Build the model of a config, as a plain torch module: one picture tensor in, a flat tuple of tensors out."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from core.common.errors import CheckpointError, ConversionError
from core.common.text import Text, say
from core.pytorch.request import OpenMMLabTask
from core.pytorch.worker.configs import SCOPES, type_name, walk

_ONLY_FOR_TRAINING = ("train_cfg", "init_cfg", "pretrained")


def obstacle(config: Any) -> Text | None:
    """Why a model of this kind cannot be exported, as far as its config shows it."""
    if config.model.get("roi_head"):
        return say(
            "{model} is a two-stage detector: it looks at the picture again for each box that it found, which one "
            "ONNX graph cannot express.",
            model=type_name(config.model),
        )
    return None


def build(config: Any, task: OpenMMLabTask) -> Any:
    """Build the model without weights, ready to answer.

    Args:
        config: its ``model`` loses what only training needs.
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
    _strip(config)
    try:
        model = revert_sync_batchnorm(MODELS.build(config.model))
    # Models are built by code of many hands, and its errors share no base class.
    except Exception as exc:
        raise _not_built(config, exc) from exc
    return model.eval()


def answers(model: Any) -> Any:
    """Wrap an OpenMMLab model: ``mode='tensor'`` gives backbone, neck and head, without decoding and suppression."""
    return _wrapper(model, lambda own, pictures: own(pictures, None, mode="tensor"))


def plain(model: Any) -> Any:
    """Wrap any other model."""
    return _wrapper(model, lambda own, pictures: own(pictures))


def merge_branches(model: Any) -> None:
    """Let layers that trained with several branches become one, where they know how (RepVGG, MobileOne ...)."""
    for module in list(model.modules()):
        merge = getattr(module, "switch_to_deploy", None)
        if callable(merge) and module is not model:
            try:
                merge()
            except TypeError:  # mmpose's heads want their test options
                merge(getattr(module, "test_cfg", {}))


def feature_map(model: Any, pictures: Any) -> tuple[int, int] | None:
    """Height and width of the features that reach the head; None where it does not run at all."""
    try:
        features = list(_tensors(model.extract_feat(pictures)))
    except Exception:  # noqa: BLE001 - whatever a layer raises, the first run of the whole model tells it in words
        return None
    return (features[-1].shape[-2], features[-1].shape[-1]) if features and features[-1].ndim == 4 else None


def _wrapper(model: Any, run: Callable[[Any, Any], Any]) -> Any:
    import torch

    class Flat(torch.nn.Module):
        """Answers with a flat tuple."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pictures: Any) -> Any:
            """Run once."""
            return tuple(_tensors(run(self.model, pictures)))

    return Flat().eval()


def _tensors(answer: Any) -> Iterator[Any]:
    """Every tensor of a nested answer, in order."""
    import torch

    if isinstance(answer, torch.Tensor):
        yield answer
    elif isinstance(answer, dict):
        for value in answer.values():
            yield from _tensors(value)
    elif isinstance(answer, (list, tuple)):
        for value in answer:
            yield from _tensors(value)


def _strip(config: Any) -> None:
    """Remove what only training needs: pretrained weights to fetch, sampling, augmentation of batches, hooks."""
    config.pop("custom_hooks", None)

    def forget(part: dict[str, Any]) -> None:
        for key in _ONLY_FOR_TRAINING:
            if key in part:
                part[key] = None
        if "batch_augments" in part:
            part["batch_augments"] = None

    walk(config.model, forget)


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
