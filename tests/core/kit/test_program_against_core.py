"""The kit's program restates the core in plain numpy: here each part is held against it on random tensors."""

import json
from dataclasses import replace

import numpy as np
import pytest
from head_cases import CASES, SIZE
from PIL import Image

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
from core.common.text import say
from core.decoding import read_picture
from core.inputs.object_crops import MAX_SIDE, PADDING, CropRule, object_crops, region_of
from core.kit.answers import CropPlace, answer_of
from core.kit.program import TEMPLATES
from core.kit.settings import _MODULES
from core.preprocessing import CROP_SHARE, PAD_GREY, Preprocessing
from core.tasks.base import TASK_TITLES, TaskOptions
from core.tasks.classification import Classification
from core.tasks.detection import Detection
from core.tasks.embedding import Embedding
from core.tasks.heads.recognize_head import _RECOGNIZERS as HEAD_RECOGNIZERS
from core.tasks.image_to_image import ImageToImage
from core.tasks.instance_segmentation import InstanceSegmentation
from core.tasks.keypoints import KeypointDetection
from core.tasks.point_decoders import Coordinates, Heatmaps, SimCC
from core.tasks.pose import Pose
from core.tasks.predictions import ObjectTruth
from core.tasks.scores import Scores
from core.tasks.segmentation import Segmentation
from core.tasks.tensors import Tensors
from core.tasks.text import TextRecognition

REASON = say("It is one.")
PICTURE = (300, 410)
"""Height and width."""

FITS = ("stretch", "crop", "pad", "pad-corner")


