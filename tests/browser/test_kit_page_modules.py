"""The modules of a kit's web page restate the core in JavaScript: in Chromium each is held against it."""

import base64
import io
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from head_cases import CASES, SIZE
from PIL import Image
from test_kits_of_every_task import spoil
from test_program_against_core import FITS, PICTURE, REASON, odd_pictures, settings_of
from web_server import serving

import preprocessing as kit_preprocessing
from core.decoding import read_picture
from core.inputs.object_crops import MAX_SIDE, PADDING
from core.kit.answers import WHOLE_PICTURE, CropPlace, answer_of
from core.kit.web import TEMPLATES
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

pytestmark = pytest.mark.browser

ARRAYS = {
    "float32": "Float32Array",
    "float64": "Float64Array",
    "uint8": "Uint8Array",
    "int64": "Float64Array",
    "int32": "Int32Array",
}
ANSWER = """async ({module, task, outputs, sample, labels, expected, wrong, isDrawn}) => {
  const decoded = {};
  for (const [name, {dims, dtype, array, data}] of Object.entries(outputs)) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    decoded[name] = {dims, dtype, data: new globalThis[array](bytes.buffer)};
  }
  const used = await import(`/web/${module}.js`);
  const answer = await used.answer(decoded, sample, task, labels);
  const details = used.details?.(decoded, task);
  const table = used.table(answer, details, [{name: "before", answer}]);
  const verdicts = [await used.compare(expected, answer), await used.compare(wrong, answer)];
  const shown = {answer, verdicts, cells: table.rows.map((row) => row.cells.length), columns: table.columns.length};
  if (!isDrawn) return shown;
  const canvas = document.createElement("canvas");
  const {Drawing} = await import("/web/drawing.js");
  const [height, width] = sample.placement.pictureSize;
  const picture = {width, height, channels: 3, data: new Uint8Array(3 * width * height)};
  await used.draw?.(new Drawing(canvas, picture), answer);
  return shown;
}"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory, browser):
    """A page with the kit's modules at hand."""
    kit = tmp_path_factory.mktemp("kit")
    shutil.copytree(TEMPLATES, kit / "web")
    (kit / "web" / "index.html").write_text("<!doctype html><title>modules</title>", encoding="utf-8")
    with serving(kit) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        yield page
        context.close()


def packed(tensor):
    """As the page has tensors: 64-bit integers as numbers."""
    stored = tensor.astype(np.float64) if tensor.dtype == np.int64 else tensor
    data = base64.b64encode(np.ascontiguousarray(stored).tobytes()).decode()
    name = tensor.dtype.name
    return {"dims": list(tensor.shape), "dtype": name, "array": ARRAYS[name], "data": data}


def sample_of(placement, crop=WHOLE_PICTURE):
    return {
        "placement": {
            "pictureSize": list(placement.picture_size),
            "inputSize": list(placement.input_size),
            "scale": list(placement.scale),
            "offset": list(placement.offset),
        },
        "origin": list(crop.origin),
        "shrunk": crop.scale,
    }


def check(page, module, task, outputs, *, size=SIZE, fit="pad", labels=(), crop=WHOLE_PICTURE, is_drawn=True):
    preprocessing = Preprocessing(size, fit=fit)
    expected = answer_of(task, outputs, preprocessing.placement(PICTURE), labels=labels, crop=crop)
    place = kit_preprocessing.place(PICTURE[::-1], settings_of(preprocessing))
    wrong = json.loads(json.dumps(expected))
    if wrong.get("objects") != []:
        spoil(wrong)
    if wrong.get("objects"):
        wrong["objects"][-1]["score"] = 2.0  # however high the threshold is
    found = page.evaluate(
        ANSWER,
        {
            "module": module,
            "task": {"name": task.name, **task.decoder},
            "outputs": {name: packed(tensor) for name, tensor in outputs.items()},
            "sample": sample_of(place, crop),
            "labels": list(labels),
            "expected": expected,
            "wrong": wrong,
            "isDrawn": is_drawn,
        },
    )
    assert_alike(json.loads(json.dumps(expected)), found["answer"])
    assert found["verdicts"][0]["isRight"], found["verdicts"]
    assert wrong == expected or not found["verdicts"][1]["isRight"]
    assert set(found["cells"]) <= {found["columns"]}
    return found["answer"]


