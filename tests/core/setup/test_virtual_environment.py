import sys
from pathlib import Path

import pytest

from core.common.errors import ToolError
from core.setup import virtual_environment
from core.setup.virtual_environment import InstallationRecord

THIS = sys.version_info[:2]


@pytest.fixture
def record(tmp_path):
    pins = tmp_path / "requirements.txt"
    pins.write_text("something==1\n", encoding="utf-8")
    return InstallationRecord(tmp_path / "record.json", (pins,))


def test_the_version_of_an_interpreter_is_none_where_it_does_not_run(tmp_path):
    assert virtual_environment.python_version(Path(sys.executable)) == THIS
    assert virtual_environment.python_version(tmp_path / "python") is None
    (tmp_path / "python").write_bytes(b"not a program")
    assert virtual_environment.python_version(tmp_path / "python") is None


def test_a_folder_that_cannot_become_an_environment_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ToolError):
        virtual_environment.make_empty(tmp_path / "file")


def test_a_record_is_current_for_its_requirements_and_its_python(record):
    assert not record.is_current(THIS)
    assert not record.is_of_other_python(THIS)
    record.write(THIS)
    assert record.is_current(THIS)
    assert record.is_of_other_python((3, 9))
    record.requirements[0].write_text("something==2\n", encoding="utf-8")
    assert not record.is_current(THIS)
    assert not record.is_of_other_python(THIS)
    record.delete()
    assert not record.path.exists()


@pytest.mark.parametrize("damage", ["", "[]", "{"])
def test_a_damaged_record_counts_as_none(record, damage):
    record.path.write_text(damage, encoding="utf-8")
    assert not record.is_current(THIS)
    assert not record.is_of_other_python(THIS)
