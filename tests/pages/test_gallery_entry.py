"""What is read of a list of pictures that somebody changed."""

import pytest

from pages.parts.results.gallery_entry import read_entries


@pytest.mark.parametrize("kind", [{}, [], {"a": 1}, 5, None])
def test_a_prediction_of_a_kind_that_is_no_name_is_left_out(kind):
    good = {"file": "a.png", "picture": "a.webp", "source": {"kind": "classes", "label": "1"}}
    entries = read_entries([{**good, "source": {"kind": kind}}, good], [])
    assert [entry.source["kind"] for entry in entries] == ["classes"]
