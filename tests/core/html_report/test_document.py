"""What the report says, against the figures that it is made from."""

import base64
import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from array_model import two_input_net
from PIL import Image

from core.common.errors import InputError
from core.common.format_version import write_versioned
from core.common.paths import ASSETS
from core.common.text import LANGUAGES, say
from core.html_report.document import render
from core.html_report.finished_job import read_finished_job
from core.html_report.parts import teller
from core.html_report.worst_pictures import worst_pictures
from core.job.comparison import Agreement
from core.onnx_model.inspect import inspect
from core.onnx_model.source import TensorInfo
from core.queue.job_folder import JobFolder
from core.queue.state import JobState
from core.report.environment import this_environment
from core.report.recommendation import recommend
from core.report.schema import ArmEntry, JobTexts, SkippedFile, Texts, VariantEntry
from finished_jobs import answer, boxes, entry, finished, finished_folder, job_for
from report_examples import BOX_F1, MAP, MAP_OF_FILE, comparison, latency, layer, made, refused, report

KEPT = Agreement("box-f1", 0.97, 0.952, 0.983, samples=20, counted=100)
(EARLIER_JOB,) = (Path(__file__).parents[1] / "queue" / "earlier_version" / "jobs").iterdir()

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "](http://evil.example)",
    '"><script>alert(1)</script>',
    "' onload='alert(1)",
    "</style></title></svg><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt;&#x27;",
)
ALL_HOSTILE = " ".join(HOSTILE)


