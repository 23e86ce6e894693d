"""The parts of the C++ program against those of the Python program: on random tensors, and on pictures.

Compiled here, without a runtime; run on demand with ``-m kit``.
"""

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from head_cases import CASES, SIZE
from PIL import Image
from test_program_against_core import FITS, PICTURE, REASON, assert_same, odd_pictures, settings_of

import masks
import preprocessing as kit_preprocessing
import task_classification
import task_embedding
import task_image_to_image
import task_keypoints
import task_objects
import task_scores
import task_segmentation
import task_tensors
import task_text
from core.common.paths import PROJECT_ROOT
from core.kit.cpp_program import TEMPLATES
from core.preprocessing import Preprocessing
from core.tasks.base import TaskOptions
from core.tasks.classification import Classification
from core.tasks.detection import Detection
from core.tasks.embedding import Embedding
from core.tasks.image_to_image import ImageToImage
from core.tasks.instance_segmentation import InstanceSegmentation
from core.tasks.keypoints import KeypointDetection
from core.tasks.point_decoders import Coordinates, Heatmaps, SimCC
from core.tasks.pose import Pose
from core.tasks.scores import Scores
from core.tasks.segmentation import Segmentation
from core.tasks.tensors import Tensors
from core.tasks.text import TextRecognition

pytestmark = [pytest.mark.kit, pytest.mark.timeout(900)]

DRIVER = PROJECT_ROOT / "tests" / "core" / "kit" / "cpp" / "decode.cpp"
MODULES = {
    "classification": task_classification,
    "embedding": task_embedding,
    "image_to_image": task_image_to_image,
    "keypoints": task_keypoints,
    "objects": task_objects,
    "scores": task_scores,
    "segmentation": task_segmentation,
    "tensors": task_tensors,
    "text": task_text,
}


def parts_of_all() -> str:
    """Each head and each task in a namespace of its own, since a kit has one of each under the same names."""
    heads = sorted(path.stem.removeprefix("head_") for path in TEMPLATES.glob("head_*.h"))
    tasks = sorted(path.stem.removeprefix("task_") for path in TEMPLATES.glob("task_*.h"))
    named = ", ".join(f'{{"{name}", of_{name}::head::decode}}' for name in heads)
    all_tasks = ", ".join(
        f'{{"{t}", {{as_{t}::task::answer, as_{t}::task::compare, as_{t}::task::words}}}}' for t in tasks
    )
    return "\n".join(
        [
            *(f'namespace of_{name} {{\n#include "head_{name}.h"\n}}' for name in heads),
            "using Decode = Found (*)(const Tensors&, Size, float, const Json&);",
            "static Decode chosen_head = nullptr;",
            "namespace head { inline Found decode(const Tensors& outputs, Size size, float least, const Json& head) {",
            "return chosen_head(outputs, size, least, head); } }",
            f"static const std::map<std::string, Decode> kHeads = {{{named}}};",
            *(f'namespace as_{name} {{\n#include "task_{name}.h"\n}}' for name in tasks),
            "struct Parts {",
            "Json (*answer)(const Tensors&, const Sample&, const Json&, const Labels&);",
            "Verdict (*compare)(const Json&, const Json&);",
            "std::vector<std::string> (*words)(const Json&);",
            "};",
            f"static const std::map<std::string, Parts> kTasks = {{{all_tasks}}};",
            "",
        ]
    )


