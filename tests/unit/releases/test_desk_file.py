"""The offline desk of a real batch, opened from file:// as an organizer would."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from heyan.decisions.results import read_file
from tests.releases import Batches, Organizer
from uploads_worker.releases import build_release

NAUGHTY = "</script><script>window.ran=1</script>"

pytestmark = pytest.mark.browser


def jpeg(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 200), colour).save(out, "JPEG")
    return out.getvalue()


def test_the_desk_shows_pictures_from_a_folder_and_saves_results_the_site_reads(
    batches: Batches, organizer: Organizer, browser: Any, tmp_path: Path
) -> None:
    """C-55, Q11: pictures load, names run nothing, nothing is asked of any network."""
    batches.enrol(organizer, name=NAUGHTY, answer=NAUGHTY, pictures=[jpeg("red"), jpeg("blue")])
    build_release(batches.context, organizer.event_id, "demand")
    [release] = batches.releases(organizer)
    opened = batches.open(organizer, release)
    for name, data in opened.entries.items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    trouble: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda one: trouble.append(one.text) if one.type == "error" else None)
    page.on("request", lambda one: asked.append(one.url))
    page.goto((tmp_path / "index.html").as_uri())
    shown = page.locator("main img")
    shown.wait_for()
    assert page.evaluate("document.querySelector('main img').naturalWidth") == 320
    assert NAUGHTY in page.locator("nav li button").first.inner_text()
    page.keyboard.press("a")
    page.wait_for_function("document.querySelector('main img').naturalWidth === 320")
    page.get_by_role("button", name="退回并说明").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="保存结果文件").click()
    waiting.value.save_as(tmp_path / "results.csv")
    assert page.evaluate("window.ran") is None
    assert trouble == []
    assert all(url.startswith(("file:", "blob:")) for url in asked)
    context.close()
    rows, problems = read_file((tmp_path / "results.csv").read_bytes())
    assert problems == []
    assert {str(one.document_id) for one in rows} == set(opened.documents())


def test_the_list_itself_can_be_filled_in_and_handed_in(
    batches: Batches, organizer: Organizer
) -> None:
    """L3: the first columns of index.csv are those of a result file."""
    batches.enrol(organizer)
    build_release(batches.context, organizer.event_id, "demand")
    [release] = batches.releases(organizer)
    rows = batches.open(organizer, release).rows()
    for row in rows:
        row["outcome"] = "accepted"
    out = io.StringIO()
    filled = csv.DictWriter(out, list(rows[0]))
    filled.writeheader()
    filled.writerows(rows)
    taken, problems = read_file(("\ufeff" + out.getvalue()).encode())
    assert (len(taken), problems) == (1, [])
