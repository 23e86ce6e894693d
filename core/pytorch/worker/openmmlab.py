"""From an OpenMMLab config and checkpoint to a verified ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.common.errors import ConversionError, EdgePressError
from core.common.progress import Progress
from core.common.text import Text, say
from core.pytorch.request import Description, Exported, ExportRequest, OpenMMLabTask, shape_text
from core.pytorch.worker import build, configs, import_stubs, reading, shapes
from core.pytorch.worker.checkpoint import Checkpoint, fit, open_checkpoint
from core.pytorch.worker.finish import write_verified

_COMPILED = "needs the compiled mmcv"


def export_config(request: ExportRequest, progress: Progress) -> Exported:
    """Build, load, export, verify.

    Args:
        request: with a config; its ``output`` is written.
        progress: told at every step.

    Raises:
        EdgePressError: it cannot be exported, in words.
    """
    assert request.config is not None
    progress(0.05, say("Opening the checkpoint"))
    checkpoint = open_checkpoint(request.checkpoint, trusted=request.trust_checkpoint)
    progress(0.1, say("Reading the config"))
    import_stubs.install_import_stubs()
    config = configs.load(request.config)
    task = configs.task_of(config, request.task, request.config)
    own = reading.proposed_shape(config, task)
    shape = request.shape or own
    progress(0.3, say("Building the model"))
    model = build_for(config, task, shape, own)
    notes = fit(model, checkpoint, reshaped=_reshaped(shape, own))
    _check_runs(model, config, shape)
    return write_verified(
        request,
        model,
        kind=task,
        preprocessing=reading.preprocessing(config, task, shape),
        classes=_classes(config, task, checkpoint),
        notes=(*notes, *filter(None, [reading.fit_note(config, task)])),
        progress=progress,
    )


def describe_config(path: Path, task: OpenMMLabTask | None, progress: Progress) -> Description:
    """Build the model without weights, and say what can be said.

    Raises:
        EdgePressError: the config cannot be used.
    """
    progress(0.1, say("Reading the config"))
    import_stubs.install_import_stubs()
    config = configs.load(path)
    found = configs.task_of(config, task, path)
    shape = reading.proposed_shape(config, found)
    obstacle, parameters = build.obstacle(config), 0
    if obstacle is None:
        progress(0.4, say("Building the model"))
        try:
            model = build_for(config, found, shape, shape)
            parameters = sum(weight.numel() for weight in model.parameters())
            _check_runs(model, config, shape)
        except EdgePressError as exc:
            obstacle = exc.reason
    return Description(
        task=found,
        model=configs.type_name(config.model),
        shape=shape,
        preprocessing=reading.preprocessing(config, found, shape),
        classes=_classes(config, found, Checkpoint({}, {})),
        parameters=parameters,
        obstacle=obstacle,
        notes=tuple(filter(None, [reading.fit_note(config, found)])),
    )


def build_for(config: Any, task: OpenMMLabTask, shape: tuple[int, int], own: tuple[int, int]) -> Any:
    """Build for a shape; keypoint heads must know the size of the features, which only a run tells for sure."""
    if shape != own:
        shapes.apply(config, task, shape)
    model = build.build(config, task)
    if shape != own and task == "mmpose":
        size = _run(lambda: build.feature_map(model, _zeros(config, shape)))
        if size is not None and shapes.set_feature_map(config, size):
            model = build.build(config, task)
    return model


def _check_runs(model: Any, config: Any, shape: tuple[int, int]) -> None:
    """Run once; a shape that the model's strides do not divide is told from a model that cannot run at all.

    Raises:
        OptionError: the shape does not fit.
        ConversionError: it does not run on a picture.
    """
    module = build.answers(model)

    def attempt(size: tuple[int, int]) -> Exception | None:
        try:
            _run(lambda: module(_zeros(config, size)))
        except Exception as exc:  # noqa: BLE001 - whatever a layer raises is the answer here
            return exc
        return None

    failure = attempt(shape)
    if failure is None:
        return
    if _COMPILED in str(failure):
        raise ConversionError(
            say("The model uses an operation that exists only in the compiled mmcv: {what}", what=_operation(failure)),
            next_step=say("Such operations have no counterpart in ONNX; choose a model without them."),
        ) from failure
    misfit = shapes.does_not_fit(shape, lambda other: attempt(other) is None, repr(failure))
    if misfit is not None:
        raise misfit from failure
    raise ConversionError(
        say("{model} does not run on a picture alone: it wants more inputs.", model=configs.type_name(config.model)),
        next_step=say("Models that take boxes, texts or keypoints beside the picture cannot be exported here."),
        detail=repr(failure)[:2000],
    ) from failure


def _operation(failure: Exception) -> str:
    return str(failure).partition(_COMPILED)[0].strip()


def _run(action: Any) -> Any:
    import torch

    with torch.no_grad():
        return action()


def _zeros(config: Any, shape: tuple[int, int]) -> Any:
    import torch

    return torch.zeros(1, reading.channels(config), *shape)


def _classes(config: Any, task: OpenMMLabTask, checkpoint: Checkpoint) -> tuple[str, ...]:
    try:
        return reading.classes(config, task, checkpoint.meta)
    except Exception:  # noqa: BLE001 - names are a courtesy, from code of many hands
        return ()


def _reshaped(shape: tuple[int, int], own: tuple[int, int]) -> Text | None:
    if shape == own:
        return None
    return say(
        "Most likely the model is tied to the picture size that it was trained for: {own} (height,width). Use that "
        "instead of {shape}, or train it at {shape}.",
        own=shape_text(own),
        shape=shape_text(shape),
    )
