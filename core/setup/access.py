"""Who may use a running app: the token, the tickets made from it, and the host names; all settings of it are read here.

A port of this computer can be reached by every account on it, and by every web page that its browser shows. What lets
somebody in is a token that is new for each start.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from core.common.errors import OptionError
from core.common.text import say

TOKEN = "EDGEPRESS_TOKEN"
"""Environment variable: the token; ``off`` where a proxy in front of the app asks people who they are."""

HOSTS = "EDGEPRESS_ALLOWED_HOSTS"
"""Environment variable: host names, separated by commas, under which a proxy serves the app."""

LOCAL_HOSTS = ("localhost", "127.0.0.1")
"""Names of this computer, under which the app can always be opened."""

_OFF = "off"
_LEAST_CHARACTERS = 16
_TICKET_SECONDS = 300.0


@dataclass(frozen=True)
class Access:
    """What a request must bring along."""

    token: str | None
    """None: whoever reaches the port is let in."""
    hosts: tuple[str, ...] = LOCAL_HOSTS
    """Host names under which the app may be asked; any other is an attack by DNS rebinding, or not configured."""


def read(environ: Mapping[str, str]) -> Access:
    """The settings of the environment, with a new token where it names none.

    Raises:
        OptionError: the token is too short to be safe.
    """
    token = environ.get(TOKEN, "").strip() or secrets.token_urlsafe(32)
    if token != _OFF and len(token) < _LEAST_CHARACTERS:
        raise OptionError(
            say("The token in {variable} is too short: others could guess it.", variable=TOKEN),
            next_step=say(
                "Give it {count} characters or more, or leave {variable} out: then each start has a token of its own.",
                count=_LEAST_CHARACTERS,
                variable=TOKEN,
            ),
        )
    named = (name.strip().lower() for name in environ.get(HOSTS, "").split(","))
    return Access(None if token == _OFF else token, (*LOCAL_HOSTS, *filter(None, named)))


def take(environ: MutableMapping[str, str]) -> Access:
    """Read the settings, and remove the token, so that no job or installation inherits it.

    Raises:
        OptionError: the token is too short to be safe.
    """
    found = read(environ)
    environ.pop(TOKEN, None)
    return found


def variables(token: str | None) -> dict[str, str]:
    """The environment in which :func:`take` finds this token; other accounts see a command line, but not this."""
    return {TOKEN: token or _OFF}


def ticket(token: str) -> str:
    """A pass for one opening of the app within five minutes.

    The browser gets its address on a command line, which every account of the computer can read, for as long as the
    browser runs.
    """
    stamp = f"{int(time.time())}-{secrets.token_hex(8)}"
    return f"{stamp}-{derived(token, stamp)}"


def derived(token: str, purpose: str) -> str:
    """A value that only who knows the token can make, and that does not tell the token."""
    return hmac.new(token.encode(), purpose.encode(), hashlib.sha256).hexdigest()


class Tickets:
    """The tickets of one token; each is good once."""

    def __init__(self, token: str) -> None:
        """Without any used one."""
        self._token = token
        self._used: dict[str, float] = {}

    def accept(self, text: str) -> bool:
        """Whether it is a ticket that is not too old and was not used; it is used up by this."""
        stamp, _, proof = text.rpartition("-")
        if not hmac.compare_digest(proof.encode(), derived(self._token, stamp).encode()):
            return False
        made, now = float(stamp.partition("-")[0]), time.time()
        self._used = {one: when for one, when in self._used.items() if now - when < _TICKET_SECONDS}
        if stamp in self._used or abs(now - made) > _TICKET_SECONDS:
            return False
        self._used[stamp] = max(now, made)
        return True
