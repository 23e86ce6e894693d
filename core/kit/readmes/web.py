"""The chapter on the web page."""

from __future__ import annotations

from core.common.text import say
from core.kit.markdown import code
from core.kit.names import WEB
from core.kit.readmes.document import Facts, Lines
from core.kit.web import RUNTIME
from core.setup import web_runtime


def web_page(facts: Facts) -> Lines:
    """Nothing where the kit has no page."""
    if not facts.page:
        return
    yield say(
        "{folder} is a page that does the same in a browser, on a computer or a phone: choose a picture and see the "
        "answer. Nothing is sent anywhere. Start it in this folder, with any Python 3 and nothing installed:",
        folder=code(WEB),
    )
    yield ""
    yield "```"
    yield f"python {WEB}/serve.py"
    yield "```"
    yield ""
    if not facts.has_web_runtime:
        yield from _missing_runtime()
    yield say(
        "A browser does not let a page read files from the disk, hence this small server, which only this computer can "
        "open. For others to use the page, put this whole folder on a web server with HTTPS. The headers that {file} "
        "sends let the page use several processor cores; it works without them too.",
        file=code(f"{WEB}/serve.py"),
    )
    yield ""
    yield say(
        "The page runs the file with onnxruntime-web in WebAssembly, which takes several times as long as {program}. "
        "It reads the kinds of pictures that the browser knows, in most of them no TIFF.",
        program=code("python/run.py"),
    )


def _missing_runtime() -> Lines:
    where = f"{WEB}/{RUNTIME}"
    yield say(
        "It needs onnxruntime-web first, which is not in this kit. Put these files of its folder {dist} into {folder}:",
        dist=code("dist"),
        folder=code(where),
    )
    yield ""
    for name in web_runtime.FILES:
        yield f"- {code(name)}"
    yield ""
    yield say(
        "{pack} fetches the package; unpack the file that it writes. Or let EdgePress put them in: with the button on "
        "the page of results, or with {option}.",
        pack=code(f"npm pack {web_runtime.PACKAGE}"),
        option=code("--kit-web"),
    )
    yield ""
