from pathlib import Path

from core.common.paths import ASSETS, PROJECT_ROOT, home


def test_the_project_holds_its_assets():
    assert (PROJECT_ROOT / "pyproject.toml").is_file() and (ASSETS / "languages" / "zh").is_dir()


def test_data_are_kept_in_the_home_folder_unless_the_environment_names_another(tmp_path):
    assert home({}) == Path.home() / ".edgepress"
    assert home({"EDGEPRESS_HOME": str(tmp_path)}) == tmp_path
    assert home({"EDGEPRESS_HOME": "~/data"}) == Path.home() / "data"
    assert home({"EDGEPRESS_HOME": "data"}).is_absolute()
