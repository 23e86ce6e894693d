"""Train the bundled sample, a small network that tells what the ground is made of, and write ``assets/sample/``.

The pictures are the terrain textures of the free game 0 A.D. by Wildfire Games: altered photographs under the
licence CC BY-SA 3.0, shipped in Debian's package ``0ad-data`` (version 0.0.26-1). To get them and to train::

    apt-get download 0ad-data
    dpkg-deb -x 0ad-data_0.0.26-1_all.deb 0ad
    python -m venv torch-env
    torch-env/bin/pip install torch==2.13.0 numpy pillow onnx onnxruntime
    torch-env/bin/python benchmarks/train_sample.py 0ad/usr/share/games/0ad/mods/public/public.zip

Three steps keep the measured accuracy honest. The rules in `GROUNDS`, which say what a texture shows, were written by
looking at the textures, before any training. Textures made from one photograph (recoloured, turned or shifted) are
found by correlation and never stand on both sides of the split. And no setting was chosen by looking at the test side:
the last epoch is the model, settings were tried with ``--rehearse``, which splits the training side once more. One
thing was changed after a first full run: a seventh class, farm fields, went, as only seven photographs show them.

The script takes some ten minutes on one processor core. Seeds are fixed, so the same machine gives the same model.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import shutil
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from PIL import Image

try:
    import torch
    from torch import nn
except ImportError:
    sys.exit("This script needs PyTorch, which EdgePress itself does not: see the top of the file for how to get it.")

SAMPLE = Path(__file__).resolve().parent.parent / "assets" / "sample"
TERRAIN = "art/textures/terrain/types/"
TEXTURE_SIDE = 512
INPUT_SIDE = 96
PICTURE_SIDE = 160
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
SAME_PHOTOGRAPH = 0.25
TEST_SHARE = 0.3
PICTURES_PER_CLASS = 18

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Ground:
    """A class of the sample, and which textures show it."""

    name: str
    """What a person calls this ground."""
    include: str
    """A regular expression that the texture's file name matches."""
    exclude: str = "$^"
    """A regular expression for what is left out: mixtures of two grounds, and what does not look like its name."""


GROUNDS = (
    Ground(
        "grass",
        r"grass",
        r"dirt|snow|cliff|rock|sand|mud|road|dead|under|stones|flowers|wild|shrub|plants|_mod_|temp_grass_[1-4]"
        r"|aegean_anatolia/grass_0[12]|savanna/grass|steppe/grass_04",
    ),
    Ground(
        "gravel",
        r"gravel|pebbles_wet|river_rocks|road_stones|shore_rocks|shore_stones|road_med$|road_roman|medit_rocks|stoney",
        r"mars|grass|icy|plants|shrub|river_rocks_dirt",
    ),
    Ground("paving stones", r"paving|city_?tile|city_pavement|savanna_tile", r"plants|tile_dirt|pers_dirt|a_dirt"),
    Ground(
        "rock",
        r"cliff|alpine_mountainside|rock_metamorphic",
        r"snow|grass|shrub|plants|beach|sand|volcanic ground|face2_w|petrified|mud|base|3_dirty|tropic_cliff_b",
    ),
    Ground(
        "sand",
        r"sand|dune",
        r"sandstone|scrub|stones|rocks|grass|cliff|path|messy|dirty|anatolia/sand_02|nubia/sand_01|sahara/sand_0[1-3]",
    ),
    Ground("snow and ice", r"snow|ice", r"cliff|grass|tundra|dirt|forr?est|rock|ice_snow|snow 50|arctic/snow"),
)
"""The classes in the order of the model's scores."""

DATA_MAPS = r"_(norm|normal|spec|ao|height|mask|nm)(\b|_)"
"""Textures with this in their name hold measurements, not a picture."""


@dataclass(frozen=True)
class Texture:
    """One square photographic texture."""

    name: str
    """Its path inside the game's archive."""
    label: int
    """The index of its class in `GROUNDS`."""
    pixels: Pixels
    """RGB, shape (512, 512, 3)."""
    photograph: int = -1
    """The same number for all textures that were made from one photograph."""


def label_of(name: str) -> int | None:
    """Tell which class the texture of that file name shows; None if it shows none, or several."""
    stem = name.removeprefix(TERRAIN).split(".")[0]
    if re.search(DATA_MAPS, stem.lower()):
        return None
    hits = [i for i, g in enumerate(GROUNDS) if re.search(g.include, stem) and not re.search(g.exclude, stem)]
    return hits[0] if len(hits) == 1 else None