@pytest.fixture(scope="session")
def decode(tmp_path_factory):
    """Runs the driver."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler here")
    folder = tmp_path_factory.mktemp("decode")
    (folder / "parts.inc").write_text(parts_of_all(), encoding="utf-8")
    made = subprocess.run(
        [
            *(compiler, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{TEMPLATES}"),
            *(str(DRIVER), "-c", "-o", str(folder / "decode.o")),
        ],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    sources = [str(folder / "decode.o"), str(TEMPLATES / "third_party" / "stb.cpp")]
    subprocess.run([compiler, "-std=c++17", "-O1", *sources, "-o", str(folder / "decode")], check=True)

    def run(*arguments: object) -> bytes:
        done = subprocess.run([str(folder / "decode"), *map(str, arguments)], capture_output=True, timeout=200)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def case_of(task, outputs, *, size=SIZE, fit="pad", labels=(), origin=(0.0, 0.0), shrunk=1.0):
    """The settings, outputs and sample for the C++ program, and the Python program's answer."""
    settings = json.loads(json.dumps({"name": task.name, "module": MODULE_OF[type(task)], **task.decoder}))
    place = kit_preprocessing.place(PICTURE[::-1], settings_of(Preprocessing(size, fit=fit)))
    sample = kit_preprocessing.Sample({}, place, None, origin, shrunk)
    found = MODULES[settings["module"]].answer(outputs, sample, settings, labels)
    written = [
        {"name": name, "dtype": values.dtype.name, "shape": list(values.shape), "values": values.ravel().tolist()}
        for name, values in outputs.items()
    ]
    data = {"task": settings, "labels": list(labels), "outputs": written, "origin": origin, "shrunk": shrunk}
    where = {"picture_size": place.picture_size, "input_size": place.input_size}
    return {**data, **where, "scale": place.scale, "offset": place.offset}, json.loads(json.dumps(found))


MODULE_OF = {
    Classification: "classification",
    Detection: "objects",
    Embedding: "embedding",
    ImageToImage: "image_to_image",
    InstanceSegmentation: "objects",
    KeypointDetection: "keypoints",
    Pose: "objects",
    Scores: "scores",
    Segmentation: "segmentation",
    Tensors: "tensors",
    TextRecognition: "text",
}


