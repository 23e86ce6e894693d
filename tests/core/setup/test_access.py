import os

import pytest

from core.common.errors import OptionError
from core.setup import access


def test_each_start_has_a_token_of_its_own():
    tokens = {access.read({}).token for _ in range(3)}
    assert len(tokens) == 3
    assert min(len(token) for token in tokens if token) >= 40


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_setting_is_no_open_door(empty):
    assert access.read({access.TOKEN: empty}).token


def test_a_team_sets_token_and_names_in_the_environment():
    found = access.read({access.TOKEN: "a fixed long token", access.HOSTS: " Press.Example, other.example,"})
    assert found.token == "a fixed long token"
    assert found.hosts == ("localhost", "127.0.0.1", "press.example", "other.example")
    assert access.read({access.TOKEN: "off"}).token is None


def test_a_token_that_can_be_guessed_is_refused():
    with pytest.raises(OptionError, match="too short"):
        access.read({access.TOKEN: "secret"})


@pytest.mark.parametrize("token", ["a fixed long token", None])
def test_the_app_finds_what_the_launcher_gave_it_and_passes_it_to_no_child(token):
    environ = {**os.environ, **access.variables(token)}
    assert access.take(environ).token == token
    assert access.TOKEN not in environ


@pytest.mark.parametrize("text", ["", "-", "x", "1-2-3", "é", "-" * 50])
def test_anything_else_is_no_ticket(text):
    assert not access.Tickets("a fixed long token").accept(text)