def read_textures(archive: Path) -> list[Texture]:
    """Read the labelled terrain textures from the game's ``public.zip``, sorted by name, resized to 512 x 512."""
    textures = []
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            label = label_of(name) if name.startswith(TERRAIN) and name.endswith(".dds") else None
            if label is None:
                continue
            picture = Image.open(io.BytesIO(opened.read(name))).convert("RGB")
            if min(picture.size) >= TEXTURE_SIDE:
                side = (TEXTURE_SIDE, TEXTURE_SIDE)
                textures.append(Texture(name, label, np.asarray(picture.resize(side, Image.Resampling.LANCZOS))))
    return textures


def structure(texture: Texture, side: int = 128) -> npt.NDArray[np.float32]:
    """Reduce a texture to its brightness pattern, without colour, mean and contrast: shape (side, side), unit norm."""
    grey = Image.fromarray(texture.pixels).convert("L").resize((side, side), Image.Resampling.BOX)
    values = np.asarray(grey, np.float32)
    spectrum = np.fft.rfft2(values)
    # The lowest frequencies are light and shade, which alike-looking photographs share by chance.
    spectrum[:3, :3] = spectrum[-2:, :3] = 0
    pattern = np.fft.irfft2(spectrum, s=(side, side))
    return (pattern / max(float(np.linalg.norm(pattern)), 1e-6)).astype(np.float32)


def likeness(textures: Sequence[Texture]) -> npt.NDArray[np.float32]:
    """Correlate every two textures over all shifts, quarter turns and mirrorings.

    The textures tile, so the best shift is the peak of the circular cross-correlation, by the Fourier transform.

    Returns:
        Shape (N, N), symmetric: the largest absolute correlation, from 0 (unrelated) to 1 (one photograph).
    """
    patterns = np.stack([structure(t) for t in textures])
    spectra = np.fft.rfft2(patterns)
    found = np.zeros((len(textures), len(textures)), np.float32)
    for turn in range(8):
        turned = np.rot90(patterns[:, :, ::-1] if turn >= 4 else patterns, turn % 4, axes=(1, 2))
        conjugates = np.conj(np.fft.rfft2(turned))
        for i in range(len(textures)):
            peaks = np.abs(np.fft.irfft2(spectra[i] * conjugates[i:])).max(axis=(1, 2))
            found[i, i:] = np.maximum(found[i, i:], peaks)
    return np.maximum(found, found.T)


def group_by_photograph(textures: Sequence[Texture]) -> list[Texture]:
    """Give all textures that come from one photograph, also through others, the same number."""
    alike = likeness(textures) > SAME_PHOTOGRAPH
    numbers = list(range(len(textures)))
    for i, j in zip(*np.nonzero(np.triu(alike, 1)), strict=True):
        low, high = sorted((numbers[i], numbers[j]))
        numbers = [low if n == high else n for n in numbers]
    return [replace(t, photograph=n) for t, n in zip(textures, numbers, strict=True)]


def split(textures: Sequence[Texture], *, seed: int) -> tuple[list[Texture], list[Texture]]:
    """Put whole photographs aside for testing, some 30% of each class's textures.

    Returns:
        The textures for training and those for testing.
    """
    rng = np.random.default_rng(seed)
    held: set[int] = set()
    for label in range(len(GROUNDS)):
        mine = [t for t in textures if t.label == label]
        photographs = sorted({t.photograph for t in mine})
        for photograph in rng.permutation(photographs).tolist():
            size = sum(t.photograph == photograph for t in mine)
            taken = sum(t.photograph in held for t in mine)
            # The slack lets one big family pass by rather than fill the test side alone.
            if taken + size <= TEST_SHARE * len(mine) + 1:
                held.add(photograph)
    return [t for t in textures if t.photograph not in held], [t for t in textures if t.photograph in held]


def resized(pixels: Pixels, side: int) -> Pixels:
    """Resize a square RGB patch to (side, side, 3)."""
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))


def quarter_patches(texture: Texture) -> Iterator[Pixels]:
    """Yield the four quarters of a texture, each (256, 256, 3)."""
    half = TEXTURE_SIDE // 2
    for top in (0, half):
        for left in (0, half):
            yield texture.pixels[top : top + half, left : left + half]


