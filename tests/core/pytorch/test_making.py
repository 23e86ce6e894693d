import psutil
import pytest

from core.errors import Cancelled, OptionError
from core.pytorch import environment
from core.pytorch.making import make


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEPRESS_OPENMMLAB", str(tmp_path / "openmmlab"))


def test_a_refusal_comes_back_from_the_process_as_itself():
    environment.folder().mkdir()
    (environment.folder() / "diary.txt").touch()
    with pytest.raises(OptionError, match="holds something else"):
        make()
    assert [path.name for path in environment.folder().iterdir()] == ["diary.txt"]


def test_a_cancel_leaves_no_process_and_the_next_attempt_is_free_to_begin():
    before = set(psutil.Process().children(recursive=True))
    heard = []
    with pytest.raises(Cancelled):
        make(lambda fraction, message: heard.append(str(message)), cancelled=lambda: bool(heard))
    assert heard == ["Making a Python folder for OpenMMLab."]
    assert set(psutil.Process().children(recursive=True)) <= before
    assert environment.status() != "ready"
    environment.remove()  # would be refused while somebody else still makes it
