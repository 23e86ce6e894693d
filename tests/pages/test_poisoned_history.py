"""Job folders with any content, by a fault or by somebody's hand: every page stays usable, and the job can be deleted.

A small number of them in the everyday run; ``EDGEPRESS_POISONED=1000`` tries any number.
"""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

COUNT = int(os.environ.get("EDGEPRESS_POISONED", "24"))
FILES = ("job.json", "state.json", "report.json", "gallery.json")
POISON: Sequence[Any] = (
    None,
    True,
    -1,
    0,
    3,
    0.5,
    1e308,
    float("nan"),
    float("-inf"),
    10**400,
    "",
    "x",
    "x" * 100_000,
    "\ud800",
    "../../../etc/passwd",
    "<img src=x onerror=alert(1)>",
    "{name} {0} {",
    [],
    {},
    [[]],
    {"a": {}},
    ["onnx_fp99"],
    {"template": "{x.__class__}", "values": {"x": 1}},
)
WHOLE = (b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"version": 99}', b"1" * 10_000, b"\0" * 4096)


def places(data: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to every value, that of the whole included."""
    yield above
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*above, key))


def poisoned(data: Any, choose: random.Random) -> Any:
    """A copy in which one to three values are others, or gone."""
    data = copy.deepcopy(data)
    for _ in range(choose.choice((1, 1, 2, 3))):
        *above, last = choose.choice([place for place in places(data) if place] or [(None,)])
        if last is None:
            return choose.choice(POISON)
        inside = data
        for key in above:
            inside = inside[key]
        if choose.random() < 0.1:
            del inside[last]
        else:
            inside[last] = choose.choice(POISON)
    return data


def test_pages_stay_usable_whatever_a_job_folder_holds(opened, store, done, tmp_path):
    folder, whole = store.folder(done), tmp_path / "whole"
    shutil.copytree(folder, whole)
    choose = random.Random(COUNT)
    for number in range(COUNT):
        name = choose.choice(FILES)
        if number % 5 == 0:
            content = choose.choice(WHOLE)
        else:
            content = json.dumps(poisoned(json.loads((whole / name).read_text()), choose)).encode()
        (folder / name).write_bytes(content)
        page, query = choose.choice((("results", {"job": done}), ("convert", {"job": done}), ("graph", {"job": done})))
        try:
            opened(page, **query)
            app = opened("jobs")
        except Exception as exc:
            raise AssertionError(f"{number} {page}: {name} {content[:3000]!r}") from exc
        assert [button for button in app.button if button.key == f"delete-{done}" or button.key == f"cancel-{done}"]
        shutil.copy(whole / name, folder / name)
    assert not opened("results", job=done).exception


@pytest.mark.parametrize("name", FILES)
def test_a_job_of_a_newer_version_is_told_and_can_be_deleted(opened, store, done, name):
    path = store.folder(done) / name
    data = json.loads(path.read_text())
    assert data["version"] == 1
    path.write_text(json.dumps({**data, "version": 99}))
    app = opened("jobs")
    app.button(key=f"delete-{done}").click().run()
    assert not store.ids()
