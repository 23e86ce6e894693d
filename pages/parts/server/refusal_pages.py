"""The two pages that are sent instead of the app: for those who may not come in, and on the way in."""

from __future__ import annotations

import html

from core.common.text import LANGUAGES, Text, say

NO_TOKEN = say(
    "This address alone does not open EdgePress. Open the address that the window of EdgePress shows, "
    "or start EdgePress again."
)
FOREIGN_HOST = say(
    "EdgePress does not answer under this name. Open the address that the window of EdgePress shows; "
    "a server for a team names its own in EDGEPRESS_ALLOWED_HOSTS."
)
FOREIGN_PAGE = say("Another web page asked EdgePress for something. It gets no answer.")
FAILED = say("EdgePress could not answer because of an error of its own. Reload the page, or start EdgePress again.")

_PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>EdgePress</title>
<style>
body {{ font-family: system-ui, sans-serif; line-height: 1.6; max-width: 36rem; margin: 12vh auto; padding: 0 1.5rem;
  color: #1f2a2e; background: #fbfaf7; }}
h1 {{ font-size: 1.5rem; }}
</style>
{head}
</head>
<body>
{body}
</body>
</html>
"""


def refusal(sentence: Text) -> bytes:
    """A page that says why, in every language: nobody knows yet who reads it."""
    said = (f'<p lang="{code}">{html.escape(sentence.in_language(code))}</p>' for code in LANGUAGES)
    return _PAGE.format(head="", body="\n".join(["<h1>EdgePress</h1>", *said])).encode()


def way_in(target: str) -> bytes:
    """A page that goes on to the app at once, for those who come by a link on another page.

    A redirect would still count as a request of that page, for which the browser keeps back the new, strict cookie.

    Args:
        target: relative address without the token.
    """
    address = html.escape(target)
    refresh = f'<meta http-equiv="refresh" content="0; url={address}">'
    return _PAGE.format(head=refresh, body=f'<p><a href="{address}">EdgePress</a></p>').encode()