def varied_patch(texture: Texture, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Cut a random patch, turn it and change its light, as another camera on another day would see it.

    Returns:
        RGB, shape (96, 96, 3), values 0 to 255.
    """
    side = int(rng.integers(176, 337))
    # A texture tiles, so a patch may go over its edge and come in at the other.
    rows = (rng.integers(TEXTURE_SIDE) + np.arange(side)) % TEXTURE_SIDE
    columns = (rng.integers(TEXTURE_SIDE) + np.arange(side)) % TEXTURE_SIDE
    patch = np.rot90(resized(texture.pixels[np.ix_(rows, columns)], INPUT_SIDE), int(rng.integers(4)))
    if rng.random() < 0.5:
        patch = patch[:, ::-1]
    values = patch.astype(np.float32)
    middle = values.mean()
    values = (values - middle) * rng.uniform(0.75, 1.3) + middle * rng.uniform(0.75, 1.25)
    return np.clip(values * rng.uniform(0.92, 1.08, 3), 0, 255).astype(np.float32)


def to_input(patches: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
    """Turn RGB patches (96, 96, 3) into the model's input: shape (N, 3, 96, 96), mean taken off, divided by std."""
    stacked = np.stack(patches).astype(np.float32)
    normalised = (stacked - np.float32(MEAN)) / np.float32(STD)
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))


