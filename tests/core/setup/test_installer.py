import sys

import pytest

from core.common.errors import OptionError, ToolError
from core.setup import installer


@pytest.fixture(autouse=True)
def no_settings_of_this_computer(monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    monkeypatch.setenv("NO_PROXY", "*")


def test_a_missing_internet_connection_is_named():
    closed = ["--index-url", "http://127.0.0.1:9/simple", "--retries", "1", "edgepress-no-such-package==1"]
    with pytest.raises(ToolError) as caught:
        installer.install(closed)
    assert "no connection to the download server" in str(caught.value.reason)
    assert "edgepress-no-such-package" in caught.value.detail


def test_a_wheel_that_does_not_exist_is_named_together_with_the_computer(tmp_path):
    with pytest.raises(ToolError) as caught:
        installer.install(["--no-index", "--find-links", str(tmp_path), "edgepress-no-such-package==1"])
    assert "no ready-made edgepress-no-such-package==1 for this computer (Python 3." in str(caught.value.reason)


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (
            "error: externally-managed-environment\n\n× This environment is externally managed",
            "belongs to the operating",
        ),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: [WinError 112] There is not enough space on the disk", "disk is full"),
        ("OSError: [Errno 13] Permission denied: '/usr/lib/x'", "not allowed"),
        ("[WinError 5] Access is denied: 'C:\\\\x'", "not allowed"),
        ("[WinError 32] The process cannot access the file because it is being used by another process", "in use"),
        ("HINT: This error might have occurred since this system does not have Windows Long Path support", "too long"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))", "certificate"),
        (
            "NewConnectionError: [Errno 11001] getaddrinfo failed\nERROR: No matching distribution found for x",
            "no connection",
        ),
        ("/usr/bin/python3: No module named pip", "without pip"),
        ("something never seen before", "did not work"),
    ],
)
def test_every_known_failure_has_a_readable_error_of_its_own(printed, reason):
    error = installer.failure(printed)
    assert reason in str(error.reason)
    assert str(error.next_step)
    assert "{" not in error.reason.in_language("zh")
    assert error.reason.in_language("zh") != str(error.reason)


def test_the_detail_is_the_end_of_what_was_printed():
    assert installer.failure("\n".join(map(str, range(100)))).detail.splitlines() == list(map(str, range(85, 100)))


def test_progress_names_the_packages_and_never_decreases():
    reported = []
    lines = [
        "Collecting numpy==2.4.6\n",
        "  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (6.6 kB)\n",
        "Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.8 MB)\n",
        "Processing /a folder/mpmath-1.3.0-py3-none-any.whl (from -r /x y/requirements.txt (line 1))\n",
        "Installing collected packages: mpmath, numpy\n",
    ]
    printed = installer._report(lines, lambda fraction, message: reported.append((fraction, str(message))))
    assert printed == "".join(lines)
    assert [message for _, message in reported][:2] == ["numpy 2.4.6 (16.8 MB)", "mpmath 1.3.0"]
    fractions = [fraction for fraction, _ in reported]
    assert fractions == sorted(fractions)
    assert fractions[-1] <= 1


def test_a_folder_of_wheels_replaces_the_internet(tmp_path):
    installer.check_wheels(None)
    installer.check_wheels(tmp_path)
    assert installer.wheel_options(None) == []
    assert installer.wheel_options(tmp_path) == ["--no-index", "--find-links", str(tmp_path.resolve())]
    with pytest.raises(OptionError, match="nowhere"):
        installer.check_wheels(tmp_path / "nowhere")
