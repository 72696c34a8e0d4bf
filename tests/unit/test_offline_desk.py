"""The offline desk from file:// with naughty values: nothing runs, and its results come out."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from uploads_worker.offline_desk import render_offline_desk

NAUGHTY = [
    "</script><script>window.ran=1</script>",
    "<img src=x onerror=window.ran=1>",
    "\u202egpj.exe",
    '=HYPERLINK("http://x")',
    "😀阿依古丽·买买提",
    "长" * 1365,
    "<!--<script>",
    "]]>&lt;",
]


def index() -> dict[str, Any]:
    return {
        "reasons": [{"code": "blurred", "text": NAUGHTY[0], "text_en": "Blurred"}],
        "registrations": [
            {
                "name": name,
                "number": f"R{at}",
                "id_number": name,
                "birth_date": "2012-03-05",
                "fields": [{"key": "k", "label": name, "value": name}],
                "documents": [
                    {
                        "document_id": f"d{at}",
                        "sha256": "ab" * 32,
                        "state": "included",
                        "kind_label": name,
                        "path": f"pictures/{at}_A/front.jpg",
                    }
                ],
            }
            for at, name in enumerate(NAUGHTY)
        ],
    }


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="xx"):
        render_offline_desk(index(), language="xx")


def test_naughty_values_run_nothing_and_results_are_saved(tmp_path: Path, browser: Browser) -> None:
    page_file = tmp_path / "index.html"
    page_file.write_bytes(render_offline_desk(index()))
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda one: errors.append(one.text) if "Content" in one.text else None)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.goto(page_file.as_uri())
    assert page.evaluate("window.ran") is None
    names = page.locator("nav li button").all_inner_texts()
    assert len(names) == len(NAUGHTY)
    assert NAUGHTY[0] in names[0]
    page.keyboard.press("a")
    page.locator("textarea").fill("=1+1")
    page.get_by_role("button", name="退回并说明").click()
    page.keyboard.press("a")
    page.keyboard.press("u")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="保存结果文件").click()
    waiting.value.save_as(tmp_path / "results.csv")
    assert page.evaluate("window.ran") is None
    assert errors == []
    assert all(url.startswith(("file:", "blob:")) for url in asked)
    context.close()
    with (tmp_path / "results.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["document_id"], row["outcome"]) for row in rows] == [
        ("d0", "accepted"),
        ("d1", "returned"),
    ]
    assert rows[1]["reason_code"] == "blurred"
    assert rows[1]["reason_text"] == "'=1+1"
