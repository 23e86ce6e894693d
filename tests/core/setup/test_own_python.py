import pytest

from core.setup import own_python


def test_a_python_with_the_packages_is_not_bare():
    assert not own_python.is_bare()


def test_a_tool_without_its_packages_names_the_command_that_installs_them(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("EDGEPRESS_LANGUAGE", "en")
    monkeypatch.setattr(own_python, "is_bare", lambda: True)
    with pytest.raises(SystemExit) as ended:
        own_python.require_packages(tmp_path)
    assert ended.value.code == 2
    assert "python tools/env_config.py" in capsys.readouterr().err
