"""The way in which the viewer is registered is not documented by Streamlit: this notices when it changes."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from core.common.paths import ASSETS

ROOT = Path(__file__).parents[4]

PAGE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pages.parts.results.viewer_component import show_viewer
show_viewer({{"pictures": []}}, key="viewer")
"""


def test_script_and_style_are_served_from_the_apps_own_address():
    app = AppTest.from_string(PAGE).run()
    assert not app.exception
    (element,) = app.get("bidi_component")
    sent = element.proto
    assert (sent.js_source_path, sent.css_source_path) == ("viewer.js", "viewer.css")
    assert not sent.js_content and not sent.css_content and not sent.html_content
    assert sent.isolate_styles


def test_the_folder_holds_nothing_else():
    names = sorted(path.name for path in (ASSETS / "components" / "before-after").iterdir())
    assert names == ["viewer.css", "viewer.js"]


def test_the_viewer_writes_no_markup_and_asks_no_foreign_address():
    script = (ASSETS / "components" / "before-after" / "viewer.js").read_text(encoding="utf-8")
    assert not any(
        word in script for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(")
    )
    assert "https://" not in script and script.count("http://") == 1  # the name of SVG
