import platform
import sys

import pytest

from core.common.errors import ToolError
from core.setup import arm
from core.setup.fetched_folder import lock_of, remove_unfinished

BY_APT = pytest.mark.skipif(arm.unavailable() is not None, reason="Only where apt-get can fetch it.")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path))
    return tmp_path


def program(path, text="exit 0"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def fake_emulator():
    program(arm.folder() / "qemu-aarch64-static")
    program(arm.folder() / "root" / "usr" / "bin" / "python3.11")
    return arm._record(arm.folder())


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_on_other_systems_it_says_what_to_use_instead(monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    reason, next_step = arm.unavailable()
    assert "on Linux only" in str(reason) and "WSL" in str(next_step)
    with pytest.raises(ToolError, match="on Linux only"):
        arm.require()


@pytest.mark.skipif(sys.platform != "linux", reason="What is missing on Linux.")
class TestOnLinux:
    def test_an_arm_computer_needs_none(self, monkeypatch):
        monkeypatch.setattr(platform, "machine", lambda: "aarch64")
        assert "has an ARM processor itself" in str(arm.unavailable()[0])

    def test_a_system_without_apt_says_which_programs_are_missing(self, monkeypatch, tmp_path):
        monkeypatch.setattr(platform, "machine", lambda: "x86_64")
        program(tmp_path / "bin" / "dpkg-deb")
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        reason, next_step = arm.unavailable()
        assert str(reason).endswith("not here: apt-get.") and "Debian" in str(next_step)

    def test_it_is_ready_only_with_the_packages_of_this_version(self):
        assert arm.status() == "absent"
        record = fake_emulator()
        assert arm.status() == "outdated"
        record.write((3, 11))
        assert arm.status() == "ready" and arm.size() > 0
        arm.require()
        assert arm.command("cortex-a72")[1:3] == ("-cpu", "cortex-a72")
        arm.remove()
        assert arm.status() == "absent" and not arm.folder().exists()
        arm.remove()


@BY_APT
def test_what_is_not_there_is_offered_with_its_size(home):
    with pytest.raises(ToolError) as raised:
        arm.require()
    assert arm.COMMAND in str(raised.value.next_step) and "250 MB" in str(raised.value.next_step)


@BY_APT
def test_a_download_that_fails_leaves_nothing(home, tmp_path, monkeypatch):
    program(tmp_path / "bin" / "apt-get", 'echo "Unable to locate package" >&2; exit 100')
    program(tmp_path / "bin" / "dpkg-deb")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(ToolError) as raised:
        arm.create()
    assert "Unable to locate package" in raised.value.detail and "arm64" in str(raised.value.next_step)
    assert arm.status() == "absent" and not list(home.glob("*.part"))


@BY_APT
def test_what_a_killed_download_left_is_removed_unless_one_is_at_work(home):
    part = home / ".arm-x.part"
    part.mkdir()
    lock = lock_of(arm.folder())
    assert lock.acquire()
    remove_unfinished(arm.folder())
    assert part.exists()
    with pytest.raises(ToolError, match="in another window"):
        arm.create()
    lock.release()
    remove_unfinished(arm.folder())
    assert not part.exists()
