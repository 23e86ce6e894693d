"""A kit's folder and zip appear whole or not at all."""

import os
import time
import zipfile
from pathlib import Path

import pytest

from core.common.errors import ConversionError, OptionError
from core.common.text import say
from core.kit.write import KitPaths, clean_up, write_kit


def filled(text="one"):
    def fill(folder):
        (folder / "preprocessing.json").write_text('{"format": 1, "task": {}}', encoding="utf-8")
        (folder / "examples").mkdir()
        (folder / "examples" / "a.txt").write_text(text, encoding="utf-8")

    return fill


@pytest.fixture
def paths(tmp_path):
    return KitPaths.of(tmp_path / "kits", "net_kit")


def text_in(paths):
    with zipfile.ZipFile(paths.archive) as archive:
        packed = archive.read("net_kit/examples/a.txt").decode()
    assert packed == (paths.folder / "examples" / "a.txt").read_text(encoding="utf-8")
    assert {path.name for path in paths.folder.parent.iterdir()} == {"net_kit", "net_kit.zip"}
    return packed


def test_the_folder_and_its_zip_hold_the_same(paths):
    write_kit(filled(), paths)
    assert text_in(paths) == "one"


def test_an_earlier_kit_is_replaced(paths):
    write_kit(filled(), paths)
    (paths.folder / "more.txt").touch()
    write_kit(filled("two"), paths)
    assert text_in(paths) == "two" and not (paths.folder / "more.txt").exists()


@pytest.mark.parametrize(
    "error", [OSError("disk full"), ConversionError(say("It broke."), next_step=say("Try again."))]
)
def test_where_filling_fails_nothing_is_left_and_an_earlier_kit_stays(paths, error):
    def fail(folder):
        filled()(folder)
        raise error

    with pytest.raises(ConversionError):
        write_kit(fail, paths)
    assert list(paths.folder.parent.iterdir()) == []
    write_kit(filled(), paths)
    with pytest.raises(ConversionError):
        write_kit(fail, paths)
    assert text_in(paths) == "one"


@pytest.mark.parametrize("failing", ["net_kit", "net_kit.zip"])
def test_where_the_last_step_fails_the_earlier_kit_is_back(paths, monkeypatch, failing):
    write_kit(filled(), paths)
    replace = Path.replace

    def refuse(self, target):
        if Path(target) == paths.folder.parent / failing and self.parent.name != "earlier":
            raise OSError("in use")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ConversionError, match="could not be written"):
        write_kit(filled("two"), paths)
    assert text_in(paths) == "one"


def test_what_belongs_to_something_else_stays(paths):
    paths.folder.mkdir(parents=True)
    (paths.folder / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OptionError, match="belongs to something else"):
        write_kit(filled(), paths)
    assert [path.name for path in paths.folder.parent.rglob("*")] == ["net_kit", "mine.txt"]


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_is_not_followed(paths, tmp_path):
    write_kit(filled(), KitPaths.of(tmp_path / "elsewhere", "kit"))
    paths.folder.parent.mkdir()
    paths.folder.symlink_to(tmp_path / "elsewhere" / "kit")
    with pytest.raises(OptionError):
        write_kit(filled("two"), paths)
    assert (tmp_path / "elsewhere" / "kit" / "examples" / "a.txt").read_text(encoding="utf-8") == "one"


def test_what_a_crash_left_is_removed_a_day_later(paths):
    old, new = (paths.folder.parent / f".{name}.kit.part" for name in ("0123", "4567"))
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    write_kit(filled(), paths)
    assert not old.exists() and new.exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OptionError, match="cannot be written"):
        write_kit(filled(), KitPaths.of(tmp_path / "file", "net_kit"))


def test_what_a_killed_process_left_is_removed_and_an_earlier_kit_is_back(paths):
    write_kit(filled(), paths)
    work = paths.folder.parent / ".0a1b2c3d.kit.part"
    (work / "earlier").mkdir(parents=True)
    (work / "net_kit").mkdir()
    paths.folder.replace(work / "earlier" / "net_kit")  # killed before the new one was in its place
    clean_up(paths.folder.parent, "0a1b2c3d")
    assert text_in(paths) == "one"
    clean_up(paths.folder.parent, "0a1b2c3d")
    assert text_in(paths) == "one"
