import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.common.errors import OptionError
from core.common.serialization import from_data, to_data
from core.common.text import Text, say
from core.job.job import Job
from core.job.preflight_result import PreflightResult
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from small import conv_net


@dataclass(frozen=True)
class Inner:
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Outer:
    path: Path
    message: Text
    shares: tuple[float, ...] = ()
    inner: Inner | None = None
    by_name: dict[str, Path] = field(default_factory=dict)


OUTER = Outer(
    Path("a") / "b.onnx",
    say("{target}: {step}", target=say("ncnn, 8 bit"), step=3),
    (0.1, 2.0),
    Inner(frozenset({"c", "a", "b"})),
    {"x": Path("d")},
)


def through_json(value):
    return json.loads(json.dumps(to_data(value)))


def test_a_dataclass_survives_json_with_paths_sentences_sets_and_tuples():
    data = through_json(OUTER)
    assert data["inner"]["names"] == ["a", "b", "c"]  # sorted, so that equal data give equal files
    restored = from_data(Outer, data)
    assert restored == OUTER and str(restored.message) == str(OUTER.message)


def test_a_job_survives_json_with_its_inspected_model_and_preflight(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    result = PreflightResult("ncnn", "note", (say("starting"),), size_bytes=3, seconds=0.5, memory_bytes=1e9)
    job = Job(source.path, ("ncnn",), Preprocessing((8, 8)), tmp_path, model=source, preflight=(result,))
    restored = from_data(Job, through_json(job))
    assert restored == job and restored.inspected == source


def test_unknown_keys_are_ignored_and_missing_fields_take_their_defaults():
    data = {"path": "a", "message": say("starting").to_json(), "of_a_later_version": 1}
    assert from_data(Outer, data) == Outer(Path("a"), say("starting"))


@pytest.mark.parametrize(
    "damage",
    [
        {"path": None},
        {"message": "no template"},
        {"message": {"template": "{count} files", "values": {"other": 1}}},
        {"message": {"template": "{0}", "values": {"count": 1}}},
        {"message": {"values": {}}},
        {"shares": ["much"]},
        {"shares": 3},
        {"inner": 5},
        {"by_name": [1]},
    ],
    ids=str,
)
def test_damaged_data_are_a_value_error(damage):
    with pytest.raises(ValueError):
        from_data(Outer, {**through_json(OUTER), **damage})


@pytest.mark.parametrize("data", [None, [], "text", 3, {}, {"path": "a"}], ids=repr)
def test_something_else_is_a_value_error(data):
    with pytest.raises(ValueError):
        from_data(Outer, data)


def test_a_value_that_the_dataclass_refuses_is_its_own_readable_error():
    data = to_data(Preprocessing((8, 8)))
    with pytest.raises(OptionError):
        from_data(Preprocessing, {**data, "size": [0, 8]})


def test_half_a_character_is_no_text_that_can_be_shown():
    @dataclass(frozen=True)
    class Named:
        name: str

    assert from_data(Named, {"name": "a\ud800b"}) == Named("a?b")
    assert from_data(Named, {"name": "图"}) == Named("图")

    @dataclass(frozen=True)
    class Placed:
        path: Path

    if sys.platform != "win32":  # its names are any code units
        with pytest.raises(ValueError, match="surrogates"):
            from_data(Placed, {"path": "a\ud800b"})
    assert from_data(Placed, {"path": "a\udcffb"}) == Placed(Path("a\udcffb"))  # a name of any bytes
    assert from_data(Placed, {"path": "图"}) == Placed(Path("图"))
