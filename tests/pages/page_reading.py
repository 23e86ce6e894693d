from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "app.py"


def page_text(app: AppTest) -> str:
    """Everything that is written on the page, without escapes of markdown."""
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.error, app.info, app.success, app.warning)
    found = [element.value for kind in kinds for element in kind]
    found += [f"{metric.label} {metric.value} {metric.delta}" for metric in app.metric]
    found += [button.label for button in app.button]
    return "\n".join(found).replace(":small[]", "").replace("\\", "")
