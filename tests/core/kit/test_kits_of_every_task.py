"""The kits of a model of each task, run in environments of their own that hold only what their requirements say."""

import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from task_nets import NETS
from test_program_against_core import assert_same

from core.common.paths import ASSETS
from core.job.job import Job
from core.onnx_model.inspect import inspect

pytestmark = pytest.mark.timeout(600)  # environments are made, once a session


@pytest.fixture(scope="module", params=NETS, ids=NETS.keys())
def made(request, tmp_path_factory, kits_of):
    """A net, and its kits by target."""
    net, folder = NETS[request.param], tmp_path_factory.mktemp("kits")
    return net, kits_of(net.job(folder), folder)


def expected_of(kit):
    return json.loads((kit / "examples" / "expected.json").read_text(encoding="utf-8"))["examples"]


def test_the_program_gives_the_core_s_answers(made, environment, run_program):
    for kit in made[1].values():
        python = environment(kit / "python" / "requirements.txt")
        examples = expected_of(kit)
        assert len(examples) == 3
        answers = printed(run_program, python, kit, examples)
        for example, found in zip(examples, answers, strict=True):
            assert_same(example["answer"], found["answer"])
        checked = run_program(python, kit, "--check")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert checked.stdout.splitlines() == [
            *(f"{example['file']}: the expected answer" for example in examples),
            "All 3 answers are as expected.",
        ]


def printed(run_program, python, kit, examples):
    """The answers as JSON: of all files at once, or one by one where each has a box."""
    runs = [[example] for example in examples] if "box" in examples[0] else [examples]
    found = []
    for run in runs:
        box = ["--box", ",".join(map(str, run[0]["box"]))] if "box" in run[0] else []
        done = run_program(python, kit, *(kit / "examples" / example["file"] for example in run), "--json", *box)
        assert done.returncode == 0 and not done.stderr, done.stderr
        found += json.loads(done.stdout)
    return found


def test_answers_are_told_in_words_and_drawn(made, environment, run_program, tmp_path):
    for kit in made[1].values():
        python = environment(kit / "python" / "requirements.txt")
        files = [kit / "examples" / example["file"] for example in expected_of(kit)]
        has_arrays = files[0].suffix in (".npy", ".npz")
        done = run_program(python, kit, *files, *([] if has_arrays else ["--draw", tmp_path / kit.name]))
        assert done.returncode == 0 and all(f"{file}:" in done.stdout for file in files), done.stderr
        drawings = sorted((tmp_path / kit.name).glob("*.png"))
        assert len(drawings) == (0 if has_arrays else 3)
        for drawing in drawings:
            with Image.open(drawing) as image:
                assert min(image.size) > 0 and len(np.unique(np.asarray(image))) > 2


def test_a_wrong_answer_is_told_as_such(made, environment, run_program):
    """As of a model file that was exchanged, or a number in preprocessing.json that was changed."""
    kit = next(iter(made[1].values()))
    path = kit / "examples" / "expected.json"
    before = path.read_text(encoding="utf-8")
    data = json.loads(before)
    spoil(data["examples"][0]["answer"])
    path.write_text(json.dumps(data), encoding="utf-8")
    try:
        checked = run_program(environment(kit / "python" / "requirements.txt"), kit, "--check")
    finally:
        path.write_text(before, encoding="utf-8")
    assert checked.returncode == 1 and "NOT the expected answer" in checked.stdout, checked.stdout
    assert "2 of 3 answers are as expected." in checked.stdout


def spoil(answer):
    """Change an answer into another one of its kind."""
    match answer["kind"]:
        case "classes":
            answer["best"]["class"] += 1
        case "objects":
            answer["objects"].append({**answer["objects"][0], "class": 99, "score": 0.99})
        case "points":
            answer["points"] = [[x + 30 * (index % 3), y, 0.9] for index, (x, y, _) in enumerate(answer["points"])]
        case "map":
            answer["png"] = png(lambda pixels: (pixels + 1) % 4, answer["png"])
        case "text":
            answer["text"] += "x"
        case "vector":
            answer["vector"] = answer["vector"][::-1]
        case "image":
            answer["png"] = png(lambda pixels: 255 - pixels, answer["png"])
        case "scores":
            answer["scores"] = [1 - score for score in answer["scores"]]
        case "tensors":
            answer["outputs"][0]["first"] = [value + 1 for value in answer["outputs"][0]["first"]]


def png(change, encoded):
    import base64
    import io

    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    buffer = io.BytesIO()
    Image.fromarray(change(pixels).astype(np.uint8)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_kit_holds_what_it_needs_and_nothing_else(made):
    net, kits = made
    for target, kit in kits.items():
        settings = json.loads((kit / "preprocessing.json").read_text(encoding="utf-8"))
        requirements = (kit / "python" / "requirements.txt").read_text(encoding="utf-8")
        packages = {line.partition("==")[0] for line in requirements.splitlines()}
        is_ncnn = target.startswith("ncnn")
        runtimes = {"ncnn"} if is_ncnn else {"onnxruntime"}
        assert packages == {"numpy", "pillow", *runtimes, *(["onnxruntime"] if net.is_cut else [])}
        assert (kit / "post_processing.onnx").is_file() == (is_ncnn and net.is_cut)
        assert all((kit / name).is_file() for name in settings["model"]["files"])
        modules = {path.stem for path in (kit / "python").glob("*.py")}
        assert {name for name in modules if name.startswith("task_")} == {f"task_{settings['task']['module']}"}
        assert len([name for name in modules if name.startswith("head_")]) == ("head" in settings["task"])
        takes_pictures = settings["picture"]["takes_pictures"]
        assert (kit / "cpp").is_dir() == takes_pictures
        assert (kit / "android").is_dir() == (is_ncnn and takes_pictures and not net.is_cut)
        with zipfile.ZipFile(kit.with_name(f"{kit.name}.zip")) as archive:
            packed = {name for name in archive.namelist() if not name.endswith("/")}
        on_disk = {f"{kit.name}/{path.relative_to(kit).as_posix()}" for path in kit.rglob("*") if path.is_file()}
        assert packed == on_disk


def test_the_bundled_sample_in_all_formats(tmp_path, kits_of, environment, run_program):
    job = Job(
        source=ASSETS / "sample" / "sample.onnx",
        targets=("onnx_quan_st", "ncnn_quan"),
        preprocessing=inspect(ASSETS / "sample" / "sample.onnx").own_preprocessing,
        out=tmp_path / "out",
        images=ASSETS / "sample" / "images",
    )
    for kit in kits_of(job, tmp_path).values():
        checked = run_program(environment(kit / "python" / "requirements.txt"), kit, "--check")
        assert checked.returncode == 0 and "All 3 answers are as expected." in checked.stdout, checked.stderr
        shown = {example["answer"]["best"]["class"] for example in expected_of(kit)}
        assert len(shown) == 3