def assert_alike(expected, found, at="answer"):
    """Equal data, but for the last digits of numbers, and single pixels at the rim of masks and greys."""
    if isinstance(expected, dict):
        assert list(expected) == list(found), at
        for key, value in expected.items():
            if key == "png":
                assert_same_pixels(value, found[key])
            elif key == "objects":
                assert_same_objects(value, found[key])
            elif key == "mask":
                assert_same_mask(value, found[key])
            else:
                assert_alike(value, found[key], f"{at}.{key}")
    elif isinstance(expected, list):
        assert len(expected) == len(found), at
        for index, value in enumerate(expected):
            assert_alike(value, found[index], f"{at}[{index}]")
    elif isinstance(expected, float) or (isinstance(expected, int) and not isinstance(expected, bool)):
        assert found == pytest.approx(expected, abs=0.02 if abs(expected) > 2 else 2e-5), at
    else:
        assert expected == found, at


def assert_same_objects(expected, found):
    """In the same order, but for those whose scores are the same up to the last digits."""
    expected, found = map(with_sides, (expected, found))
    assert len(expected) == len(found)
    for index, one in enumerate(expected):
        near = [other for other in found[max(0, index - 3) : index + 4] if other["class"] == one["class"]]
        near = [other for other in near if abs(other["score"] - one["score"]) < 2e-5]
        boxes = [np.abs(np.subtract(other["box"], one["box"])).max() for other in near]
        assert near, f"objects[{index}] {one}"
        assert_alike(one, near[int(np.argmin(boxes))], f"objects[{index}]")


def with_sides(objects):
    """Without those of less than a hundredth of a pixel, which rounding makes and unmakes."""
    return [one for one in objects if one["box"][2] > one["box"][0] and one["box"][3] > one["box"][1]]


def assert_same_pixels(expected, found):
    one, other = (np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))).astype(int) for text in (expected, found))
    assert one.shape == other.shape and np.array_equal(one, other)


def assert_same_mask(expected, found):
    def filled(mask):
        return np.repeat(np.arange(len(mask["counts"])) % 2 == 1, mask["counts"])

    assert expected["size"] == found["size"]
    assert (filled(expected) != filled(found)).sum() <= 2 + 1e-4 * filled(expected).size


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{type(case.head).__name__}, {case.name}")
def test_every_head_finds_the_core_s_objects(modules, case):
    for seed in range(2 if case.masks else 3):
        outputs = case.outputs(np.random.default_rng(seed))
        task_class = InstanceSegmentation if case.masks else (Detection, Pose)[seed % 2]
        score = (0.1, 0.5)[seed % 2]
        head = replace(case.head, nms_iou=(0.45, None, 0.7)[seed])
        task = task_class(head, class_names=("cat", "dog"), options=TaskOptions(score=score), reason=REASON)
        options = {"size": case.size, "fit": FITS[seed + 1], "labels": ("cat", "dog"), "is_drawn": seed == 1}
        found = check(modules, "task_objects", task, outputs, **options)
        if score == 0.1 and case.name != "masks and points":
            assert found["objects"]


def test_there_is_a_module_for_every_task_and_head_of_the_program():
    from core.kit.program import TEMPLATES as PYTHON

    for kind in ("task", "head"):
        program = {path.stem for path in PYTHON.glob(f"{kind}_*.py")}
        assert {path.stem for path in TEMPLATES.glob(f"{kind}_*.js")} == program


