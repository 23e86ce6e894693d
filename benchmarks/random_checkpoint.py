"""Save a model of an OpenMMLab config with random weights as a checkpoint; runs in the OpenMMLab environment.

    PYTHONPATH=. python benchmarks/random_checkpoint.py CONFIG FILE.pth [HEIGHT,WIDTH]

Nothing has to be downloaded, and everything that an export does is the same as with trained weights. The usual
initialisation gives answers near 1e-15, next to which every difference looks large; so the weights are drawn anew and
the statistics of batch normalisation are measured on pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.pytorch.request import shape_from_text
from core.pytorch.worker import build, configs, import_stubs, openmmlab, reading, verify


def main(config_path: Path, output: Path, shape: str | None = None) -> None:
    """Build, draw, save as mmengine would."""
    import_stubs.install_import_stubs()
    import torch

    torch.manual_seed(0)
    config = configs.load(config_path)
    task = configs.task_of(config, None, config_path)
    own = reading.proposed_shape(config, task)
    wanted = shape_from_text(shape) if shape else own
    model = openmmlab.build_for(config, task, wanted, own)
    for module in model.modules():
        draw(module)
    feeds = verify.feeds(reading.preprocessing(config, task, wanted), batches=(1,))
    settle(build.answers(model), torch.cat([torch.from_numpy(tensor) for _, tensor in feeds]))
    meta = {"config": config_path.name, "experiment_name": "random"}
    torch.save({"meta": meta, "state_dict": model.state_dict(), "message_hub": _history()}, output)


def draw(module: object) -> None:
    """Give one layer weights that no other layer cancels."""
    import torch

    if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
        torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            torch.nn.init.uniform_(module.bias, -0.1, 0.1)
    elif isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
        torch.nn.init.uniform_(module.weight, 0.8, 1.2)
        torch.nn.init.uniform_(module.bias, -0.2, 0.2)
        torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
        torch.nn.init.uniform_(module.running_var, 0.8, 1.2)


def settle(model: object, pictures: object) -> None:
    """Let batch normalisation divide by the strength of what reaches it, as training does: else signals grow.

    Only where they grow, and without taking their mean away: deep inside a random network all pictures look alike,
    and to subtract that and divide by the little that differs would blow up every rounding.
    """
    import torch

    def measure(layer: object, inputs: tuple[object, ...]) -> None:
        (features,) = inputs
        layer.running_var.copy_(torch.maximum(layer.running_var, (features**2).mean(dim=(0, 2, 3))))

    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm)]
    hooks = [layer.register_forward_pre_hook(measure) for layer in layers]
    with torch.no_grad():
        model(pictures)
    for hook in hooks:
        hook.remove()


def _history() -> object:
    """What makes real checkpoints more than weights."""
    from mmengine.logging import MessageHub

    hub = MessageHub.get_instance("random")
    hub.update_scalar("train/loss", 1.0)
    return hub.state_dict()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
