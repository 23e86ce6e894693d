import os
from pathlib import Path

import pytest

from core.common.paths import ASSETS, PROJECT_ROOT, home, make_private


def test_the_project_holds_its_assets():
    assert (PROJECT_ROOT / "pyproject.toml").is_file() and (ASSETS / "languages" / "zh").is_dir()


def test_data_are_kept_in_the_home_folder_unless_the_environment_names_another(tmp_path):
    assert home({}) == Path.home() / ".edgepress"
    assert home({"EDGEPRESS_HOME": str(tmp_path)}) == tmp_path
    assert home({"EDGEPRESS_HOME": "~/data"}) == Path.home() / "data"
    assert home({"EDGEPRESS_HOME": "data"}).is_absolute()


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_the_data_folder_is_the_persons_alone_and_an_earlier_one_is_mended(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    make_private(tmp_path / "new" / "data")
    assert mode(tmp_path / "new" / "data") == 0o700
    usual = home({})
    usual.mkdir(mode=0o755)
    make_private(usual)
    assert mode(usual) == 0o700


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_folder_that_holds_other_things_too_keeps_its_access_but_what_is_ours_is_closed(tmp_path):
    shared = tmp_path / "shared"
    for name in ("jobs", "logs", "theirs"):
        (shared / name).mkdir(parents=True)
        (shared / name).chmod(0o755)
    shared.chmod(0o755)
    make_private(shared)
    assert [mode(path) for path in (shared, shared / "theirs")] == [0o755, 0o755]
    assert [mode(shared / name) for name in ("jobs", "logs")] == [0o700, 0o700]


def test_where_a_file_is_in_the_way_it_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        make_private(tmp_path / "file")