def test_classes(modules):
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (1, 12)).astype(np.float32)
    shares = (np.exp(logits) / np.exp(logits).sum()).astype(np.float32)
    names = tuple("abcdefghijkl")
    for outputs in ({"y": logits}, {"y": shares}, {"y": logits.reshape(1, 12, 1, 1)}):
        check(modules, "task_classification", Classification("y", names=names), outputs, labels=names)
    multi = Classification("y", multi_label=True, options=TaskOptions(score=0.3))
    check(modules, "task_classification", multi, {"y": (1 / (1 + np.exp(-logits))).astype(np.float32)})


@pytest.mark.parametrize("fit", FITS)
def test_points(modules, fit):
    random = np.random.default_rng(1)
    tasks = {
        SimCC("x", "y"): {"x": random.random((1, 17, 320)), "y": random.random((1, 17, 192))},
        Heatmaps("m"): {"m": random.random((1, 17, 24, 40)).astype(np.float32)},
        Heatmaps("m", channels_last=True): {"m": random.random((1, 24, 40, 17)).astype(np.float32)},
        Coordinates("c", dimensions=3, in_pixels=False): {"c": random.random((1, 51)).astype(np.float32)},
        Coordinates("c", dimensions=2, in_pixels=True): {"c": 90 * random.random((1, 17, 2)).astype(np.float32)},
    }
    for decoder, outputs in tasks.items():
        task = KeypointDetection(decoder, 17, reason=REASON)
        check(modules, "task_keypoints", task, outputs, fit=fit)
        check(modules, "task_keypoints", task, outputs, fit=fit, crop=CropPlace((-13.0, 40.0), 0.5))


@pytest.mark.parametrize("fit", FITS)
def test_maps(modules, fit):
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
        check(modules, "task_segmentation", task, {"y": values}, fit=fit, labels=("road", "tree"))


def test_texts(modules):
    random = np.random.default_rng(2)
    characters = ("", *"abcdefghij ")
    scores = np.repeat(random.normal(0, 2, (20, 12)), 2, axis=0).astype(np.float32)
    scores[::3, 0] += 4
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    for values in (scores[None], scores[:, None], shares[None], random.integers(0, 12, (1, 30))):
        for names in (characters, ()):
            task = TextRecognition("y", characters=names, reason=REASON)
            check(modules, "task_text", task, {"y": values}, labels=names)
    task = TextRecognition("y", blank=11, characters=characters, reason=REASON)
    check(modules, "task_text", task, {"y": scores[None]}, labels=characters)


def test_vectors_pictures_scores_and_plain_numbers(modules):
    random = np.random.default_rng(3)
    for shape in ((1, 128), (1, 128, 1, 1), (1, 7, 64)):
        outputs = {"y": random.normal(0, 1, shape).astype(np.float32)}
        check(modules, "task_embedding", Embedding("y", reason=REASON), outputs)
    for channels_last, shape in (
        (False, (1, 3, 40, 60)),
        (True, (1, 40, 60, 3)),
        (False, (1, 1, 700, 900)),
        (False, (1, 30, 50)),
    ):
        task = ImageToImage("y", channels_last=channels_last, reason=REASON)
        check(modules, "task_image_to_image", task, {"y": random.normal(0, 1, shape).astype(np.float32)})
    scores = {"a": random.random((1, 7)).astype(np.float32), "b": random.random((3, 2)).astype(np.float32)}
    check(modules, "task_scores", Scores(("a", "b"), options=TaskOptions(score=0.4), reason=REASON), scores)
    outputs = {
        "a": random.normal(0, 1, (1, 90)).astype(np.float32),
        "b": random.integers(0, 9, (2, 2)),
        "c": np.zeros(0),
    }
    check(modules, "task_tensors", Tensors(), outputs)


