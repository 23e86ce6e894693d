import psutil
import pytest

from core.common.errors import Cancelled, OptionError
from core.setup import openmmlab
from core.setup.openmmlab_install import install_openmmlab


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEPRESS_OPENMMLAB", str(tmp_path / "openmmlab"))


def test_a_refusal_comes_back_from_the_process_as_itself():
    openmmlab.folder().mkdir()
    (openmmlab.folder() / "diary.txt").touch()
    with pytest.raises(OptionError, match="holds something else"):
        install_openmmlab()
    assert [path.name for path in openmmlab.folder().iterdir()] == ["diary.txt"]


def test_a_cancel_leaves_no_process_and_releases_the_lock():
    before = set(psutil.Process().children(recursive=True))
    reported = []
    with pytest.raises(Cancelled):
        install_openmmlab(lambda fraction, message: reported.append(str(message)), cancelled=lambda: bool(reported))
    assert reported == ["Making a Python folder for OpenMMLab."]
    assert set(psutil.Process().children(recursive=True)) <= before
    assert openmmlab.status() != "ready"
    openmmlab.remove()  # would be refused while another process still makes it
