from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette

from pages.parts.widgets.downloads import Downloads
from web_client import Client


@pytest.fixture
def downloads():
    return Downloads("tools/")


@pytest.fixture
def client(downloads):
    return Client(Starlette(routes=downloads.routes()))


@pytest.fixture
def files(tmp_path):
    made = [tmp_path / name for name in ("模型 1.param", "b.bin")]
    for path in made:
        path.write_bytes(path.name.encode() * 100)
    return made


def test_one_file_comes_as_it_is_and_as_an_attachment(downloads, client, files):
    answer = client.get(downloads.url(files[:1], files[0].name))
    assert answer.content == files[0].read_bytes()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_several_files_come_as_an_archive_that_is_thrown_away(downloads, client, files, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    answer = client.get(downloads.url(files, "all.zip"))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {f.name: f.read_bytes() for f in files}
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_address_stays_the_same_and_cannot_be_guessed(downloads, files):
    assert downloads.url(files, "all.zip") == downloads.url(files, "all.zip")
    assert downloads.url(files, "all.zip").startswith("/tools/download/")
    assert downloads.url(files, "all.zip") != Downloads("tools").url(files, "all.zip")


@pytest.mark.parametrize("key", ["0" * 32, "..%2f..%2fetc%2fpasswd", "x"])
def test_nothing_else_can_be_fetched(client, key):
    assert client.get(f"/tools/download/{key}").status_code == 404


def test_a_file_that_is_gone_is_not_found(downloads, client, files):
    url = downloads.url(files, "all.zip")
    Path(files[0]).unlink()
    assert client.get(url).status_code == 404