def assert_same(expected, found, *, at="answer"):
    """Equal data, but for the last digits of numbers."""
    if isinstance(expected, dict):
        assert list(expected) == list(found), at
        for key, value in expected.items():
            assert_same(value, found[key], at=f"{at}.{key}")
    elif isinstance(expected, list):
        assert len(expected) == len(found), at
        for index, value in enumerate(expected):
            assert_same(value, found[index], at=f"{at}[{index}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=0.02 if abs(expected) > 2 else 2e-5), at
    else:
        assert expected == found, at


def settings_of(preprocessing, **changed):
    how = {
        "size": list(preprocessing.size),
        "fit": preprocessing.fit,
        "color": preprocessing.color,
        "layout": preprocessing.layout,
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
        "crop_share": CROP_SHARE,
        "pad_value": PAD_GREY,
    }
    return {**how, **changed}


def both_answers(module, task, outputs, *, size=SIZE, fit="pad", labels=()):
    """The core's and the program's, whose settings go through JSON as they do in a kit."""
    preprocessing = Preprocessing(size, fit=fit)
    placement = preprocessing.placement(PICTURE)
    sample = kit_preprocessing.Sample({}, kit_preprocessing.place(PICTURE[::-1], settings_of(preprocessing)))
    decoder = json.loads(json.dumps({"name": task.name, **task.decoder}))
    found = module.answer(outputs, sample, decoder, labels)
    return answer_of(task, outputs, placement, labels=labels), json.loads(json.dumps(found))


def check_both(module, task, outputs, **options):
    expected, found = both_answers(module, task, outputs, **options)
    assert_same(expected, found)
    assert module.compare(expected, found).is_right
    assert all(isinstance(line, str) for line in module.words(found))
    picture = Image.new("RGB", PICTURE[::-1])
    assert module.draw(picture, found).size[0] > 0
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{type(case.head).__name__}, {case.name}")
@pytest.mark.parametrize("seed", range(3))
def test_every_head_finds_the_core_s_objects(case, seed):
    outputs = case.outputs(np.random.default_rng(seed))
    task_class = InstanceSegmentation if case.masks else (Detection, Pose)[seed % 2]
    for score in (0.1, 0.5):
        head = replace(case.head, nms_iou=(0.45, None, 0.7)[seed])
        task = task_class(head, class_names=("cat", "dog"), options=TaskOptions(score=score), reason=REASON)
        fit = FITS[(seed + int(10 * score)) % len(FITS)]
        found = check_both(task_objects, task, outputs, size=case.size, fit=fit, labels=("cat", "dog"))
        if score == 0.1 and case.name != "masks and points":
            assert found["objects"]


def test_there_is_a_case_and_a_module_for_every_head_that_the_core_knows():
    modules = {recognize.__module__ for recognize in HEAD_RECOGNIZERS}
    assert modules == {type(case.head).__module__ for case in CASES}
    written = {path.stem.removeprefix("head_") for path in TEMPLATES.glob("head_*.py")}
    assert written == {module.rpartition(".")[2] for module in modules}


def test_there_is_a_module_for_every_task_that_the_core_knows():
    assert set(_MODULES) == set(TASK_TITLES)
    assert {path.stem.removeprefix("task_") for path in TEMPLATES.glob("task_*.py")} == set(_MODULES.values())


@pytest.mark.parametrize("seed", range(4))
def test_classes(seed):
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (1, 12)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum()
    names = tuple("abcdefghijkl")
    for outputs in ({"y": logits}, {"y": shares.astype(np.float32)}, {"y": logits.reshape(1, 12, 1, 1)}):
        check_both(task_classification, Classification("y", names=names), outputs, labels=names)
    multi = Classification("y", multi_label=True, options=TaskOptions(score=0.3))
    check_both(task_classification, multi, {"y": 1 / (1 + np.exp(-logits))})


@pytest.mark.parametrize("seed", range(4))
def test_points(seed):
    random = np.random.default_rng(seed)
    tasks = {
        SimCC("x", "y"): {"x": random.random((1, 17, 320)), "y": random.random((1, 17, 192))},
        Heatmaps("m"): {"m": random.random((1, 17, 24, 40)).astype(np.float32)},
        Heatmaps("m", channels_last=True): {"m": random.random((1, 24, 40, 17)).astype(np.float32)},
        Coordinates("c", dimensions=3, in_pixels=False): {"c": random.random((1, 51)).astype(np.float32)},
        Coordinates("c", dimensions=2, in_pixels=True): {"c": 90 * random.random((1, 17, 2)).astype(np.float32)},
    }
    for decoder, outputs in tasks.items():
        check_both(task_keypoints, KeypointDetection(decoder, 17, reason=REASON), outputs, fit=FITS[seed])


def test_points_of_a_crop_are_those_of_the_picture():
    task = KeypointDetection(Coordinates("c", dimensions=2, in_pixels=True), 4, reason=REASON)
    outputs = {"c": np.random.default_rng(0).uniform(0, 90, (1, 4, 2)).astype(np.float32)}
    preprocessing = Preprocessing(SIZE, fit="stretch")
    crop = CropPlace((-13.0, 40.0), 0.5)
    expected = answer_of(task, outputs, preprocessing.placement((200, 100)), labels=(), crop=crop)
    place = kit_preprocessing.place((100, 200), settings_of(preprocessing))
    sample = kit_preprocessing.Sample({}, place, None, crop.origin, crop.scale)
    assert_same(expected, task_keypoints.answer(outputs, sample, task.decoder, ()))


@pytest.mark.parametrize("fit", FITS)
def test_maps(fit):
    random = np.random.default_rng(5)
    tasks = (
        (Segmentation("y", reason=REASON), random.normal(0, 1, (1, 4, 48, 80))),
        (Segmentation("y", channels_last=True, reason=REASON), random.normal(0, 1, (1, 48, 80, 4))),
        (Segmentation("y", reason=REASON), random.integers(0, 300, (1, 48, 80))),
        (Segmentation("y", is_one_map=True, reason=REASON), random.random((1, 1, 48, 80))),
        (
            Segmentation("y", is_one_map=True, is_logit=True, options=TaskOptions(score=0.7), reason=REASON),
            random.normal(0, 3, (1, 48, 80)),
        ),
    )
    for task, values in tasks:
        check_both(task_segmentation, task, {"y": values}, fit=fit, labels=("road", "tree"))


@pytest.mark.parametrize("seed", range(4))
def test_texts(seed):
    random = np.random.default_rng(seed)
    characters = ("", *"abcdefghij ")
    scores = np.repeat(random.normal(0, 2, (20, 12)), 2, axis=0).astype(np.float32)
    scores[::3, 0] += 4
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    for values in (scores[None], scores[:, None], shares[None], random.integers(0, 12, (1, 30))):
        for names in (characters, ()):
            task = TextRecognition("y", characters=names, reason=REASON)
            check_both(task_text, task, {"y": values}, labels=names)
    check_both(
        task_text,
        TextRecognition("y", blank=11, characters=characters, reason=REASON),
        {"y": scores[None]},
        labels=characters,
    )


def test_vectors_pictures_scores_and_plain_numbers():
    random = np.random.default_rng(3)
    embedding = Embedding("y", reason=REASON)
    for shape in ((1, 128), (1, 128, 1, 1), (1, 7, 64)):
        check_both(task_embedding, embedding, {"y": random.normal(0, 1, shape).astype(np.float32)})
    for channels_last, shape in (
        (False, (1, 3, 40, 60)),
        (True, (1, 40, 60, 3)),
        (False, (1, 1, 700, 900)),
        (False, (1, 30, 50)),
    ):
        task = ImageToImage("y", channels_last=channels_last, reason=REASON)
        check_both(task_image_to_image, task, {"y": random.normal(0, 1, shape).astype(np.float32)})
    scores = {"a": random.random((1, 7)).astype(np.float32), "b": random.random((3, 2)).astype(np.float32)}
    check_both(task_scores, Scores(("a", "b"), options=TaskOptions(score=0.4), reason=REASON), scores)
    outputs = {
        "a": random.normal(0, 1, (1, 90)).astype(np.float32),
        "b": random.integers(0, 9, (2, 2)),
        "c": np.zeros(0),
    }
    check_both(task_tensors, Tensors(), outputs)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_pictures_become_the_core_s_tensors_to_the_bit(fit, color, layout):
    random = np.random.default_rng(0)
    channels = 1 if color == "gray" else 3
    mean, std = (tuple(random.uniform(low, 130, channels)) for low in (0, 20))
    for size, shape in (((96, 160), (211, 333, 3)), ((64, 64), (20, 400, 3)), ((33, 57), (5, 3, 3))):
        preprocessing = Preprocessing(size, fit=fit, color=color, layout=layout, mean=mean, std=std)
        picture = Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))
        how = json.loads(json.dumps(settings_of(preprocessing)))
        assert np.array_equal(kit_preprocessing.to_tensor(picture, how), preprocessing.tensor(picture))
        mine, other = kit_preprocessing.place(picture.size, how), preprocessing.placement(picture.size[::-1])
        assert (mine.scale, mine.offset, mine.picture_size) == (other.scale, other.offset, other.image_size)


