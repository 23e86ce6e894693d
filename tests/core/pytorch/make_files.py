"""Small PyTorch files for the tests; run by the Python of the OpenMMLab environment: ``make_files.py FOLDER``."""

import json
import os
import pickle
import sys
import zipfile
from pathlib import Path

import torch

folder = Path(sys.argv[1])


class Net(torch.nn.Module):
    """An image in, three scores and a feature map of half its size out."""

    def __init__(self):
        super().__init__()
        self.down = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.head = torch.nn.Linear(8, 3)

    def forward(self, images):
        features = torch.relu(self.norm(self.down(images)))
        return self.head(features.mean(dim=(2, 3))), features


class Evil:
    """Writes a file where it is unpickled without restrictions."""

    def __reduce__(self):
        return os.system, (f'echo ran > "{folder / "ran.txt"}"',)


class NotFinite(torch.nn.Module):
    """Returns NaN, the logarithm of -1."""

    def forward(self, images):
        return torch.log(images * 0 - 1)


class Overwriting(torch.nn.Module):
    """Overwrites the beginning of a file in each run."""

    def __init__(self):
        super().__init__()
        self.file = FILE

    def forward(self, images):
        written = torch.from_file(self.file, shared=True, size=8, dtype=torch.uint8).fill_(120)
        return images + written.sum()


class Planted:
    """Overwrites a file where it is unpickled without restrictions."""

    def __reduce__(self):
        return os.system, (f'echo ran > "{FILE}"',)


def planted(source, target):
    """A file of torch.export, in which one weight is read from a pickle."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as written:
        for name in sorted(archive.namelist(), key=lambda name: not name.endswith("weights_config.json")):
            content = archive.read(name)
            if name.endswith("weights_config.json"):
                config = json.loads(content)
                weight = next(iter(config["config"].values()))
                weight["use_pickle"], evil = True, name.rpartition("/data/")[0] + "/data/weights/" + weight["path_name"]
                content = json.dumps(config)
            written.writestr(name, EVIL.read_bytes() if name == evil else content)


FILE, EVIL = str(folder / "kept.txt"), folder / "evil_weight.pth"
(folder / "kept.txt").write_text("kept, whatever is opened")
torch.save(Planted(), EVIL)
torch.manual_seed(0)
net = Net().eval()
example = torch.zeros(1, 3, 32, 48)
torch.jit.trace(net, example).save(folder / "net.pt")
torch.jit.trace(NotFinite(), example).save(folder / "nan.pt")
torch.export.save(torch.export.export(net, (example,)), folder / "net.pt2")
torch.jit.script(Overwriting()).save(folder / "overwriting.pt")
for name in ("planted.pt2", "planted.pth"):
    planted(folder / "net.pt2", folder / name)
torch.save({"state_dict": net.state_dict(), "meta": {}}, folder / "weights.pth")
torch.save({"state_dict": net.state_dict(), "meta": Evil()}, folder / "evil.pth")
torch.save({"state_dict": {}, "meta": {}}, folder / "empty.pth")
torch.save([1, 2], folder / "list.pth")
whole = (folder / "weights.pth").read_bytes()
(folder / "cut.pth").write_bytes(whole[: len(whole) // 2])
torch.save({"state_dict": {}, "meta": Evil()}, folder / "older_evil.pth", _use_new_zipfile_serialization=False)
(folder / "old_evil.pth").write_bytes(pickle.dumps(Evil()))
(folder / "text.pth").write_text("no checkpoint\n")