TENSOR = """async ({picture, how}) => {
  const {toTensor, place} = await import("/web/preprocessing.js");
  const data = Uint8Array.from(atob(picture.data), (letter) => letter.charCodeAt(0));
  const tensor = toTensor({...picture, channels: 3, data}, how);
  let text = "";
  for (const byte of new Uint8Array(tensor.buffer)) text += String.fromCharCode(byte);
  return {tensor: btoa(text), place: place([picture.width, picture.height], how)};
}"""


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
def test_pictures_become_the_core_s_tensors_to_the_bit(modules, fit, color):
    random = np.random.default_rng(0)
    channels = 1 if color == "gray" else 3
    mean, std = (tuple(random.uniform(low, 130, channels)) for low in (0, 20))
    for layout, size, shape in (
        ("nchw", (96, 160), (211, 333, 3)),
        ("nhwc", (64, 64), (20, 400, 3)),
        ("nchw", (33, 57), (5, 3, 3)),
        ("nhwc", (64, 48), (64, 48, 3)),
    ):
        preprocessing = Preprocessing(size, fit=fit, color=color, layout=layout, mean=mean, std=std)
        pixels = random.integers(0, 256, shape, dtype=np.uint8)
        found = modules.evaluate(TENSOR, {"picture": picture_data(pixels), "how": settings_of(preprocessing)})
        tensor = np.frombuffer(base64.b64decode(found["tensor"]), np.float32)
        assert np.array_equal(tensor, preprocessing.tensor(Image.fromarray(pixels)).ravel())
        placement = preprocessing.placement(shape[:2])
        assert found["place"]["scale"] == list(placement.scale)
        assert found["place"]["offset"] == list(placement.offset)


def picture_data(pixels):
    return {
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "data": base64.b64encode(pixels.tobytes()).decode(),
    }


CUT = """async ({picture, box, size, padding, longest}) => {
  const {cutOut} = await import("/web/preprocessing.js");
  const data = Uint8Array.from(atob(picture.data), (letter) => letter.charCodeAt(0));
  const {part, origin, scale} = cutOut({...picture, channels: 3, data}, box, size, padding, longest);
  let text = "";
  for (const byte of part.data) text += String.fromCharCode(byte);
  return {data: btoa(text), width: part.width, height: part.height, origin, scale};
}"""


def test_boxes_are_cut_out_as_the_program_does(modules):
    pixels = np.random.default_rng(2).integers(0, 256, (300, 2900, 3), dtype=np.uint8)
    for box in ((10.5, 20.25, 80, 200), (0, 0, 2900, 300), (2800, 250, 2990, 310)):
        arguments = {"box": box, "size": (256, 192), "padding": PADDING, "longest": MAX_SIDE}
        found = modules.evaluate(CUT, {"picture": picture_data(pixels), **arguments})
        part, origin, scale = kit_preprocessing.cut_out(Image.fromarray(pixels), box, (256, 192), PADDING, MAX_SIDE)
        assert (found["width"], found["height"]) == part.size
        assert base64.b64decode(found["data"]) == part.tobytes()
        assert (tuple(found["origin"]), found["scale"]) == (origin, scale)


READ = """async ({data, type}) => {
  const {readPicture} = await import("/web/preprocessing.js");
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const picture = await readPicture(new Blob([bytes], {type}));
  let text = "";
  for (const byte of picture.data) text += String.fromCharCode(byte);
  return {...picture, data: btoa(text)};
}"""


def test_files_are_decoded_as_the_core_decodes_them(modules, tmp_path):
    """To within rounding: browsers blend transparent pixels and convert 16 bit in arithmetic of their own."""
    left_out = {".tiff"}  # browsers do not read these
    for path in odd_pictures(tmp_path):
        if path.suffix in left_out or path.stem == "print":  # nor agree on the colours of ink
            continue
        found = modules.evaluate(READ, {"data": base64.b64encode(path.read_bytes()).decode(), "type": ""})
        pixels = np.frombuffer(base64.b64decode(found["data"]), np.uint8).reshape(found["height"], found["width"], 3)
        expected = np.asarray(read_picture(path).convert("RGB"))
        assert pixels.shape == expected.shape, path.name
        assert np.abs(pixels.astype(int) - expected).max() <= 2, path.name