def odd_pictures(folder):
    random = np.random.default_rng(1)
    values = random.integers(0, 256, (40, 60, 4), dtype=np.uint8)
    colours = Image.fromarray(values[..., :3])
    exif = colours.getexif()
    exif[0x0112] = 6
    colours.save(folder / "turned.jpg", exif=exif)
    Image.fromarray(values, "RGBA").save(folder / "transparent.png")
    colours.convert("L").save(folder / "grey.png")
    colours.convert("1").save(folder / "bits.png")
    colours.quantize(17).save(folder / "palette.gif")
    Image.merge("LA", Image.fromarray(values).split()[2:]).save(folder / "grey-transparent.png")
    Image.fromarray(values[..., 0].astype(np.uint16) * 200).save(folder / "sixteen.png")
    Image.fromarray(values[..., 0].astype(np.float32) / 255).save(folder / "float.tiff")
    colours.convert("CMYK").save(folder / "print.jpg")
    Image.fromarray(values[..., :3], "LAB").save(folder / "lab.tiff")
    colours.save(folder / "small.webp")
    return sorted(folder.iterdir())


def test_odd_pictures_are_seen_as_the_core_sees_them(tmp_path):
    for path in odd_pictures(tmp_path):
        expected, found = read_picture(path), kit_preprocessing.read_picture(path)
        assert expected.mode == found.mode and np.array_equal(np.asarray(expected), np.asarray(found)), path.name


def test_boxes_are_cut_out_as_the_core_cuts_out_objects():
    random = np.random.default_rng(2)
    picture = Image.fromarray(random.integers(0, 256, (300, 2900, 3), dtype=np.uint8))
    for box in ((10.5, 20.25, 80, 200), (0, 0, 2900, 300), (2800, 250, 2990, 310)):
        corners = np.array([box], np.float32)
        points = np.array([[[*box[:2], 2]]], np.float32)
        truth = ObjectTruth(corners, ("x",), np.zeros(1, bool), np.ones(1, np.float32), keypoints=points)
        ((expected, _),) = object_crops(picture, truth, size=(256, 192), rule=CropRule())
        part, origin, scale = kit_preprocessing.cut_out(
            picture, tuple(corners[0].tolist()), (256, 192), PADDING, MAX_SIDE
        )
        assert np.array_equal(np.asarray(expected), np.asarray(part))
        region, factor = region_of(corners[0], (256, 192))
        assert (origin, scale) == (region[:2], factor)
