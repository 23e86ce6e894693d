import pytest

from core.common.errors import ToolError
from core.common.text import say
from core.setup.fetched_folder import locked, made_whole, remove, remove_unfinished

BUSY = say("It is being made in another window.")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "tool"


def names(folder):
    return {path.name for path in folder.parent.iterdir()}


def test_a_folder_takes_the_place_of_the_one_before(folder):
    for text in ("first", "second"):
        with made_whole(folder) as part:
            (part / f"{text}.txt").write_text(text)
        assert [path.name for path in folder.iterdir()] == [f"{text}.txt"]
    assert names(folder) == {"tool"}


def test_after_an_error_the_one_before_is_still_there_and_nothing_else(folder):
    with made_whole(folder) as part:
        (part / "good.txt").touch()
    with pytest.raises(RuntimeError), made_whole(folder) as part:
        (part / "half.txt").touch()
        raise RuntimeError
    assert names(folder) == {"tool"} and (folder / "good.txt").is_file()


def test_two_processes_are_not_at_it_at_once(folder):
    with locked(folder, busy=BUSY), pytest.raises(ToolError, match="in another window"), locked(folder, busy=BUSY):
        pass
    with locked(folder, busy=BUSY):  # released, after errors too
        pass


@pytest.mark.parametrize("ends", [remove, remove_unfinished])
def test_what_a_killed_process_left_is_removed(folder, ends):
    (folder.parent / ".tool-abc.part" / "much").mkdir(parents=True)
    ends(folder)
    assert names(folder) <= {".tool.lock"}


def test_nothing_is_removed_while_a_process_is_at_work(folder):
    with locked(folder, busy=BUSY), made_whole(folder) as part:
        remove_unfinished(folder)
        assert part.is_dir()


def test_what_is_removed_is_gone(folder):
    remove(folder)
    (folder / "deep").mkdir(parents=True)
    remove(folder)
    assert names(folder) == set()