class Page(HTMLParser):
    """The words of a page, and its elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._is_style = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._is_style = tag == "style"

    def handle_endtag(self, tag):
        self._is_style = False

    def handle_data(self, data):
        if not self._is_style:
            self.pieces.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.pieces).split())


def page_of(job, language="en") -> Page:
    return Page(render(job, language))


def full_report(**changes):
    """A report with everything in it that can be in one."""
    wrong = ArmEntry("cortex-a76", "wrong", "", say("Other numbers there."), 8)
    other = VariantEntry(1, (Path("v.onnx"),), 111_000, comparison(KEPT, light="keeps"), (), Texts())
    layers = tuple(layer(f"conv_{index}", 60.0 - index) for index in range(30))
    static = made("onnx_quan_st", comparison(BOX_F1, truth=(MAP_OF_FILE,), layers=layers), Path("/private/a.onnx"))
    small = made(
        "onnx_fp16", comparison(KEPT, light="keeps", truth=(MAP_OF_FILE,), latency_ms=latency(0.35)), size=315_000
    )
    whole = report(
        small, replace(static, variants=(other,)), replace(made("ncnn", comparison()), arm=wrong), truth=(MAP,)
    )
    return replace(whole, environment=this_environment(4), **changes)


def test_the_answer_comes_first_and_its_sentences_are_the_recommendation_s(tmp_path):
    made_from = full_report()
    found = recommend(made_from)
    words = page_of(finished(tmp_path / "job", made_from)).words
    places = [words.index(str(text)) for text in (found.sentence, *(other.clause for other in found.others))]
    titles = ("What was asked", "The files at a glance", "Charts", "Layer by layer", "How it came about")
    places += [words.index(title, places[-1]) for title in titles]
    assert places == sorted(places)
    begin = "For a PC or a server take ONNX, 16 bit: 50% of the size, 1.4× as fast here (one core), 97% of the objects"
    assert str(found.sentence).startswith(begin)


def test_figures_are_those_of_the_report(tmp_path):
    words = page_of(finished(tmp_path / "job", full_report())).words
    for figure in (
        "630 kB",
        "315 kB 50% of the original",
        "97% 95.2% to 98.3%",
        "97.3% 91% to 100%",
        "37.8% -0.4 points (-1.2 to +0.3): may be chance",
        "0.35 ms 1.4× as fast p95 0.35 ms",
        "31.0 dB",
        "1:05 (minutes:seconds)",
        "onnx_quan_st#1",
        "111 kB",
        "Other numbers there.",
        "✕ wrong",
        "The aim: 95% of the original's answers stay.",
    ):
        assert figure in words, figure


def test_the_worst_layers_are_in_the_table_and_marked_in_the_chart(tmp_path):
    page = page_of(finished(tmp_path / "job", full_report()))
    marked = [attributes for _, attributes in page.elements if attributes.get("class") == "worst"]
    assert len(marked) == 5
    for index in range(25, 30):
        assert f"{index + 1} conv_{index} Conv 8 bit {60 - index}.0 dB" in page.words


def test_whole_paths_are_in_the_settings_only(tmp_path):
    words = page_of(finished(tmp_path / "job", full_report())).words
    start = words.index("How it came about")
    assert "/private" not in words[:start] and "/private/photos" in words[start:] and "photos" in words[:start]


def test_computer_and_versions_are_told_or_said_to_be_unknown(tmp_path):
    here = this_environment(4)
    words = page_of(finished(tmp_path / "known", full_report())).words
    assert f"onnxruntime {here.packages['onnxruntime']}" in words and f"Threads {here.threads}" in words
    assert "not recorded by the version" in page_of(finished(tmp_path / "unknown", report())).words


def test_nothing_is_loaded_from_anywhere_and_nothing_can_run(tmp_path):
    page = page_of(finished(tmp_path / "job", full_report()))
    assert not {tag for tag, _ in page.elements} & {"script", "a", "link", "iframe", "object", "embed", "base", "form"}
    policies = [attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_in_the_reader_s_language(language, tmp_path):
    page = page_of(finished(tmp_path / "job", full_report()), language)
    root = next(attributes for tag, attributes in page.elements if tag == "html")
    assert root["lang"] == {"en": "en", "zh": "zh-Hans"}[language]
    english = ("For a PC", "What was asked", "take a look", "may be chance", "Settings", "Upper bar", "of the original")
    assert all((sentence in page.words) == (language == "en") for sentence in english)


def test_the_template_has_no_words_of_its_own():
    """So the test that finds sentences without a translation, which reads Python, finds all of them."""
    text = (ASSETS / "report" / "report.html.j2").read_text(encoding="utf-8")
    without_code = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.DOTALL)
    assert set(re.sub(r"<[^>]*>", "", without_code)) <= set(" \n△✓–=≠")


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_strangers_stay_text(language, tmp_path):
    folder = tmp_path / "job"
    tensors = (TensorInfo(ALL_HOSTILE, (1, ALL_HOSTILE, 8, 8), ALL_HOSTILE),)
    layers = tuple(layer(f"{index} {name}") for index, name in enumerate(HOSTILE))
    note = say("A note on {name}", name=ALL_HOSTILE)
    file = made("onnx_fp16", comparison(BOX_F1, layers=layers), Path(f"/x/{HOSTILE[0]}.onnx"))
    file = replace(file, words=Texts(notes=(note,)))
    failed = replace(refused("ncnn"), status="failed", words=Texts(note, note))
    base = report(file, failed, class_names=HOSTILE, words=note, labels_words=note)
    source = replace(base.source, path=Path(f"/x/{ALL_HOSTILE}.onnx"), inputs=tensors, outputs=tensors)
    source = replace(source, operators=dict.fromkeys(HOSTILE, 2))
    images = replace(base.images, skipped=(SkippedFile(f"/x/{ALL_HOSTILE}", ALL_HOSTILE),))
    base = replace(base, source=source, images=images, words=JobTexts((note,)))
    job = job_for(base, inputs={ALL_HOSTILE: ALL_HOSTILE}, class_names=HOSTILE, images=Path("/x") / HOSTILE[1])
    made_folder = finished_folder(folder, base, job=job)
    picture = Image.new("RGB", (64, 48), "teal")
    gallery = [
        {**entry(folder, ALL_HOSTILE, boxes((1, 1, 30, 30), index=index), picture, onnx_fp16=answer(boxes(), 0.0))}
        | {"truth": ALL_HOSTILE}
        for index in range(len(HOSTILE))
    ]
    write_versioned(folder / "gallery.json", {"entries": gallery})
    page = page_of(read_finished_job(made_folder), language)
    assert not {tag for tag, _ in page.elements} & {"script", "a", "iframe", "b"}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:"), (tag, attributes)
    assert ALL_HOSTILE in page.words and "49" not in page.words.split("A note on", 1)[0].split(ALL_HOSTILE)[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", ["{{ 7*7 }}", "a\x1b[31m\x00b", "gpj.\u202eexe", "\udcff.onnx", "图片 ｎ" * 300])
def test_what_names_hold_is_shown_and_not_obeyed(language, text, tmp_path):
    base = report(made("onnx_fp16", comparison()), class_names=(text,))
    base = replace(base, source=replace(base.source, inputs=(TensorInfo(text, (1,), "float32"),)))
    html = render(finished(tmp_path / "job", base), language)
    assert not set("\x1b\x00\u202e") & set(html) and html.encode("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_job_that_made_nothing_says_why(language, tmp_path):
    reason, next_step = say("The model is 8 bit already."), say("Choose the folder in the list of jobs.")
    failed = replace(refused("onnx_fp16"), status="failed", words=Texts(reason, next_step))
    words = page_of(finished(tmp_path / "job", report(failed, refused("ncnn"))), language).words
    assert str(reason) in words and str(next_step) in words
    assert "✕" in words and "–" in words
    if language == "en":
        assert "No file was made" in words and "not possible" in words and "Charts" not in words


def test_a_job_without_pictures_or_task_has_no_sections_of_them(tmp_path):
    base = report(made("onnx_fp16", comparison(None, images=0)), name="tensors", budget=None, class_names=())
    base = replace(base, images=replace(base.images, test=0, calibration=0), environment=None)
    words = page_of(finished(tmp_path / "job", base)).words
    assert "The pictures that changed most" not in words and "Compared on random inputs instead of pictures." in words
    assert "Similarity of numbers" in words and "> 0.9999" in words


def test_a_model_of_arrays_has_no_preparation_of_pictures(tmp_path):
    path = two_input_net(tmp_path / "arrays.onnx")
    base = report(made("onnx_fp16", comparison(None)))
    job = job_for(base, model=inspect(path), source=path)
    words = page_of(finished(tmp_path / "job", base, job=job)).words
    assert "How pictures are prepared" not in words and "Compared on 8 test examples" in words
    assert "--size" not in words and "--mean" not in words


def test_a_job_of_version_0_1_opens(tmp_path):
    shutil.copytree(EARLIER_JOB, tmp_path / EARLIER_JOB.name)
    job = read_finished_job(JobFolder(tmp_path / EARLIER_JOB.name))
    for language in LANGUAGES:
        page = page_of(job, language)
        assert job.report.source.path.name in page.words
    data = json.loads((EARLIER_JOB / "report.json").read_text(encoding="utf-8"))
    converted = [outcome for outcome in data["outcomes"] if outcome["comparison"]]
    assert "is known to keep" in page_of(job).words and converted


def test_a_job_that_is_not_done_has_no_report(tmp_path):
    folder = finished_folder(tmp_path / "job", report())
    folder.write_state(JobState("running"))
    with pytest.raises(InputError, match="no results to report"):
        read_finished_job(folder)


def test_the_model_s_view_is_what_the_preprocessing_makes_of_the_first_picture(tmp_path):
    """Letterboxed in grey, with the colours in their own order although the model gets them the other way round."""
    folder = tmp_path / "job"
    base = report(made("onnx_fp16", comparison()))
    how = replace(
        base.preprocessing, size=(40, 40), fit="pad", color="bgr", mean=(10.0, 20.0, 30.0), std=(50.0, 60.0, 70.0)
    )
    made_folder = finished_folder(folder, replace(base, preprocessing=how))
    picture = Image.new("RGB", (80, 40), (200, 40, 90))
    gallery = [entry(folder, "a.jpg", boxes((1, 1, 30, 30)), picture, onnx_fp16=answer(boxes(), 0.0))]
    write_versioned(folder / "gallery.json", {"entries": gallery})
    page = page_of(read_finished_job(made_folder))
    before, after = (
        Image.open(io.BytesIO(base64.b64decode(attributes["src"].partition(",")[2])))
        for tag, attributes in page.elements
        if tag == "img"
    )
    assert before.size == (80, 40) and after.size == (40, 40)
    assert after.getpixel((20, 20)) == pytest.approx((200, 40, 90), abs=6)
    assert after.getpixel((20, 2)) == pytest.approx((114, 114, 114), abs=6)
    numbers = re.search(r"40 × 40 pixels, as numbers from ([\d.]+) to ([\d.]+)", page.words)
    assert [float(number) for number in numbers.groups()] == pytest.approx([20 / 60, 170 / 70], abs=0.06)


def test_the_pictures_that_changed_most_come_first_with_what_changed(tmp_path):
    folder = tmp_path / "job"
    base = report(made("onnx_fp16", comparison()), made("ncnn", comparison()))
    made_folder = finished_folder(folder, base)
    picture = Image.new("RGB", (64, 48), "teal")
    one, two = boxes((1, 1, 30, 30)), boxes((1, 1, 30, 30), (32, 20, 60, 40))
    gallery = [
        entry(folder, f"{name}.jpg", two, picture, onnx_fp16=answer(found, agreement), ncnn=answer(two, 1.0))
        for name, found, agreement in (("half", one, 0.6), ("none", boxes(), 0.0), ("same", two, 1.0))
    ]
    write_versioned(folder / "gallery.json", {"entries": gallery})
    shown = worst_pictures(read_finished_job(made_folder), teller("en"))
    by_name = {file.name: file for file in shown.pairs}
    pairs = by_name["ONNX, 16 bit"].pairs
    assert [(pair.file, pair.words) for pair in pairs] == [
        ("none.jpg", "2 lost"),
        ("half.jpg", "1 lost · 1 object the same"),
    ]
    assert pairs[0].left.svg.count('class="object lost"') == 2
    assert by_name["ONNX, 16 bit"].about == "2 of 8 pictures have other answers than the original's."
    assert by_name["ncnn, 32 bit"].about.startswith("Its answers to all pictures are the original's")


@pytest.mark.parametrize(
    ("truth", "shown"), [("1", "dog (1)"), ("dog", "dog"), ("7", "7"), ("²", "²"), ("0" * 9, "0" * 9)]
)
def test_the_right_answer_has_its_name(truth, shown, tmp_path):
    folder = tmp_path / "job"
    made_folder = finished_folder(folder, report(made("onnx_fp16", comparison()), name="classification"))
    source = {"kind": "classes", "label": "cat", "score": 0.9}
    one = entry(folder, "a.jpg", source, Image.new("RGB", (64, 48)), onnx_fp16=answer(source, 1.0))
    write_versioned(folder / "gallery.json", {"entries": [one | {"truth": truth}]})
    assert f"Right answer: {shown} " in page_of(read_finished_job(made_folder)).words


def test_letters_that_differ_are_marked(tmp_path):
    folder = tmp_path / "job"
    made_folder = finished_folder(folder, report(made("onnx_fp16", comparison()), name="text"))
    source, other = ({"kind": "text", "text": text, "score": 0.9} for text in ("00,C19", "00，C1 "))
    gallery = [entry(folder, "a.jpg", source, Image.new("RGB", (64, 16)), onnx_fp16=answer(other, 0.0))]
    write_versioned(folder / "gallery.json", {"entries": gallery})
    html = render(read_finished_job(made_folder), "en")
    assert "00<del>,</del><ins>，</ins>C1<del>9</del><ins>␣</ins> · 90.0%" in html


DAMAGED = (
    {"kind": "objects", "boxes": [[1]]},
    {"kind": "map", "png": "x"},
    {"kind": "image"},
    {"kind": "points", "points": 3},
)


@pytest.mark.parametrize("prediction", DAMAGED)
def test_damaged_predictions_leave_the_picture(prediction, tmp_path):
    folder = tmp_path / "job"
    made_folder = finished_folder(folder, report(made("onnx_fp16", comparison())))
    picture = Image.new("RGB", (64, 48), "teal")
    gallery = [
        entry(folder, "a.jpg", prediction, picture, onnx_fp16=answer(prediction, 0.0)),
        entry(folder, "gone.jpg", prediction, picture, onnx_fp16=answer(prediction, 0.5)) | {"picture": "../../x.jpg"},
    ]
    write_versioned(folder / "gallery.json", {"entries": gallery})
    page = page_of(read_finished_job(made_folder))
    assert "a.jpg" in page.words and "gone.jpg" not in page.words


@pytest.mark.parametrize("kind", ["objects", "map", "classes"])
def test_the_report_of_a_hundred_pictures_is_below_5_mb(kind, tmp_path):
    folder = tmp_path / "job"
    targets = ("onnx_fp16", "onnx_quan_dy", "onnx_quan_st", "ncnn", "ncnn_fp16", "ncnn_quan")
    made_folder = finished_folder(folder, report(*(made(target, comparison(light="keeps")) for target in targets)))
    stream = io.BytesIO()
    Image.effect_noise((256, 256), 90).save(stream, "PNG")
    noise = {"kind": "map", "png": base64.b64encode(stream.getvalue()).decode(), "region": [0, 0, 1, 1]}
    predictions = {
        "objects": boxes(*((x, y, x + 60, y + 40) for x in range(0, 900, 100) for y in range(0, 700, 70))),
        "map": noise,
        "classes": {"kind": "classes", "label": "rock", "score": 0.5},
    }
    gallery = []
    for file in sorted((ASSETS / "sample" / "images").glob("*.jpg"))[:100]:
        with Image.open(file) as image:
            large = image.convert("RGB").resize((1024, 768))
        answers = {target: answer(predictions[kind], 0.3) for target in targets}
        gallery.append(entry(folder, file.name, predictions[kind], large, **answers))
    write_versioned(folder / "gallery.json", {"entries": gallery})
    job = read_finished_job(made_folder)
    assert len(job.entries) == 100
    html = render(job, "en")
    assert len(html.encode()) < 5_000_000
    assert html.count("data:image/jpeg") >= 10
