"""The whole way from the list of configs to six converted files, where the environment for PyTorch exists."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.setup import openmmlab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # an export and six conversions

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = openmmlab.folder()  # read at import, since each test gets a home of its own
CONFIG = "mobilenet-v2_8xb32_in1k"
TIMEOUT = 180_000  # milliseconds


@pytest.fixture(autouse=True)
def ready_environment(monkeypatch):
    monkeypatch.setenv("EDGEPRESS_OPENMMLAB", str(ENVIRONMENT))
    if not openmmlab.is_ready():
        pytest.skip("The environment for PyTorch does not exist; python tools/env_config.py --openmmlab makes it.")


@pytest.fixture
def checkpoint(ready_environment, tmp_path) -> Path:
    """Random weights, saved as OpenMMLab saves trained ones."""
    place = openmmlab.site_packages()
    config = next(place.glob(f"mmpretrain/.mim/configs/*/{CONFIG}.py"))
    path = tmp_path / "mine" / "net.pth"
    path.parent.mkdir()
    command = [openmmlab.python(), ROOT / "benchmarks" / "random_checkpoint.py", config, path]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=120)
    return path


def choose(page, app, checkpoint: Path) -> None:
    """Choose a config and a checkpoint, and start the export."""
    page.goto(app)
    page.get_by_test_id("stSidebarNavLink").filter(has_text="From PyTorch").click()
    expect(page.locator(".st-key-config-list button").first).to_be_visible(timeout=60_000)
    page.locator(".st-key-config-task").get_by_text("Classification", exact=True).click()
    page.locator(".st-key-config-search input").fill("mobilenet v2")
    page.locator(".st-key-config-list button").filter(has_text=CONFIG).click(timeout=30_000)
    field = page.locator(".st-key-checkpoint-typed input")
    field.fill(str(checkpoint), timeout=60_000)
    field.press("Enter")
    height = page.locator(".st-key-step-export").get_by_label("Height in pixels")
    expect(height).to_have_value("224", timeout=30_000)
    page.locator(".st-key-export button").click()
    expect(page.locator(".st-key-export-cancel button")).to_be_visible(timeout=30_000)


def test_from_the_list_of_configs_to_six_files(page, app, store, checkpoint, outside):
    choose(page, app, checkpoint)
    page.reload()  # the export goes on
    expect(page.get_by_text("answers like PyTorch")).to_be_visible(timeout=TIMEOUT)
    assert checkpoint.with_suffix(".onnx").is_file()
    page.locator(".st-key-export-convert button").click()
    expect(page.locator(".st-key-step-model").get_by_text("net.onnx", exact=True)).to_be_visible(timeout=30_000)
    preprocessing = page.locator(".st-key-step-preprocessing")
    expect(preprocessing.get_by_text("The model's file says how it wants its pictures.")).to_be_visible(timeout=60_000)
    examples = page.locator(".st-key-examples-typed input")
    examples.fill(str(ROOT / "assets" / "sample" / "images"))
    examples.press("Enter")
    start = page.locator(".st-key-convert button")
    expect(start).to_contain_text("Make 6 files", timeout=60_000)
    start.click()
    expect(page.get_by_role("heading", name="Results", exact=True)).to_be_visible(timeout=TIMEOUT)
    (job_id,) = store.ids()
    outcomes = store.report(job_id)["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == ["converted"] * 6, outcomes
    assert all(Path(file).parent == checkpoint.parent for outcome in outcomes for file in outcome["files"])
    assert outside == []


def test_a_cancelled_export_leaves_no_file(page, app, checkpoint):
    choose(page, app, checkpoint)
    page.locator(".st-key-export-cancel button").click()
    expect(page.get_by_text("No file was written.")).to_be_visible(timeout=30_000)
    assert [path.name for path in checkpoint.parent.iterdir()] == ["net.pth"]
