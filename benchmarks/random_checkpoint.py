"""Save a model of an OpenMMLab config with random weights as a checkpoint; runs in the OpenMMLab environment.

    PYTHONPATH=. python benchmarks/random_checkpoint.py CONFIG FILE.pth [HEIGHT,WIDTH]

Nothing has to be downloaded, and everything that an export does is the same as with trained weights. The usual
initialisation gives answers near 1e-15, next to which every difference looks large; so convolutions and the
statistics of batch normalisation are drawn anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.pytorch.request import shape_from_text
from core.pytorch.worker import configs, openmmlab, reading, stand_ins


def main(config_path: Path, output: Path, shape: str | None = None) -> None:
    """Build, draw, save as mmengine would."""
    stand_ins.put_in_place()
    import torch

    torch.manual_seed(0)
    config = configs.load(config_path)
    task = configs.task_of(config, None, config_path)
    own = reading.proposed_shape(config, task)
    model = openmmlab.build_for(config, task, shape_from_text(shape) if shape else own, own)
    for module in model.modules():
        draw(module)
    meta = {"config": config_path.name, "experiment_name": "random"}
    torch.save({"meta": meta, "state_dict": model.state_dict(), "message_hub": _history()}, output)


def draw(module: object) -> None:
    """Give one layer weights of the size that keeps signals alive through many layers."""
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


def _history() -> object:
    """What makes real checkpoints more than weights."""
    from mmengine.logging import MessageHub

    hub = MessageHub.get_instance("random")
    hub.update_scalar("train/loss", 1.0)
    return hub.state_dict()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