def test_a_colour_profile_changes_no_pixel(modules, tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    # A profile by which red and blue change places, if it is obeyed.
    swapped = swapped_profile()
    for each in (profile, swapped):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", icc_profile=each)
        found = modules.evaluate(READ, {"data": base64.b64encode(buffer.getvalue()).decode(), "type": "image/png"})
        assert base64.b64decode(found["data"]) == pixels.tobytes()


def swapped_profile():
    """The sRGB profile with its red and blue primaries exchanged."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"xxxx", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"xxxx", b"bXYZ", 1)


PNGS = """async ({texts, tensors}) => {
  const {decodePng, encodePng} = await import("/web/png.js");
  const made = [];
  for (const text of texts) {
    const {width, height, channels, data} = await decodePng(text);
    const again = await encodePng({width, height, channels, data});
    made.push({width, height, channels, data: Array.from(data), again});
  }
  return made;
}"""


def test_png_files_are_read_and_written(modules):
    random = np.random.default_rng(4)
    smooth = np.cumsum(random.integers(0, 3, (31, 17, 3)), axis=1).astype(np.uint8)
    pictures = [
        Image.fromarray(smooth),
        Image.fromarray(smooth[..., 0]),
        Image.fromarray(random.integers(0, 2, (9, 13), dtype=np.uint8) * 255).convert("1"),
        Image.fromarray(random.integers(0, 60000, (5, 6)).astype(np.uint16)),
    ]
    texts = []
    for picture in pictures:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        texts.append(base64.b64encode(buffer.getvalue()).decode())
    for picture, found in zip(pictures, modules.evaluate(PNGS, {"texts": texts, "tensors": []}), strict=True):
        values = np.asarray(picture).astype(int)
        assert (found["width"], found["height"]) == picture.size
        assert found["data"] == values.ravel().tolist()
        again = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["again"])))).astype(int)
        assert np.array_equal(again, values)


HALVES = """async (bits) => {
  const {fromHalf, toHalf} = await import("/web/model.js");
  return {values: bits.map((one) => String(fromHalf(one))), again: bits.map((one) => toHalf(fromHalf(one)))};
}"""


def test_every_16_bit_float_is_read_and_written(modules):
    bits = np.arange(0, 65536, 7, dtype=np.uint16)
    found = modules.evaluate(HALVES, bits.tolist())
    values = bits.view(np.float16).astype(np.float64)
    finite = np.isfinite(values)
    assert np.array_equal(np.array(list(map(float, np.array(found["values"])[finite]))), values[finite])
    assert np.array_equal(np.array(found["again"])[finite], bits[finite])


def test_the_page_says_everything_in_chinese_too():
    """Each sentence that a module says, and no other."""
    words = (TEMPLATES / "words.js").read_text(encoding="utf-8")
    keys = {json.loads(key) for key in re.findall(r'^  ("(?:[^"\\]|\\.)*"): "', words, re.MULTILINE)}
    keys |= set(re.findall(r"^  '([^']*)': \"", words, re.MULTILINE))
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.js") if path.stem != "words")
    said = set(re.findall(r"data-text=\"([^\"]+)\"", (TEMPLATES / "index.html").read_text(encoding="utf-8")))
    quoted = r"\"((?:[^\"\\\n]|\\.)*)\"|'([^'\n]*)'"
    for call in (r"\bt\(", r"UserError\(", r"different\(", r"sentence: (?:[^\"'\n,}]*\? )?", r'" : ', r"\? "):
        for found in re.finditer(call + f"(?:{quoted})", text):
            said.add(found[1] or found[2] or "")
    said = {sentence for sentence in said if re.search(r"[A-Za-z]", sentence) and sentence not in ("text", "")}
    assert keys - said == set() and {one for one in said if one not in keys and " " in one} == set()
