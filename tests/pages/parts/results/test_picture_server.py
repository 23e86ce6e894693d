from __future__ import annotations

import io
import json

import pytest
from defusedxml.ElementTree import fromstring
from PIL import Image
from starlette.applications import Starlette

from core.common.json_files import write_json
from core.common.text import say
from pages.parts.results.picture_frame import file_title
from pages.parts.results.picture_server import PictureServer
from pages.parts.results.stored_pictures import StoredPictures
from web_client import Client

HOSTILE = '</text><script>alert(1)</script>&" onload="x'
OBJECTS = {"kind": "objects", "boxes": [[2, 2, 20, 20], [30, 2, 50, 20]], "scores": [0.9, 0.6], "classes": [0, 1]}
LESS = {"kind": "objects", "boxes": [[2, 2, 20, 20]], "scores": [0.8], "classes": [0]}
FILES = ("original", "onnx_fp16")
QUERY = "left=original&right=onnx_fp16&score=0.25"


def entry(source, answer, **more):
    answers = {"onnx_fp16": {"prediction": answer, "agreement": 0.5, "changed": True}}
    return {
        "file": "/a/photo.jpg",
        "picture": "00000.jpg",
        "size": [40, 60],
        "source": source,
        "answers": answers,
        **more,
    }


@pytest.fixture
def served(tmp_path):
    """Gives the address of a job's pictures, and asks for what is below it."""
    server = PictureServer("tools/")
    client = Client(Starlette(routes=server.routes()))

    def serve(*entries, class_names=("cat", "dog")):
        folder = tmp_path / "job"
        (folder / "gallery").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (600, 400), "red").save(folder / "gallery" / "00000.jpg")
        write_json(folder / "gallery.json", {"entries": list(entries)})
        stamp = (folder / "gallery.json").stat()
        stored = StoredPictures(
            folder, (("onnx_fp16", "onnx_fp16"),), tuple(class_names), (stamp.st_mtime_ns, stamp.st_size)
        )
        base = server.address(stored)
        return lambda path: client.get(f"{base}/{path}")

    return serve


def frame(ask, query=QUERY, index=0):
    return json.loads(ask(f"{index}/frame.json?{query}").content)


def test_addresses_begin_with_the_prefix_and_cannot_be_guessed(served):
    ask = served(entry(OBJECTS, LESS))
    assert ask("0/picture.jpg").status_code == 200
    assert ask("1/picture.jpg").status_code == 404 and ask("../x/0/picture.jpg").status_code == 404


def test_a_thumbnail_is_a_small_jpeg(served):
    answer = served(entry(OBJECTS, LESS))("0/thumbnail.jpg")
    with Image.open(io.BytesIO(answer.content)) as thumbnail:
        assert thumbnail.format == "JPEG" and max(thumbnail.size) <= 176
    assert answer.headers["cache-control"] == "no-store" and "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("picture", ["../gallery.json", "/etc/passwd", "none.jpg", "x" * 3000])
def test_no_other_file_is_ever_sent(served, picture):
    ask = served(entry(OBJECTS, LESS, picture=picture))
    assert ask("0/picture.jpg").status_code == ask("0/thumbnail.jpg").status_code == 404


def test_a_drawing_is_an_svg_in_which_names_are_text(served):
    ask = served(entry(OBJECTS, LESS), class_names=(HOSTILE, HOSTILE))
    answer = ask(f"0/drawing.svg?{QUERY}&side=left&width=800")
    svg = fromstring(answer.content)
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert not list(svg.iter("{http://www.w3.org/2000/svg}script"))
    assert any(element.text.startswith("− </text>") for element in svg.iter("{http://www.w3.org/2000/svg}text"))


def test_labels_are_smaller_in_a_drawing_that_is_shown_larger(served):
    ask = served(entry(OBJECTS, LESS))
    sizes = [
        float(
            next(
                fromstring(ask(f"0/drawing.svg?{QUERY}&width={width}").content).iter("{http://www.w3.org/2000/svg}text")
            ).get("font-size")
        )
        for width in (400, 1200)
    ]
    assert sizes[0] > 2 * sizes[1]


@pytest.mark.parametrize(
    "query", ["", "left=%00&right=../x&score=nan&class=x&class=-1", "score=1e99&class=" + "9" * 400 + "&width=inf"]
)
def test_questions_that_make_no_sense_are_answered_all_the_same(served, query):
    ask = served(entry(OBJECTS, LESS))
    assert frame(ask, query)["sides"][0]["title"] == "Original"
    assert ask(f"0/drawing.svg?{query}").status_code == 200


def test_a_frame_tells_both_sides_and_every_file(served):
    found = frame(served(entry(OBJECTS, LESS, truth="two")), f"{QUERY}&language=zh")
    assert found["name"] == "photo.jpg" and found["truth"] == "two" and found["size"] == [60, 40]
    assert found["words"] == [
        say(one, count=1).in_language("zh") for one in ("{count} lost", "{count} object the same")
    ]
    assert found["words"][0] != "1 lost"
    assert [side["title"] for side in found["sides"]] == [file_title(one).in_language("zh") for one in FILES]
    assert [line["file"] for line in found["files"]] == ["onnx_fp16"] and found["files"][0]["changed"]


def test_class_bars_mark_the_answer_that_differs(served):
    cat = {"kind": "classes", "label": "cat", "score": 0.7, "best": [["cat", 0.7], ["dog", 0.2]]}
    dog = {"kind": "classes", "label": "dog", "score": 0.6, "best": [["dog", 0.6], ["cat", 0.3]]}
    left, right = frame(served(entry(cat, dog)))["sides"]
    assert left["bars"] == [["cat", 0.7, True, True], ["dog", 0.2, False, False]]
    assert right["bars"][0] == ["dog", 0.6, True, True]


def test_of_earlier_versions_the_one_class_is_the_only_bar(served):
    cat = {"kind": "classes", "label": "cat", "score": 0.7}
    assert frame(served(entry(cat, cat)))["sides"][0]["bars"] == [["cat", 0.7, True, False]]


def test_texts_are_marked_where_they_differ(served):
    hotel, wrong = ({"kind": "text", "text": words, "score": 0.9} for words in ("HOTEL", "H0TELS"))
    left, right = frame(served(entry(hotel, wrong)))["sides"]
    assert left["text"] == [["H", None], ["O", "lost"], ["TEL", None]]
    assert right["text"] == [["H", None], ["0", "new"], ["TEL", None], ["S", "new"]]


def test_a_space_that_makes_the_difference_is_seen(served):
    plain, longer = ({"kind": "text", "text": words, "score": 0.9} for words in ("a b", "a b "))
    found = frame(served(entry(plain, longer)))
    assert found["sides"][1]["text"] == [["a b", None], ["␣", "new"]]
    assert found["files"][0]["words"] == "a b␣ · 90%"


def test_a_map_names_its_classes(served):
    import base64

    stream = io.BytesIO()
    Image.new("L", (4, 4), 1).save(stream, "PNG")
    area = {"kind": "map", "png": base64.b64encode(stream.getvalue()).decode()}
    (left, _) = frame(served(entry(area, area)))["sides"]
    assert left["legend"][0][0] == "dog" and left["drawing"].startswith("drawing.svg?left=original")


@pytest.mark.parametrize(
    "damaged",
    [{"kind": "classes", "best": 3, "score": "x"}, {"kind": "map", "png": "no"}, {"kind": "scores", "scores": [{}]}],
)
def test_a_damaged_prediction_is_no_error_of_the_server(served, damaged):
    assert frame(served(entry(damaged, damaged)))["sides"][0]["damaged"]