def conv(inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Make a convolution with its batch normalisation."""
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class InvertedResidual(nn.Module):
    """MobileNetV2's block (Sandler et al., 2018): widen, filter each channel by itself, narrow, add the input."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, widen: int) -> None:
        super().__init__()
        wide = inputs * widen
        self.adds = stride == 1 and inputs == outputs
        self.body = nn.Sequential(
            *conv(inputs, wide),
            nn.ReLU6(),
            *conv(wide, wide, 3, stride=stride, groups=wide),
            nn.ReLU6(),
            *conv(wide, outputs),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return x + self.body(x) if self.adds else self.body(x)


def network() -> nn.Sequential:
    """Build the classifier: (N, 3, 96, 96) to one score for each class, (N, 6), without softmax."""
    plan = ((16, 1, 2), (24, 2, 3), (24, 1, 3), (48, 2, 4), (48, 1, 4), (48, 1, 4), (80, 2, 4), (80, 1, 4))
    layers: list[nn.Module] = [*conv(3, 16, 3, stride=2), nn.ReLU6()]
    channels = 16
    for outputs, stride, widen in plan:
        layers.append(InvertedResidual(channels, outputs, stride=stride, widen=widen))
        channels = outputs
    layers += [*conv(channels, 160), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(0.2), nn.Linear(160, len(GROUNDS)))


def balanced_order(textures: Sequence[Texture], rng: np.random.Generator, *, count: int) -> list[Texture]:
    """Draw textures so that every class, and in it every photograph, comes equally often."""
    families: dict[int, dict[int, list[Texture]]] = defaultdict(lambda: defaultdict(list))
    for texture in textures:
        families[texture.label][texture.photograph].append(texture)
    drawn = []
    for i in range(count):
        photographs = list(families[i % len(GROUNDS)].values())
        family = photographs[int(rng.integers(len(photographs)))]
        drawn.append(family[int(rng.integers(len(family)))])
    return [drawn[i] for i in rng.permutation(count)]


def train(textures: Sequence[Texture], *, epochs: int, seed: int, batch: int = 60) -> nn.Sequential:
    """Train a fresh network with AdamW and one learning-rate cycle; an epoch is 40 batches."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model, batches = network(), 40
    decay = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.05)
    rate = torch.optim.lr_scheduler.OneCycleLR(decay, max_lr=4e-3, total_steps=epochs * batches)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        order = balanced_order(textures, rng, count=batches * batch)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            inputs = torch.from_numpy(to_input([varied_patch(t, rng) for t in chosen]))
            loss = loss_of(model(inputs), torch.tensor([t.label for t in chosen]))
            decay.zero_grad()
            loss.backward()
            decay.step()
            rate.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{epochs}: loss {total / batches:.3f}", flush=True)
    return model.eval()


def export(model: nn.Sequential, path: Path) -> None:
    """Write the model as ONNX, opset 17, with its preprocessing and its class names in the metadata."""
    example = torch.zeros(1, 3, INPUT_SIDE, INPUT_SIDE)
    names = {"input_names": ["image"], "output_names": ["scores"]}
    torch.onnx.export(model, (example,), str(path), opset_version=17, dynamo=False, **names)
    exported = onnx.load(path)
    preprocessing = {
        "size": [INPUT_SIDE, INPUT_SIDE],
        "fit": "stretch",
        "color": "rgb",
        "layout": "nchw",
        "mean": MEAN,
        "std": STD,
    }
    values = {
        "edgepress.preprocessing": json.dumps(preprocessing),
        "edgepress.classes": json.dumps([g.name for g in GROUNDS]),
        "licence": "CC BY-SA 3.0; trained on textures of 0 A.D. by Wildfire Games",
    }
    onnx.helper.set_model_props(exported, values)
    exported.graph.name = "ground"
    onnx.checker.check_model(exported, full_check=True)
    onnx.save(exported, path)


def accuracy(path: Path, patches: Sequence[Pixels], labels: Sequence[int]) -> float:
    """Measure with onnxruntime which share of the patches (96, 96, 3) the ONNX file names rightly; print each class."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    guesses = [int(session.run(None, {"image": to_input([p])})[0].argmax()) for p in patches]
    table = np.zeros((len(GROUNDS), len(GROUNDS)), int)
    np.add.at(table, (np.asarray(labels), np.asarray(guesses)), 1)
    for ground, row in zip(GROUNDS, table, strict=True):
        print(f"  {ground.name:14} {row.tolist()}")
    return float(np.trace(table) / table.sum())


def choose_pictures(textures: Sequence[Texture]) -> list[tuple[Texture, int]]:
    """Choose 18 quarters of each class's test textures, taking turns between the textures."""
    chosen = []
    for label in range(len(GROUNDS)):
        mine = [t for t in textures if t.label == label]
        turns = [(t, quarter) for quarter in (0, 3, 1, 2) for t in mine]
        chosen += sorted(turns[:PICTURES_PER_CLASS], key=lambda turn: (turn[0].name, turn[1]))
    return chosen


def write_pictures(pictures: Sequence[tuple[Texture, int]], folder: Path) -> None:
    """Write the pictures as JPEG files with ``labels.csv`` beside them, and ``sources.csv`` one folder up."""
    folder.mkdir()
    labels, sources = [("file", "label")], [("file", "texture in public.zip", "quarter")]
    counts: dict[int, int] = defaultdict(int)
    for texture, quarter in pictures:
        counts[texture.label] += 1
        name = f"{GROUNDS[texture.label].name.replace(' ', '_')}_{counts[texture.label]:02}.jpg"
        patch = list(quarter_patches(texture))[quarter]
        picture = Image.fromarray(patch).resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
        picture.save(folder / name, quality=85)
        labels.append((name, str(texture.label)))
        sources.append((name, texture.name, ("top left", "top right", "bottom left", "bottom right")[quarter]))
    for path, rows in ((folder / "labels.csv", labels), (folder.parent / "sources.csv", sources)):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def measure(sample: Path, test: Sequence[Texture]) -> None:
    """Print the accuracy on every quarter of every test texture, then on the pictures as they were written."""
    quarters = [(resized(q, INPUT_SIDE), t.label) for t in test for q in quarter_patches(t)]
    everything = accuracy(sample / "sample.onnx", [q for q, _ in quarters], [label for _, label in quarters])
    print(f"all {len(quarters)} test quarters: {everything:.1%}")
    with (sample / "images" / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    patches = [resized(np.asarray(Image.open(sample / "images" / row["file"])), INPUT_SIDE) for row in rows]
    bundled = accuracy(sample / "sample.onnx", patches, [int(row["label"]) for row in rows])
    print(f"the {len(rows)} bundled pictures: {bundled:.1%}")


def describe(title: str, textures: Sequence[Texture]) -> None:
    """Print how many textures, and how many photographs behind them, each class has."""
    print(f"{title}: {len(textures)} textures of {len({t.photograph for t in textures})} photographs")
    for label, ground in enumerate(GROUNDS):
        mine = [t for t in textures if t.label == label]
        print(f"  {ground.name:14} {len(mine):3} textures, {len({t.photograph for t in mine}):3} photographs")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archive", type=Path, help="public.zip out of Debian's package 0ad-data")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rehearse", action="store_true", help="try settings on the training side; write no sample")
    parser.add_argument("--output", type=Path, default=SAMPLE)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, split, train, export, measure, and put the finished files into place."""
    options = parse(arguments)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    training, test = split(group_by_photograph(read_textures(options.archive)), seed=options.seed)
    if options.rehearse:
        training, test = split(training, seed=options.seed + 1)
    describe("training", training)
    describe("test", test)
    model = train(training, epochs=options.epochs, seed=options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        # The temporary folder itself is closed to other users, and copying it would close the sample too.
        finished = Path(temporary) / "sample"
        finished.mkdir()
        export(model, finished / "sample.onnx")
        write_pictures(choose_pictures(test), finished / "images")
        measure(finished, test)
        if not options.rehearse:
            shutil.rmtree(options.output / "images", ignore_errors=True)
            shutil.copytree(finished, options.output, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
