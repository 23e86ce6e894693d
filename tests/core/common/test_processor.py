import os
import platform

import pytest

from core.common import processor
from core.common.processor import processor_name
from core.report.environment import this_environment


def test_this_computer_has_a_name_in_one_line():
    name = processor_name()
    assert name.strip() == name and name and "\n" not in name


def test_the_name_is_read_from_what_the_system_tells(monkeypatch):
    pc = "processor\t: 0\nmodel name\t: Some CPU  @ 3 GHz\nflags\t\t: a b\n\nprocessor\t: 1\n"
    board = "processor\t: 0\nCPU part\t: 0xd0b\n\nModel\t\t: Raspberry Pi 5\n"
    assert processor._from_cpuinfo(pc) == "Some CPU  @ 3 GHz"
    assert processor._from_cpuinfo(board) == "Raspberry Pi 5"
    assert processor._from_cpuinfo("processor: 0\n") == ""


def test_where_the_system_does_not_tell_it_is_the_kind(monkeypatch):
    def fail(*_):
        raise OSError

    monkeypatch.setattr(processor.sys, "platform", "darwin")
    monkeypatch.setattr(processor, "_output", fail)
    processor_name.cache_clear()
    try:
        assert processor_name() in (platform.processor(), platform.machine())
    finally:
        processor_name.cache_clear()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n", "Some CPU @ 2 GHz"),
        ("processor\t: 0\nBogoMIPS: 108\n\nModel\t\t: Raspberry Pi 5\n", "Raspberry Pi 5"),
        ("model name\t:\n", ""),
        ("", ""),
    ],
)
def test_the_processor_has_the_name_that_linux_gives_it(text, name):
    assert processor._from_cpuinfo(text) == name


@pytest.mark.skipif(os.name != "posix" or platform.system() != "Linux", reason="reads /proc")
def test_a_system_without_that_file_has_a_processor_without_a_name(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "none")
    processor_name.cache_clear()
    try:
        assert this_environment(1).processor == platform.processor()
    finally:
        processor_name.cache_clear()
