"""The files to choose from on the page of results."""

from __future__ import annotations

from dataclasses import replace

import pytest
from crash_points import content
from page_reading import page_text
from variant_jobs import TARGET, VARIANTS, finished_job

from core.common.serialization import to_data
from core.report.schema import read_report
from pages.parts.results.stored_pictures import StoredPictures


@pytest.fixture
def finished(store, tmp_path):
    return finished_job(store, tmp_path)


def change(store, job_id, **changes):
    """Change the variants of the report."""
    report = read_report(store.report(job_id))
    (outcome,) = report.outcomes
    variants = tuple(
        replace(one, **{key: value[number] for key, value in changes.items()})
        for number, one in enumerate(outcome.variants)
    )
    store.open(job_id).write_report(to_data(replace(report, outcomes=(replace(outcome, variants=variants),))))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_file_says_what_it_keeps_and_the_one_in_use_has_no_button(opened, finished, language):
    app = opened("results", language=language)
    text = page_text(app)
    assert {"en": "More files to choose from", "zh": "更多可选文件"}[language] in text
    assert text.count({"en": "keeps 97.3% (", "zh": "保留 97.3%\uff08"}[language]) == 2
    assert [button.key for button in app.button if button.key.startswith("variant-")] == [f"variant-{TARGET}-1"]


def test_the_one_that_is_taken_is_in_its_place_at_once(opened, finished, tmp_path):
    app = opened("results")
    app.button(key=f"variant-{TARGET}-1").click().run()
    assert content(tmp_path / "out") == VARIANTS[1]
    assert [button.key for button in app.button if button.key.startswith("variant-")] == [f"variant-{TARGET}-0"]
    assert "proposed at first" in page_text(app)
    app.button(key=f"variant-{TARGET}-0").click().run()
    assert content(tmp_path / "out") == VARIANTS[0]


def test_a_file_that_is_gone_is_a_sentence(opened, finished, store, tmp_path):
    for file in store.folder(finished).glob("variants/*-1/*"):
        file.unlink()
    app = opened("results")
    app.button(key=f"variant-{TARGET}-1").click().run()
    assert "This file is no longer in the job's folder." in page_text(app)
    assert content(tmp_path / "out") == VARIANTS[0]


def test_what_reaches_the_aim_is_told_where_the_file_does_not(opened, finished, store):
    first, second = (one.comparison for one in read_report(store.report(finished)).outcomes[0].variants)
    assert "The best of the files that were made keeps 97.3%." in page_text(opened("results"))
    keeping = replace(second, light="keeps", agreement=replace(second.agreement, value=0.995))
    change(store, finished, comparison=[first, keeping])
    assert "that file keeps 99.5%. You can take it further below." in page_text(opened("results"))


def test_the_pictures_are_those_of_the_file_in_use(opened, finished, store):
    from core.common.json_files import write_json

    def answer(text):
        return {"prediction": {"kind": "text", "text": text, "score": 0.5}, "agreement": 0.0, "changed": True}

    answers = {TARGET: answer("of the first"), f"{TARGET}#1": answer("of the second")}
    source = {"kind": "text", "text": "original", "score": 0.5}
    folder = store.folder(finished)
    (folder / "gallery").mkdir()
    entry = {"file": "a.png", "picture": "a.png", "source": source, "answers": answers}
    write_json(folder / "gallery.json", {"version": 1, "entries": [entry]})

    def said():
        (shown,) = StoredPictures.of(folder, read_report(store.report(finished))).read().entries
        return shown.answers[TARGET].prediction["text"]

    app = opened("results")
    before = app.get("bidi_component")[0].proto.json
    assert said() == "of the first"
    app.button(key=f"variant-{TARGET}-1").click().run()
    assert said() == "of the second"
    assert app.get("bidi_component")[0].proto.json != before  # the browser asks for other pictures