def check_all(decode, folder, cases):
    """Answers are the same, each is the expected one of the other, and both are told in the same words."""
    data, expected = zip(*cases, strict=True)
    (folder / "cases.json").write_text(json.dumps(data), encoding="utf-8")
    found = json.loads(decode("answer", folder / "cases.json"))
    assert len(found) == len(expected)
    for case, one, other in zip(data, expected, found, strict=True):
        assert_same_but_pictures(one, other, case["task"]["module"])
        assert MODULES[case["task"]["module"]].compare(one, other).words == "the expected answer"
    pairs = [
        {"module": case["task"]["module"], "expected": one, "found": other}
        for case, one, other in zip(data, expected, found, strict=True)
    ]
    (folder / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")
    for pair, verdict in zip(pairs, json.loads(decode("compare", folder / "pairs.json")), strict=True):
        assert verdict["is_right"] and verdict["words"] == "the expected answer"
        assert verdict["answer"] == MODULES[pair["module"]].words(pair["found"])


def assert_same_but_pictures(expected, found, module):
    """PNGs are packed in another way, and hold the same."""
    if "png" in expected:
        pixels = [np.asarray(kit_png(one["png"])).astype(int) for one in (expected, found)]
        assert pixels[0].shape == pixels[1].shape and np.abs(pixels[0] - pixels[1]).max() <= (
            module == "image_to_image"
        )
        expected, found = ({**one, "png": ""} for one in (expected, found))
    if expected["kind"] == "objects":
        assert len(expected["objects"]) == len(found["objects"])
        for one, other in zip(expected["objects"], found["objects"], strict=True):
            if "mask" in one:  # of noise: where a probability is a half, the order of a sum decides
                assert list(one) == list(other)
                assert (masks.decode(one["mask"]) != masks.decode(other["mask"])).mean() < 1e-3
                other["mask"] = one["mask"]
    assert_same(expected, found)


def kit_png(text):
    return task_image_to_image.decode(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{type(case.head).__name__}, {case.name}")
def test_every_head_finds_the_same_objects(case, decode, tmp_path):
    cases = []
    for seed in range(3):
        outputs = case.outputs(np.random.default_rng(seed))
        task_class = InstanceSegmentation if case.masks else (Detection, Pose)[seed % 2]
        for score in (0.1, 0.5):
            head = replace(case.head, nms_iou=(0.45, None, 0.7)[seed])
            task = task_class(head, class_names=("cat", "dog"), options=TaskOptions(score=score), reason=REASON)
            fit = FITS[(seed + int(10 * score)) % len(FITS)]
            cases.append(case_of(task, outputs, size=case.size, fit=fit, labels=("cat", "dog")))
    check_all(decode, tmp_path, cases)


@pytest.mark.parametrize("seed", range(3))
def test_every_task_gives_the_same_answers(seed, decode, tmp_path):
    check_all(
        decode,
        tmp_path,
        [case_of(task, outputs, fit=FITS[seed], labels=labels) for task, outputs, labels in tasks(seed)],
    )


def tasks(seed):
    random = np.random.default_rng(seed)
    names = tuple("abcdefghijkl")
    logits = random.normal(0, 3, (1, 12)).astype(np.float32)
    shares = (np.exp(logits) / np.exp(logits).sum()).astype(np.float32)
    yield Classification("y", names=names), {"y": logits}, names
    yield Classification("y", names=names), {"y": shares.reshape(1, 12, 1, 1)}, names[:5]
    multi = Classification("y", multi_label=True, options=TaskOptions(score=0.3))
    yield multi, {"y": (1 / (1 + np.exp(-logits))).astype(np.float32)}, names
    steps = np.repeat(random.normal(0, 2, (20, 12)), 2, axis=0).astype(np.float32)
    likely = (np.exp(steps) / np.exp(steps).sum(axis=1, keepdims=True)).astype(np.float32)
    characters = ("", *"abcdefghi 我")
    for values in (steps[None], steps[:, None], likely[None], random.integers(0, 12, (1, 30))):
        yield TextRecognition("y", characters=characters, reason=REASON), {"y": values}, characters
        yield TextRecognition("y", blank=11, reason=REASON), {"y": values}, ()
    points = {
        SimCC("x", "y"): {
            "x": random.random((1, 17, 320)).astype(np.float32),
            "y": random.random((1, 17, 192)).astype(np.float32),
        },
        Heatmaps("m"): {"m": random.random((1, 17, 24, 40)).astype(np.float32)},
        Heatmaps("m", channels_last=True): {"m": random.random((1, 24, 40, 17)).astype(np.float32)},
        Coordinates("c", dimensions=3, in_pixels=False): {"c": random.random((1, 51)).astype(np.float32)},
        Coordinates("c", dimensions=2, in_pixels=True): {"c": 90 * random.random((1, 17, 2)).astype(np.float32)},
    }
    for decoder, outputs in points.items():
        yield KeypointDetection(decoder, 17, reason=REASON), outputs, ()
    maps = (
        (Segmentation("y", reason=REASON), random.normal(0, 1, (1, 4, 48, 80)).astype(np.float32)),
        (Segmentation("y", channels_last=True, reason=REASON), random.normal(0, 1, (1, 48, 80, 4)).astype(np.float32)),
        (Segmentation("y", reason=REASON), random.integers(0, 300, (1, 48, 80))),
        (Segmentation("y", is_one_map=True, reason=REASON), random.random((1, 1, 48, 80)).astype(np.float32)),
    )
    for task, values in maps:
        yield task, {"y": values}, ("road", "tree")
    for shape in ((1, 128), (1, 128, 1, 1), (1, 7, 64)):
        yield Embedding("y", reason=REASON), {"y": random.normal(0, 1, shape).astype(np.float32)}, ()
    for channels_last, shape in ((False, (1, 3, 40, 60)), (True, (1, 40, 60, 3)), (False, (1, 30, 50))):
        yield (
            ImageToImage("y", channels_last=channels_last, reason=REASON),
            {"y": random.normal(0, 1, shape).astype(np.float32)},
            (),
        )
    both = {"a": random.random((1, 7)).astype(np.float32), "b": random.random((3, 2)).astype(np.float32)}
    yield Scores(("a", "b"), options=TaskOptions(score=0.4), reason=REASON), both, ()
    yield Tensors(), {"a": random.normal(0, 1, (1, 90)).astype(np.float32), "b": random.integers(0, 9, (2, 2))}, ()


def tensor_of(decode, folder, path, settings, box=None):
    case = {"settings": settings, **({} if box is None else {"box": box})}
    (folder / "case.json").write_text(json.dumps(case), encoding="utf-8")
    return np.frombuffer(decode("tensor", path, folder / "case.json"), np.float32)


def whole_settings(preprocessing, crop=None):
    how = settings_of(preprocessing, takes_pictures=True, input="x", batch=1)
    return {"picture": how, "object_crop": crop, "fixed_inputs": []}


@pytest.mark.parametrize("fit", FITS)
def test_pictures_become_the_same_tensors_to_the_bit(fit, decode, tmp_path):
    random = np.random.default_rng(0)
    for color, layout in (("rgb", "nchw"), ("bgr", "nhwc"), ("gray", "nchw")):
        channels = 1 if color == "gray" else 3
        mean, std = (tuple(random.uniform(low, 130, channels)) for low in (0, 20))
        for size, shape in (((96, 160), (211, 333, 3)), ((64, 64), (20, 400, 3)), ((33, 57), (5, 3, 3))):
            preprocessing = Preprocessing(size, fit=fit, color=color, layout=layout, mean=mean, std=std)
            path = tmp_path / "picture.png"
            Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(path)
            with Image.open(path) as picture:
                expected = preprocessing.tensor(picture).ravel()
            assert np.array_equal(tensor_of(decode, tmp_path, path, whole_settings(preprocessing)), expected)


def test_odd_pictures_are_seen_as_the_python_program_sees_them(decode, tmp_path):
    """JPEG decoders round differently; the other formats that stb_image reads are the same to the bit."""
    (tmp_path / "odd").mkdir()
    plain = Preprocessing((40, 60), fit="stretch", std=(1.0,) * 3)
    seen = 0
    for path in odd_pictures(tmp_path / "odd"):
        if path.suffix not in (".jpg", ".png") or path.stem == "print":
            continue
        picture = kit_preprocessing.read_picture(path)
        preprocessing = replace(plain, size=picture.size[::-1])
        found = tensor_of(decode, tmp_path, path, whole_settings(preprocessing))
        difference = np.abs(found - preprocessing.tensor(picture).ravel())
        # Noise is the worst that a JPEG can hold.
        assert difference.max() <= (12 if path.suffix == ".jpg" else 0) and difference.mean() < 0.8, path.name
        seen += 1
    assert seen == 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_exif_orientation_says(orientation, decode, tmp_path):
    ramp = np.add.outer(np.arange(40) * 4, np.arange(64)).astype(np.uint8)
    picture = Image.fromarray(np.stack([ramp, 255 - ramp, ramp // 2], axis=-1))
    exif = picture.getexif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    picture.save(path, exif=exif, quality=98)
    seen = kit_preprocessing.read_picture(path)
    preprocessing = Preprocessing(seen.size[::-1], fit="stretch", std=(1.0,) * 3)
    found = tensor_of(decode, tmp_path, path, whole_settings(preprocessing))
    assert np.abs(found - preprocessing.tensor(seen).ravel()).max() <= 4


def test_boxes_are_cut_out_alike(decode, tmp_path):
    random = np.random.default_rng(2)
    path = tmp_path / "picture.png"
    Image.fromarray(random.integers(0, 256, (300, 2900, 3), dtype=np.uint8)).save(path)
    preprocessing = Preprocessing((256, 192), fit="crop", std=(1.0,) * 3)
    settings = whole_settings(preprocessing, {"padding": 1.25, "longest": 640, "always": True})
    settings["inputs"] = []
    for box in ([10.5, 20.25, 80, 200], [0, 0, 2900, 300], [2800, 250, 2990, 310], None):
        sample = kit_preprocessing.load_sample(path, settings, None if box is None else tuple(box))
        assert np.array_equal(tensor_of(decode, tmp_path, path, settings, box), sample.feeds["x"].ravel())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
def test_damaged_pictures_are_refused(suffix, share, decode, tmp_path):
    path = tmp_path / f"damaged{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(AssertionError, match="cannot be read"):
        tensor_of(decode, tmp_path, path, whole_settings(Preprocessing((40, 60))))
