import re
import time

import pytest
from array_model import examples, two_input_net
from playwright.sync_api import expect

from core.targets import TARGETS

pytestmark = pytest.mark.browser

TIMEOUT = 180_000  # milliseconds; a job of six targets on a slow computer


def start_the_sample(page, app) -> None:
    page.goto(app)
    page.locator(".st-key-try_sample button").click(timeout=30_000)
    expect(page.locator(".st-key-cancel button")).to_be_visible(timeout=30_000)


def the_job(store) -> str:
    jobs = store.ids()
    assert len(jobs) == 1, jobs
    return jobs[0]


def wait_for_job(store) -> str:
    deadline = time.monotonic() + 30
    while not store.ids() and time.monotonic() < deadline:
        time.sleep(0.1)
    return the_job(store)


def wait_for_end(store, job_id) -> str:
    deadline = time.monotonic() + TIMEOUT / 1000
    while store.state(job_id).is_active and time.monotonic() < deadline:
        time.sleep(0.1)
    return store.state(job_id).status


def go_to_results(page) -> None:
    """A page that watched the job to its end goes there by itself; another one has a button."""
    heading, button = (
        page.get_by_role("heading", name="Results", exact=True),
        page.locator(".st-key-see_results button"),
    )
    expect(heading.or_(button).first).to_be_visible(timeout=TIMEOUT)
    if button.is_visible():
        button.click()
    expect(heading).to_be_visible(timeout=30_000)


def open_page(page, name: str) -> None:
    page.get_by_test_id("stSidebarNavLink").filter(has_text=name).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=30_000)


def test_one_click_leads_to_six_files_and_two_graphs(page, app, store, outside):
    start_the_sample(page, app)
    go_to_results(page)
    for target in TARGETS:
        # Not by the title alone: the table holds it too, in cells that are drawn on a canvas and never visible.
        card = page.locator(f".st-key-result-{target.id}")
        expect(card.get_by_text(str(target.title), exact=True)).to_be_visible(timeout=30_000)
    outcomes = store.report(the_job(store))["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == ["converted"] * 6, outcomes

    open_page(page, "Graph")
    expect(page.locator("iframe")).to_have_count(2, timeout=30_000)
    for index in range(2):
        graph = page.frame_locator("iframe >> nth=" + str(index))
        expect(graph.locator("svg g.node").first).to_be_visible(timeout=60_000)
        assert graph.locator("svg g.node").count() > 10
    assert outside == []


def test_a_refresh_in_the_middle_of_a_job_loses_nothing(page, app, store, outside):
    start_the_sample(page, app)
    page.reload()
    go_to_results(page)
    assert store.state(the_job(store)).status == "done"
    card = page.locator(f".st-key-result-{TARGETS[0].id}")
    expect(card.get_by_text(str(TARGETS[0].title), exact=True)).to_be_visible(timeout=30_000)
    assert outside == []


def test_cancel_ends_the_job_and_leaves_no_files(page, app, store):
    start_the_sample(page, app)
    page.locator(".st-key-cancel button").click()
    job_id = the_job(store)
    assert wait_for_end(store, job_id) == "cancelled"
    expect(page.locator(".st-key-cancel button")).to_have_count(0, timeout=30_000)
    out = store.job(job_id).out
    assert not out.is_dir() or list(out.iterdir()) == []
    assert not (store.folder(job_id) / "work").exists()


def test_a_bookmark_as_the_first_visit_shows_the_whole_app(page, app):
    page.goto(f"{app}/results")
    expect(page.get_by_role("heading", name="Results", exact=True)).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_text(
        [re.compile(name) for name in ("Convert", "From PyTorch", "Results", "Graph", "Jobs", "Toolbox")]
    )


def test_a_model_that_takes_no_picture_is_calibrated_on_arrays(page, app, store, tmp_path):
    model, folder = two_input_net(tmp_path / "mine" / "sound.onnx"), examples(tmp_path / "sounds", 8)
    page.goto(app)
    for key, path in (("model", model), ("examples", folder)):
        field = page.locator(f".st-key-{key}-typed input")
        field.fill(str(path), timeout=30_000)
        field.press("Enter")
    step = page.locator(".st-key-step-examples")
    expect(step.get_by_text("8 of 8 tried fit the model")).to_be_visible(timeout=30_000)
    static = page.locator(".st-key-target-onnx_quan_st")
    expect(static.get_by_role("checkbox")).to_be_checked()
    page.locator(".st-key-convert button").click()
    job_id = wait_for_job(store)
    assert wait_for_end(store, job_id) == "done"
    report = store.report(job_id)
    assert report["images"]["calibration"] == 4
    statuses = {outcome["target"]: outcome["status"] for outcome in report["outcomes"]}
    assert statuses["onnx_quan_st"] == "converted", report["outcomes"]
