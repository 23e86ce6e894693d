"""Rules for paths, tried for Windows and for other systems on any of them."""

import pytest

from core.common.errors import OptionError
from core.common.path_rules import check_local, is_network_path, stays_inside

NETWORK = [
    r"\\host\share",
    "//host/share/net.onnx",
    r"\/host\share",
    r"/\host/share",
    r"\\?\UNC\host\share",
    r"//?/UNC/host/share",
    r"\\.\PhysicalDrive0",
    r"\\host@SSL@8443\DavWWWRoot\x",
    r"  \\host\share",
    r"\\?\GLOBALROOT\Device\Mup\host\share",
]
LOCAL = [r"C:\models\net.onnx", "C:/models", r"\\?\C:\a very long path", "net.onnx", r"\models", "/models", ""]


@pytest.mark.parametrize("path", NETWORK)
def test_network_paths_are_refused_on_windows_alone(path):
    assert is_network_path(path, system="nt") and not is_network_path(path, system="posix")
    with pytest.raises(OptionError, match="another computer"):
        check_local(path, system="nt")
    check_local(path, system="posix")


@pytest.mark.parametrize("path", LOCAL)
def test_local_paths_are_none(path):
    assert not is_network_path(path, system="nt")
    check_local(path, system="nt")


@pytest.mark.parametrize("system", ["nt", "posix"])
@pytest.mark.parametrize(
    "location",
    [
        "",
        ".",
        "..",
        "../w.bin",
        "a/../../w.bin",
        r"..\w.bin",
        r"a\..\..\w.bin",
        "/etc/passwd",
        "/windows/win.ini",
        r"\windows\win.ini",
        r"C:\windows\win.ini",
        "C:win.ini",
        "c:/windows/win.ini",
        "//host/share/w.bin",
        r"\\host\share\w.bin",
        r"\\?\UNC\host\share\w.bin",
        "w.bin\0.txt",
        ".. /w.bin",
    ],
)
def test_what_leaves_the_folder_on_one_system_is_refused_on_all(location, system):
    assert not stays_inside(location, system=system)


@pytest.mark.parametrize("location", ["w.bin", "deep/er/w.bin", "./w.bin", "a/../w.bin", "我的 权重.bin", "...bin"])
def test_what_stays_inside_is_taken(location):
    assert stays_inside(location, system="nt") and stays_inside(location, system="posix")


def test_a_colon_is_a_letter_but_on_windows():
    """There it is a drive, or another stream of a file."""
    assert stays_inside("fc/kernel:0", system="posix") and not stays_inside("fc/kernel:0", system="nt")
