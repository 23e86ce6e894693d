import zipfile
from pathlib import Path

import pytest
import streamlit as st
from page_reading import page_text

from pages.parts.widgets.served_files import DOWNLOADS


def links(app):
    return {link.proto.label: link.proto.url for link in app.get("link_button")}


def offered(url):
    """Name and files of what a link leads to."""
    return DOWNLOADS._offers[url.rpartition("/")[2]]


@pytest.mark.parametrize(
    ("language", "labels"),
    [("en", ("Download the report (HTML)", "Figures (CSV, JSON)")), ("zh", ("下载报告（HTML）", "数据（CSV、JSON）"))],
)
def test_the_report_is_made_when_it_is_asked_for(opened, store, done, language, labels, monkeypatch):
    monkeypatch.setitem(st.session_state, "language", language)  # by which the tester itself formats choices
    app = opened("results", language=language)
    assert not set(labels) & set(links(app))
    app.button(key="make-report").click().run()
    found = links(app)
    name, (file,) = offered(found[labels[0]])
    assert name == "net_1-report.html" and file.is_relative_to(store.folder(done))
    assert {"en": "The files at a glance", "zh": "各文件一览"}[language] in file.read_text(encoding="utf-8")
    name, files = offered(found[labels[1]])
    assert name == "net_1-report.zip"
    assert [path.suffix for path in files] == [".csv", ".json", ".json"] and all(map(Path.is_file, files))


def test_what_cannot_be_made_is_told(opened, store, done):
    app = opened("results")
    (store.folder(done) / "report").write_text("in the way")
    app.button(key="make-report").click().run()
    assert app.error and "Download the report" not in "".join(links(app))


def test_figures_come_in_one_archive(opened, done):
    from pages.parts.widgets.downloads import pack

    app = opened("results")
    app.button(key="make-report").click().run()
    packed = pack(offered(links(app)["Figures (CSV, JSON)"])[1])
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["net_1-report.csv", "net_1-report.json", "net_1-report.pictures.json"]
    packed.unlink()
    assert "Traceback" not in page_text(app)
