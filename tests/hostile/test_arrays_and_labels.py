"""Arrays and labels made to hurt: each is read or an error in words, within its time and memory."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import re
import sys
import zipfile
from pathlib import Path

import damage
import numpy as np
import pytest
from PIL import Image

from core.common.errors import ImagesError
from core.inputs.arrays import read_arrays
from core.inputs.images import read_folder
from core.inputs.labels_for_task import labels_for
from core.labels.class_names import names_beside, read_characters, read_class_names
from core.onnx_model.inspect import inspect
from small import conv_net, pictures

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices of Unix")
SHAPE = (1, 3, 32, 32)
RUN, WRITTEN = Path("/tmp/this-was-run"), Path("/tmp/this-was-written.npy")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return inspect(conv_net(tmp_path_factory.mktemp("model") / "net.onnx"))


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npz(packed=False, **arrays):
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


FLOATS = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
ARRAYS = {
    "floats.npy": npy(FLOATS),
    "doubles.npy": npy(FLOATS.astype(np.float64)),
    "columns.npy": npy(np.asfortranarray(FLOATS[0])),
    "one.npz": npz(input=FLOATS),
    "packed.npz": npz(packed=True, input=FLOATS, other=np.zeros(3)),
}


def test_damaged_arrays_are_answers_in_words(tmp_path, source):
    watch, names = damage.Watch(), list(ARRAYS)
    for number in range(damage.COUNT or 20 * len(ARRAYS)):
        name = names[number % len(names)]
        path = damage.write(tmp_path / name, damage.damaged(ARRAYS[name], number))
        with watch.file(f"{number} {name}"):
            assert set(read_arrays(path, source)) == {"input"}
    watch.check(most_seconds=10.0)


def header(text):
    """An .npy file with this header."""
    line = text.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + bytes(64)


def long_header():
    line = b"{'descr': " + b"[" * 3_000_000
    return b"\x93NUMPY\x02\x00" + len(line).to_bytes(4, "little") + line


def zipped(name="input.npy", data=b"", **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data, **options)
    return buffer.getvalue()


def zip_that_lies():
    """It says that 100 bytes come out, and two gigabytes would."""
    shape = (1, 3, 16_384, 16_384)
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    made = bytearray(zipped(data=header(head)[:-64] + bytes(200_000_000)))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = made.index(signature) + place
        made[start : start + 4] = (100).to_bytes(4, "little")
    return bytes(made)


class _Acts:
    def __reduce__(self):
        return (os.mkdir, ("/tmp/this-was-run",))


ODD_ARRAYS = {
    "huge.npy": header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 1000000, 1000000), }"),
    "negative.npy": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }"),
    "overflow.npy": header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**62}, 4, {2**62}), }}"),
    "objects.npy": npy(np.array([_Acts()], object), allow_pickle=True),
    "text.npy": npy(np.array(["a", "b"])),
    "record.npy": npy(np.zeros(3, [("a", "f4"), ("b", "O" if False else "i4")])),
    "dates.npy": npy(np.zeros(3, "datetime64[s]")),
    "call.npy": header("__import__('os').mkdir('/tmp/this-was-run')"),
    "deep.npy": header("(" * 30_000),
    "long.npy": long_header(),
    "odd-type.npy": header("{'descr': '<f99999999', 'fortran_order': False, 'shape': (1,), }"),
    "empty.npy": b"",
    "version.npy": b"\x93NUMPY\xff\xff" + bytes(100),
    "not-a-number.npy": npy(np.full(SHAPE, np.nan, np.float32)),
    "infinite.npy": npy(np.full(SHAPE, np.inf, np.float64)),
    "too-large.npy": npy(np.full(SHAPE, 1e300)),
    "pickle.npy": pickle.dumps(_Acts()),
    "pickle.npz": pickle.dumps(_Acts()),
    "objects.npz": zipped(data=npy(np.array([_Acts()], object), allow_pickle=True)),
    "slip.npz": zipped("../../../tmp/this-was-written.npy", npy(FLOATS)),
    "lies.npz": zip_that_lies(),
    "bomb.npz": zipped(data=bytes(1_200_000_000)),
    "no-array.npz": zipped("readme.txt", b"hello"),
    "empty.npz": zipped("input.npy"),
    "surrogate.npz": zipped("\ud800.npy".encode("utf-8", "replace").decode() + ".npy", npy(FLOATS)),
}


@pytest.mark.parametrize("name", ODD_ARRAYS)
def test_odd_arrays_are_answers_within_limits(name, tmp_path, source):
    path, watch = damage.write(tmp_path / name, ODD_ARRAYS[name]), damage.Watch()
    with watch.file(name):
        read_arrays(path, source)
    watch.check(most_seconds=10.0)
    assert not RUN.exists() and not WRITTEN.exists()


@UNIX
@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "nowhere", "folder", "holes"])
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".txt", ".yaml", ".json"])
def test_what_is_no_regular_file_is_told(kind, suffix, tmp_path, source):
    path = tmp_path / f"x{suffix}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "holes":
        path.touch()
        os.truncate(path, 20 << 30)
    else:
        path.symlink_to({"device": "/dev/zero", "loop": str(path), "nowhere": str(tmp_path / "missing")}[kind])
    with pytest.raises(ImagesError):
        read_arrays(path, source) if suffix in (".npy", ".npz") else read_class_names(path)


BOX = '{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 20, 20], "area": 400, "iscrowd": 0, '
COCO = (
    '{"images": [{"id": 1, "file_name": "000.png", "width": 48, "height": 40}], '
    '"categories": [{"id": 1, "name": "cat", "keypoints": ["nose", "tail"]}], '
    '"annotations": [' + BOX + '"segmentation": [[1, 2, 20, 2, 20, 20]], "keypoints": [3, 4, 2, 9, 9, 1]}]}'
)
VOC = (
    "<annotation><filename>000.png</filename><size><width>48</width><height>40</height><depth>3</depth></size>"
    "<object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object>"
    "</annotation>"
)
LABELS = {
    "annotations/instances.json": COCO.encode(),
    "000.txt": b"0 0.5 0.5 0.25 0.25\n1 0.1 0.2 0.1 0.1\n",
    "data.yaml": b"path: .\ntrain: .\nnames:\n  0: cat\n  1: dog\nkpt_shape: [2, 3]\n",
    "000.xml": VOC.encode(),
    "labels.csv": b"file,label\n000.png,cat\n001.png,dog\n",
    "gt.txt": b"000.png\thello\n001.png\tworld\n",
    "texts.json": b'{"000.png": "hello", "001.png": "world"}',
    "classes.txt": b"cat\ndog\n",
}


@pytest.fixture
def folder(tmp_path):
    return pictures(tmp_path / "pictures", 3)


def masks(chance):
    buffer = io.BytesIO()
    values = np.random.default_rng(chance.randrange(99)).integers(0, 4, (40, 48)).astype(np.uint8)
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


def read_all(folder):
    """As the page and a job do: find the labels, describe them, read those of each picture for each kind of task."""
    found = read_folder(folder)
    for task in ("classification", "detection", "segmentation", "keypoints", "text"):
        labels = labels_for(task, found)
        if labels is not None:
            assert str(labels.description) and all(map(str, labels.problems))
            for path in found.files:
                labels.truth(path)
            assert all(map(str, labels.problems)) and isinstance(labels.class_names, tuple)


def test_damaged_labels_are_answers_in_words(folder):
    watch, names = damage.Watch(), [*LABELS, "masks/000.png"]
    for number in range(damage.COUNT or 10 * len(names)):
        name, chance = names[number % len(names)], random.Random(number)
        sound = masks(chance) if name.startswith("masks") else LABELS[name]
        data = damage.damaged(sound, number) if number % 2 else spoiled(sound, chance)
        path = damage.write(folder / name, data)
        with watch.file(f"{number} {name}"):
            read_all(folder)
        path.unlink()
        if path.parent != folder:
            path.parent.rmdir()
    watch.check(most_seconds=10.0)


_VALUES = (
    *(b"NaN", b"Infinity", b"-1", b"1e400", b"-1e308", b"99999999999999999999", b"0x10", b"null", b"{}", b"[]", b'""'),
    *(
        b"true",
        b'"\\ud800"',
        b"\xff\xfe",
        b"\0",
        b"..",
        b"/etc/passwd",
        b"1,1",
        b"a" * 10_000,
        b"9" * 6000,
        b"[" * 9000,
    ),
)


def spoiled(data, chance):
    """Numbers and words replaced by values that programs trip over."""
    words = list(re.finditer(rb"[-\w.]+", data))
    for match in sorted(chance.sample(words, min(len(words), chance.randint(1, 3))), key=lambda m: -m.start()):
        data = data[: match.start()] + chance.choice(_VALUES) + data[match.end() :]
    return data


def entities(count):
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, count))
    return f'<!DOCTYPE d [<!ENTITY a0 "aaaaaaaaaa">{lines}]>'


LONG = "1 0.5 0.5 0.1 0.1\n" * 50_000
OBJECTS = VOC[VOC.index("<object>") : -13] * 5000
ALIASES = [f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)},*{chr(97 + n)}]" for n in range(20)]
ODD_LABELS = {
    "laughs": ("000.xml", entities(12) + VOC.replace("cat", "&a11;")),
    "outside": ("000.xml", '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + VOC.replace("cat", "&a;")),
    "network": ("000.xml", '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">' + VOC),
    "deep xml": ("000.xml", "<a>" * 200_000),
    "many objects": ("000.xml", VOC.replace("</annotation>", OBJECTS) + "</annotation>"),
    "encoding": ("000.xml", '<?xml version="1.0" encoding="utf-99"?>' + VOC),
    "deep json": ("annotations/instances.json", "[" * 1_000_000),
    "long number": ("annotations/instances.json", COCO.replace("400", "9" * 100_000)),
    "huge picture": ("annotations/instances.json", COCO.replace('"width": 48', '"width": 1e300')),
    "mask of all memory": (
        "annotations/instances.json",
        COCO.replace("[[1, 2, 20, 2, 20, 20]]", '{"size": [1000000, 1000000], "counts": [0, 1000000000000]}'),
    ),
    "mask that lies": (
        "annotations/instances.json",
        COCO.replace("[[1, 2, 20, 2, 20, 20]]", '{"size": [40, 48], "counts": "' + "o" * 50_000 + '"}'),
    ),
    "outline of a million": (
        "annotations/instances.json",
        COCO.replace("[[1, 2, 20, 2, 20, 20]]", f"[{json.dumps([1, 2] * 500_000)}]"),
    ),
    "same names": ("annotations/instances.json", '{"images": 1, "images": [], "categories": "x", "annotations": {}}'),
    "many boxes": ("000.txt", LONG),
    "numbers": ("000.txt", "0 nan inf -inf 1e999\n-5 0 0 0 0\n99999999999 0 0 0 0\n"),
    "yaml aliases": ("data.yaml", "\n".join(["a: &a [x,x]", *ALIASES, "names: *u"])),
    "yaml object": ("data.yaml", "names: !!python/object/apply:os.mkdir ['/tmp/this-was-run']\n"),
    "deep yaml": ("data.yaml", "names: " + "[" * 100_000),
    "quotes": ("labels.csv", 'file,label\n"000.png,cat\n' * 1000),
    "long field": ("labels.csv", "file,label\n000.png," + "a" * 3_000_000 + "\n"),
    "many columns": ("labels.csv", "file,label" + ",x" * 300_000 + "\n"),
    "zeros": ("labels.csv", "file,label\n000.png,\0\0\n"),
    "upwards": ("labels.csv", "file,label\n../../../../etc/passwd,cat\n/etc/passwd,dog\n"),
    "long line": ("gt.txt", "000.png\t" + "a" * 5_000_000),
    "backtracking": ("gt.txt", ("a" * 3000 + " ") * 300 + "\n"),
    "escapes": ("gt.txt", "000.png\t\x1b]0;owned\x07\u202egpj\n001.png\tb\n"),
    "binary": ("classes.txt", "\0\x01\x02" * 1000),
}


@pytest.mark.parametrize("kind", ODD_LABELS)
def test_odd_labels_are_answers_within_limits(kind, folder):
    name, text = ODD_LABELS[kind]
    damage.write(folder / name, text.encode("utf-8"))
    watch = damage.Watch()
    with watch.file(kind):
        read_all(folder)
    watch.check(most_seconds=20.0)
    assert not RUN.exists()


NAMES = {
    "names.txt": b"cat\ndog\n",
    "numbered.txt": b"0 cat\n1 dog\n",
    "names.yaml": b"names:\n  0: cat\n  1: dog\n",
    "names.json": b'{"0": ["n01", "cat"], "1": ["n02", "dog"]}',
}


def test_damaged_class_names_are_answers_in_words(tmp_path):
    watch, kinds = damage.Watch(), list(NAMES)
    for number in range(damage.COUNT or 10 * len(NAMES)):
        name, chance = kinds[number % len(kinds)], random.Random(number)
        data = damage.damaged(NAMES[name], number) if number % 2 else spoiled(NAMES[name], chance)
        path = damage.write(tmp_path / name, data)
        for read in (read_class_names, read_characters):
            with watch.file(f"{number} {name}"):
                for found in read(path):
                    found.encode("utf-8")
        names_beside(tmp_path / "model.onnx")
    watch.check(most_seconds=10.0)
