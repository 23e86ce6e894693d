from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from core.common.errors import OptionError, ToolError
from core.common.text import say
from core.setup import toolchain

ROOT = Path(__file__).parents[3]


def pins(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def by_key(components):
    return {component.key: component for component in components}


@pytest.fixture
def installed(monkeypatch):
    """The arguments of pip; nothing is installed."""
    calls = []
    monkeypatch.setattr("core.setup.installer.install", lambda arguments, **_: calls.append(list(arguments)))
    return calls


def component(key, status, **more):
    return toolchain.Component(key, key, None, say("everything"), status, None, **more)


def test_every_component_is_ready_where_the_tests_run():
    found = by_key(toolchain.check())
    assert {component.key for component in found.values() if component.lacking} == set()
    assert found["ncnn"].version == metadata.version("ncnn")
    assert found["pnnx"].status == "ready"
    assert found["ncnn2int8"].optional


def test_every_run_time_requirement_is_checked():
    checked = {component.key for component in toolchain.check()}
    assert {pin.name for name in ("requirements.txt", "requirements-nodeps.txt") for pin in pins(name)} <= checked


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_every_package_has_one_exact_version_per_python(name, version):
    holding = [pin for pin in pins(name) if pin.marker is None or pin.marker.evaluate({"python_version": version})]
    assert all(str(pin.specifier).startswith("==") for pin in holding)
    assert len({pin.name for pin in holding}) == len(holding)
    optional = {"pandas-stubs"}  # none of the pinned kind for Python 3.10; mypy ignores what it cannot find
    assert {pin.name for pin in pins(name)} - {pin.name for pin in holding} <= optional


def test_the_ncnn_converter_never_pulls_pytorch_in_through_the_ordinary_requirements():
    assert "pnnx" not in {pin.name for pin in pins("requirements.txt")}
    (converter,) = pins("requirements-nodeps.txt")
    assert converter.marker is not None
    assert not converter.marker.evaluate({"sys_platform": "win32", "platform_machine": "ARM64"})
    assert converter.marker.evaluate({"sys_platform": "win32", "platform_machine": "AMD64"})
    assert converter.marker.evaluate({"sys_platform": "darwin", "platform_machine": "arm64"})


def test_a_package_that_is_not_there_is_missing(monkeypatch):
    monkeypatch.setattr(toolchain, "_version", lambda name: None if name == "ncnn" else "1")
    found = by_key(toolchain.check())
    assert found["ncnn"].status == "missing"
    assert found["ncnn"].lacking


def test_a_package_that_is_there_but_cannot_be_imported_is_broken():
    package = toolchain._Package("numpy", "NumPy", say("everything"), "edgepress_no_such_module")
    broken = toolchain._package(package, {})
    assert broken.status == "broken"
    assert "edgepress_no_such_module" in str(broken.note)


def test_a_converter_that_is_no_program_is_broken(tmp_path, monkeypatch):
    impostor = tmp_path / "pnnx.exe"
    impostor.write_bytes(b"not a program")
    monkeypatch.setattr(toolchain, "find_pnnx", lambda: impostor)
    assert toolchain._pnnx({}).status == "broken"


def test_windows_on_arm_is_told_that_it_has_no_ncnn_targets(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("platform.machine", lambda: "ARM64")
    converter = toolchain._pnnx({})
    assert converter.status == "missing"
    assert not converter.lacking
    assert "Windows on ARM" in str(converter.note)


def test_system_libraries_that_are_missing_are_named():
    windows = toolchain._start_error(1, "ImportError: DLL load failed while importing onnxruntime_pybind11_state")
    assert "Visual C++" in str(windows)
    linux = toolchain._start_error(1, "ImportError: libgomp.so.1: cannot open shared object file: No such file")
    assert "libgomp.so.1" in str(linux)
    assert "-4" in str(toolchain._start_error(-4, ""))


def test_another_version_than_the_tested_one_is_mentioned():
    assert toolchain._other_version("2.0", "2.0") is None
    assert toolchain._other_version("2.0", None) is None
    assert "1.9" in str(toolchain._other_version("2.0", "1.9"))
    assert toolchain._tested_versions()["pnnx"]


def test_nothing_is_installed_when_nothing_is_missing(installed):
    toolchain.complete()
    assert installed == []


def test_only_what_is_missing_is_installed_at_the_tested_version(installed, monkeypatch):
    states = [component("netron", "missing"), component("ncnn", "broken"), component("numpy", "ready")]
    states += [component("pnnx", "missing"), component("ncnn2int8", "missing", optional=True)]
    monkeypatch.setattr(toolchain, "check", lambda: tuple(states))
    toolchain.complete()
    absent, broken, converter = installed
    assert absent == ["-c", str(ROOT / "requirements.txt"), "netron"]
    assert broken[-1] == "ncnn"
    assert "--force-reinstall" in broken
    assert "--no-deps" in converter
    assert converter[-1].endswith("requirements-nodeps.txt")


def test_with_a_folder_of_wheels_pip_does_not_use_the_internet(installed, monkeypatch, tmp_path):
    states = (component("netron", "missing"), component("ncnn", "broken"), component("pnnx", "missing"))
    monkeypatch.setattr(toolchain, "check", lambda: states)
    toolchain.complete(wheels=tmp_path)
    assert len(installed) == 3
    assert all({"--no-index", "--find-links", str(tmp_path)} <= set(arguments) for arguments in installed)
    with pytest.raises(OptionError, match="There is no folder"):
        toolchain.complete(wheels=tmp_path / "nowhere")


def test_a_32_bit_python_is_broken_and_nothing_is_installed(installed, monkeypatch):
    monkeypatch.setattr("sys.maxsize", 2**31 - 1)
    found = by_key(toolchain.check())
    assert found["python"].lacking
    assert "32-bit" in str(found["python"].note)
    toolchain.complete()
    assert installed == []


def test_the_environment_for_pytorch_is_optional(monkeypatch, tmp_path):
    folder = tmp_path / "openmmlab"
    monkeypatch.setenv("EDGEPRESS_OPENMMLAB", str(folder))
    assert (toolchain.openmmlab().status, toolchain.openmmlab().lacking) == ("missing", False)
    assert toolchain.openmmlab(is_wanted=True).lacking
    folder.mkdir()
    (folder / "pyvenv.cfg").touch()  # what is there when making it was interrupted
    unfinished = toolchain.openmmlab(is_wanted=True)
    assert unfinished.status == "broken"
    assert "env_config.py --openmmlab" in str(unfinished.note)


def test_the_reason_why_installing_failed_reaches_the_caller(monkeypatch):
    def refuse(*_, **__):
        raise ToolError(say("The disk is full."), next_step=say("Done."))

    monkeypatch.setattr("core.setup.installer.install", refuse)
    monkeypatch.setattr(toolchain, "check", lambda: (component("netron", "missing"),))
    with pytest.raises(ToolError, match="disk is full"):
        toolchain.complete()
