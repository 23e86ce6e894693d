"""Save a model of an OpenMMLab config with random weights as a checkpoint; runs in the OpenMMLab environment.

    PYTHONPATH=. python benchmarks/random_checkpoint.py CONFIG FILE.pth [HEIGHT,WIDTH]

Nothing has to be downloaded, and everything that an export does is the same as with trained weights. The usual
initialisation gives outputs near 1e-15, relative to which every difference is large; so the weights are drawn anew and
the statistics of batch normalisation are measured on pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.pytorch.request import shape_from_text
from core.pytorch.worker import build, config_facts, configs, import_stubs, openmmlab, verify


def main(config_path: Path, output: Path, shape: str | None = None) -> None:
    """Build the model, draw its weights, save it as mmengine would."""
    import_stubs.install_import_stubs()
    import torch

    torch.manual_seed(0)
    config = configs.load(config_path)
    task = configs.task_of(config, None, config_path)
    default = config_facts.proposed_shape(config, task)
    chosen = shape_from_text(shape) if shape else default
    model = openmmlab.build_for_shape(config, task, chosen, default)
    for module in model.modules():
        draw_weights(module)
    inputs = verify.make_inputs(config_facts.preprocessing(config, task, chosen), batches=(1,))
    measure_variances(build.wrap_openmmlab(model), torch.cat([torch.from_numpy(tensor) for _, tensor in inputs]))
    meta = {"config": config_path.name, "experiment_name": "random"}
    torch.save({"meta": meta, "state_dict": model.state_dict(), "message_hub": _training_history()}, output)


def draw_weights(module: object) -> None:
    """Draw the weights of one layer: He et al. (Kaiming) for convolutions and linear layers."""
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


def measure_variances(model: object, images: object) -> None:
    """Raise each batch normalisation's variance to the mean square of its input, so that activations do not grow.

    The mean is not subtracted, as training would: deep inside a random network all images give nearly the same
    features, and dividing the remaining differences by their small variance would amplify rounding errors.
    """
    import torch

    def measure(layer: object, inputs: tuple[object, ...]) -> None:
        (features,) = inputs
        layer.running_var.copy_(torch.maximum(layer.running_var, (features**2).mean(dim=(0, 2, 3))))

    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm)]
    hooks = [layer.register_forward_pre_hook(measure) for layer in layers]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()


def _training_history() -> object:
    """Training curves, which real checkpoints hold beside the weights."""
    from mmengine.logging import MessageHub

    hub = MessageHub.get_instance("random")
    hub.update_scalar("train/loss", 1.0)
    return hub.state_dict()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
