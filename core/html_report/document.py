"""The HTML file: the sections laid out by the templates of ``assets/report``."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.common import number_format
from core.common.paths import ASSETS
from core.common.text import Language, Text, say
from core.html_report.answer import answer
from core.html_report.asked import asked
from core.html_report.comparison_table import column_notes, comparison_table, truth_table
from core.html_report.finished_job import FinishedJob
from core.html_report.layer_errors import layer_errors
from core.html_report.parts import teller
from core.html_report.settings import settings
from core.html_report.size_drawing import size_drawing, time_drawing
from core.html_report.worst_pictures import worst_pictures

_TEMPLATES = ASSETS / "report"

_HTML_LANGUAGES: Mapping[Language, str] = {"zh": "zh-Hans"}

_WORDS: Mapping[str, Text] = {
    "kicker": say("EdgePress report"),
    "why_not": say("Why not the others"),
    "asked": say("What was asked"),
    "job": say("The job"),
    "model": say("The model"),
    "preprocessing": say("How pictures are prepared for it"),
    "table": say("The files at a glance"),
    "truth": say("All figures against the labels"),
    "columns": say("What the columns mean"),
    "charts": say("Charts"),
    "pictures": say("Picture by picture: before and after"),
    "layers": say("Layer by layer"),
    "layers_about": say(
        "How strong the signal of each layer's output is compared with its error (SQNR); higher is better, and a "
        "sudden fall shows the layer that suffers. Dark dots: layers in 8 bit; light dots: in more. The circles with "
        "numbers are the worst ones, which the table names."
    ),
    "how": say("How it came about"),
    "notes": say("Notes on the files"),
    "variants": say("Other files that were on offer"),
    "variants_about": say(
        "They lie in the folder of the job. The page Results puts one in the place of the file in use; so does --take."
    ),
    "settings": say("Settings"),
    "environment": say("Computer and versions"),
    "command": say("The same on the command line"),
    "skipped": say("Files that were left out"),
    "data": say(
        "Whoever made this report has its figures for other programs, too, in files with the endings .csv and .json."
    ),
}
"""The words of the templates, which have none of their own."""


def render(finished: FinishedJob, language: Language) -> str:
    """The report of a job as one HTML document that refers to nothing outside itself."""
    tell = teller(language)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    report = finished.report
    return environment.get_template("report.html.j2").render(
        language=_HTML_LANGUAGES.get(language, language),
        style=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
        words={name: tell(words) for name, words in _WORDS.items()},
        title=tell(report.source.path.name),
        subtitle=_subtitle(finished),
        answer=answer(finished, tell),
        asked=asked(finished, tell),
        table_data=comparison_table(report, tell),
        truth=truth_table(report, tell),
        columns=column_notes(report, tell),
        charts=[chart for chart in (size_drawing(report, tell), time_drawing(report, tell)) if chart is not None],
        pictures=worst_pictures(finished, tell),
        layers=layer_errors(report, tell),
        how=settings(finished, tell),
    )


def _subtitle(finished: FinishedJob) -> str:
    """When it was made, and by which version, where that is known."""
    moment, found = number_format.moment(finished.state.finished or finished.state.created), finished.report.environment
    return moment if found is None else f"{moment} · EdgePress {found.edgepress}"
