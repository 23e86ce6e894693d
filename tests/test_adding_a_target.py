"""A seventh target is one new file, one line in the visible tuple and its sentences: tried on a copy of EdgePress."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from small import conv_net, pictures

ROOT = Path(__file__).parents[1]

TARGET = '''"""The model cleaned and nothing else: 32 bit, and the same answers."""

from __future__ import annotations

from pathlib import Path

from core.common.progress import Progress
from core.common.text import Text, say
from core.conversion.context import ConversionContext
from core.job.outcome import Artifact
from core.job.target_id import TargetId
from core.onnx_model.source import Source
from core.targets.base import Effort
from core.targets.onnx_target import OnnxTarget, save


class OnnxClean(OnnxTarget):
    """The cleaned model."""

    id: TargetId = "onnx_clean"
    title: Text = say("ONNX, cleaned")
    sentence: Text = say("The same numbers with fewer steps.")
    least_cosine = 0.9999
    bytes_per_weight = 4.0
    effort = Effort(0.2, 0.05, 4, 0)

    def file_names(self, stem: str) -> tuple[str, ...]:
        """One ONNX file."""
        return (f"{stem}_clean.onnx",)

    def notes(self, source: Source) -> tuple[Text, ...]:
        """One of its own."""
        return (*super().notes(source), say("Nothing is quantised."))

    def make(self, context: ConversionContext, folder: Path, progress: Progress) -> Artifact:
        """Write the cleaned model."""
        (name,) = self.file_names(context.stem)
        return Artifact(self.id, (save(context.prepared.clean.read(), folder / name),))
'''
SENTENCES = {
    "ONNX, cleaned": "ONNX，已清理",
    "The same numbers with fewer steps.": "数值不变，步骤更少。",
    "Nothing is quantised.": "未做任何量化。",
}
PAGE = """
import sys
from streamlit.testing.v1 import AppTest

app = AppTest.from_file("app.py", default_timeout=100)
app.session_state["language"] = "zh"
app.run()
if sys.argv[1] == "convert":
    app.text_input(key="model-typed").set_value(sys.argv[2]).run()
else:
    app.query_params["job"] = sys.argv[2]
    app.switch_page("pages/results.py").run()
assert not app.exception, app.exception[0].message
kinds = (app.markdown, app.caption, app.checkbox)
shown = [getattr(element, "label", None) or str(element.value) for kind in kinds for element in kind]
if sys.argv[1] == "results":
    shown += list(app.dataframe[0].value["name"])
sys.stdout.reconfigure(encoding="utf-8")
print("\\n".join(shown).replace("\\\\", ""))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("copy")
    for name in ("core", "tools", "pages", "assets", ".streamlit"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "start.py", "requirements.txt", "requirements-nodeps.txt"):
        shutil.copy(ROOT / name, root)
    (root / "core" / "targets" / "onnx_clean.py").write_text(TARGET, encoding="utf-8")
    registry = root / "core" / "targets" / "__init__.py"
    before = registry.read_text(encoding="utf-8")
    after = before.replace("NcnnQuan())", "NcnnQuan(), OnnxClean())").replace(
        "from core.targets.onnx_fp16", "from core.targets.onnx_clean import OnnxClean\nfrom core.targets.onnx_fp16"
    )
    assert after.count("OnnxClean") == 2
    registry.write_text(after, encoding="utf-8")
    translations = root / "assets" / "languages" / "zh" / "onnx_clean.json"
    translations.write_text(json.dumps(SENTENCES, ensure_ascii=False), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def run(copy):
    """Run Python in the copy, with a home of its own."""

    def start(*arguments):
        environment = {**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(copy), "EDGEPRESS_LANGUAGE": "zh"}
        environment["EDGEPRESS_HOME"] = str(copy / "home")
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=copy,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done

    return start


@pytest.fixture(scope="module")
def converted(copy, run):
    """What the command line said, and the report that it wrote."""
    model, images = conv_net(copy / "mine" / "net.onnx"), pictures(copy / "photos", 4)
    command = ["tools/export_quantize.py", model, "--images", images, "--type", "onnx_clean", "ncnn", "--json"]
    return run(*command, copy / "report.json"), json.loads((copy / "report.json").read_text(encoding="utf-8"))


def test_the_command_line_makes_judges_and_reports_it(copy, converted):
    said, report = converted
    assert "ONNX，已清理" in said.stdout and "未做任何量化。" in said.stderr
    assert [entry["target"] for entry in report["preflight"]] == ["ncnn", "onnx_clean"]
    made = report["outcomes"][1]
    assert (made["target"], made["status"]) == ("onnx_clean", "converted")
    assert made["comparison"]["images"] == 2 and made["comparison"]["cosine"] > 0.9999
    assert made["comparison"]["latency_ms"]["median_one_thread"] > 0
    estimate = report["preflight"][1]
    assert made["size_bytes"] == pytest.approx(estimate["size_bytes"], rel=0.3) and estimate["seconds"] > 0
    assert (copy / "mine" / "net_clean.onnx").is_file()


def test_the_pages_offer_it_and_show_its_result(copy, run, converted):
    offered = run("-c", PAGE, "convert", copy / "mine" / "net.onnx").stdout
    assert "ONNX，已清理" in offered and "数值不变，步骤更少。" in offered and "未做任何量化。" in offered
    (job_id,) = (path.name for path in (copy / "home" / "jobs").iterdir())
    shown = run("-c", PAGE, "results", job_id).stdout
    assert shown.count("ONNX，已清理") >= 2  # its card, and its row in the table
