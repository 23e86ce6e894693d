"""From an OpenMMLab config and checkpoint to a verified ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.common.errors import ConversionError, EdgePressError
from core.common.progress import Progress
from core.common.text import Text, say
from core.pytorch.request import Description, Exported, ExportRequest, OpenMMLabTask, shape_text
from core.pytorch.worker import build, config_facts, configs, import_stubs, shapes
from core.pytorch.worker.checkpoint import Checkpoint, load_weights, open_checkpoint
from core.pytorch.worker.verified_export import export_verified

_COMPILED = "needs the compiled mmcv"


def export_config(request: ExportRequest, progress: Progress) -> Exported:
    """Build the model, load the weights, export, verify.

    Args:
        request: with a config; its ``output`` is written.
        progress: called at every step.

    Raises:
        EdgePressError: it cannot be exported.
    """
    assert request.config is not None
    progress(0.05, say("Opening the checkpoint"))
    checkpoint = open_checkpoint(request.checkpoint, trusted=request.trust_checkpoint)
    progress(0.1, say("Reading the config"))
    import_stubs.install_import_stubs()
    config = configs.load(request.config)
    task = configs.task_of(config, request.task, request.config)
    default = config_facts.proposed_shape(config, task)
    shape = request.shape or default
    progress(0.3, say("Building the model"))
    model = build_for_shape(config, task, shape, default)
    notes = load_weights(model, checkpoint, shape_hint=_shape_hint(shape, default))
    _check_runs(model, config, shape)
    return export_verified(
        request,
        model,
        kind=task,
        preprocessing=config_facts.preprocessing(config, task, shape),
        classes=_classes(config, task, checkpoint),
        task="keypoints" if configs.type_name(config.model) == "TopdownPoseEstimator" else None,
        notes=(*notes, *filter(None, [config_facts.fit_note(config, task)])),
        progress=progress,
    )


def describe_config(path: Path, task: OpenMMLabTask | None, progress: Progress) -> Description:
    """Build the model without weights, and describe it.

    Raises:
        EdgePressError: the config cannot be used.
    """
    progress(0.1, say("Reading the config"))
    import_stubs.install_import_stubs()
    config = configs.load(path)
    found = configs.task_of(config, task, path)
    shape = config_facts.proposed_shape(config, found)
    obstacle, parameters = build.obstacle(config), 0
    if obstacle is None:
        progress(0.4, say("Building the model"))
        try:
            model = build_for_shape(config, found, shape, shape)
            parameters = sum(weight.numel() for weight in model.parameters())
            _check_runs(model, config, shape)
        except EdgePressError as exc:
            obstacle = exc.reason
    return Description(
        task=found,
        model=configs.type_name(config.model),
        shape=shape,
        preprocessing=config_facts.preprocessing(config, found, shape),
        classes=_classes(config, found, Checkpoint({}, {})),
        parameters=parameters,
        obstacle=obstacle,
        notes=tuple(filter(None, [config_facts.fit_note(config, found)])),
    )


def build_for_shape(config: Any, task: OpenMMLabTask, shape: tuple[int, int], default: tuple[int, int]) -> Any:
    """Build for an input shape.

    Keypoint heads must know the size of the feature map that they receive, which is found out by running the rest.

    Args:
        config: is changed where ``shape`` is not ``default``.
        task: its task.
        shape: height and width of the input.
        default: those that the config is made for.
    """
    if shape != default:
        shapes.set_input_shape(config, task, shape)
    model = build.build(config, task)
    if shape != default and task == "mmpose":
        size = build.feature_map_size(model, _zeros(config, shape))
        if size is not None and shapes.set_feature_map_size(config, size):
            model = build.build(config, task)
    return model


def _check_runs(model: Any, config: Any, shape: tuple[int, int]) -> None:
    """Run once, to tell a shape that the model's strides do not divide from a model that cannot run at all.

    Raises:
        OptionError: the shape does not fit.
        ConversionError: it does not run on an image alone.
    """
    module = build.wrap_openmmlab(model)

    def run(size: tuple[int, int]) -> None:
        module(_zeros(config, size))

    failure = shapes.error_of(run, shape)
    if failure is None:
        return
    if _COMPILED in str(failure):
        raise ConversionError(
            say("The model uses an operation that exists only in the compiled mmcv: {what}", what=_operation(failure)),
            next_step=say("Such operations have no counterpart in ONNX; choose a model without them."),
        ) from failure
    stride_error = shapes.stride_error(run, shape, repr(failure))
    if stride_error is not None:
        raise stride_error from failure
    raise ConversionError(
        say("{model} does not run on a picture alone: it wants more inputs.", model=configs.type_name(config.model)),
        next_step=say("Models that take boxes, texts or keypoints beside the picture cannot be exported here."),
        detail=repr(failure)[:2000],
    ) from failure


def _operation(failure: Exception) -> str:
    return str(failure).partition(_COMPILED)[0].strip()


def _zeros(config: Any, shape: tuple[int, int]) -> Any:
    import torch

    return torch.zeros(1, config_facts.channels(config), *shape)


def _classes(config: Any, task: OpenMMLabTask, checkpoint: Checkpoint) -> tuple[str, ...]:
    try:
        return config_facts.classes(config, task, checkpoint.meta)
    except Exception:  # noqa: BLE001 - class names are optional, and found by code of many authors
        return ()


def _shape_hint(shape: tuple[int, int], default: tuple[int, int]) -> Text | None:
    if shape == default:
        return None
    return say(
        "Most likely the model is tied to the picture size that it was trained for: {own} (height,width). Use that "
        "instead of {shape}, or train it at {shape}.",
        own=shape_text(default),
        shape=shape_text(shape),
    )
