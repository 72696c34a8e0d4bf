"""The whole main job in a browser that runs no scripts, from call-back request to result.

UX "Must hold": works without JavaScript from lead to submitted upload, and for organizers by
download and result file.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from heyan.settings import Settings
from tests.conftest import LiveServer
from tests.enrolment import id_number, picture
from tests.organizer import member
from tests.releases import Batches, Organizer, manifest_of
from tests.releases_fixtures import batches, organizer
from uploads_worker.releases import build_release

__all__ = ["batches", "organizer"]


@pytest.fixture
def plain(browser: Any, live_server: LiveServer) -> Iterator[Any]:
    """A phone's browser with scripts switched off."""
    context = browser.new_context(
        base_url=live_server.url,
        locale="zh-CN",
        java_script_enabled=False,
        viewport={"width": 360, "height": 740},
    )
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def press(page: Any, words: str) -> None:
    """Press the button or link that says *words*, as a finger would."""
    main = page.locator("main")
    # Either, whichever the page that is still arriving turns out to hold.
    button = main.get_by_role("button", name=words, exact=True)
    button.or_(main.get_by_role("link", name=words)).first.click()


def test_a_visitor_leaves_a_number(plain: Any, batches: Batches) -> None:
    """A1: the button is dead until the box is ticked, the server refuses and keeps what stands."""
    plain.goto("/")
    plain.fill("#lead-name", "王女士")
    plain.fill("#lead-phone", "13800138000")
    assert not plain.is_checked("#lead-consent")
    button = plain.get_by_role("button", name="请给我回电")
    assert button.evaluate("each => getComputedStyle(each).pointerEvents") == "none"
    plain.press("#lead-phone", "Enter")
    assert "同意" in plain.inner_text("#lead-consent-error")
    assert plain.get_attribute("#lead-consent", "aria-describedby") == "lead-consent-error"
    assert plain.input_value("#lead-name") == "王女士"
    assert plain.input_value("#lead-phone") == "13800138000"
    assert not plain.is_checked("#lead-consent")
    plain.check("#lead-consent")
    assert button.evaluate("each => getComputedStyle(each).pointerEvents") == "auto"
    button.click()
    assert "/leads/thanks" in plain.url
    assert plain.locator("h1").count() == 1


def test_a_document_goes_to_the_organizer_and_the_result_comes_back(
    plain: Any,
    browser: Any,
    live_server: LiveServer,
    batches: Batches,
    organizer: Organizer,
    app: Flask,
    settings: Settings,
    db_session: Session,
    tmp_path: Path,
) -> None:
    """Event page, account, student, answers, consents, number, pictures; batch; result file."""
    with batches.session() as session:
        from heyan.events.models import Event

        slug = session.get_one(Event, organizer.event_id).slug
    _enrol(plain, slug)
    build_release(batches.context, organizer.event_id, "demand", None)
    release = batches.releases(organizer)[-1]
    who = member(app, settings, db_session, organizer.organization_id)
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    who.enter(context, live_server.url)
    _decide(context.new_page(), batches, organizer, release, tmp_path)
    context.close()
    plain.goto("/registrations")
    plain.locator("main a", has_text="第十二届华北青少年科创赛").first.click()
    assert "照片不清楚" in plain.inner_text("main") or "退回" in plain.inner_text("main")


def _enrol(page: Any, slug: str) -> None:
    phone, password = f"139{uuid.uuid4().int % 10**8:08d}", uuid.uuid4().hex
    page.goto(f"/events/{slug}")
    press(page, "开始报名")
    press(page, "开立账号")
    page.fill("#phone", phone)
    page.fill("#password", password)
    page.check("#consent")
    press(page, "开立账号")
    page.fill("#phone", phone)
    page.fill("#password", password)
    press(page, "登录")
    page.fill("#name", "阿依古丽·买买提")
    page.fill("#birth_date", "2008-03-04")
    page.get_by_label("我的子女").check()
    press(page, "保存学员")
    press(page, "继续")
    page.fill("#field_school", "样本市第一中学")
    press(page, "保存并继续")
    page.locator("#identity_documents").press("Enter")
    assert "请阅读后勾选" in page.inner_text(".error-summary")
    page.locator("#identity_documents").check()
    page.locator("#hand_over").check()
    press(page, "同意并继续")
    page.fill("#id_number", id_number())
    press(page, "封存并继续")
    for kind in ("id_card_front", "id_card_back"):
        page.locator(f"main a[href$='/documents/{kind}']").first.click()
        file = {"name": "card.jpg", "mimeType": "image/jpeg", "buffer": picture()}
        page.set_input_files("#file", file)
        page.locator("summary").click()
        page.select_option("#rotation", "90")
        press(page, "上传并封存")
        assert page.locator(".timeline").is_visible()
        page.go_back(), page.go_back()
    page.goto(page.url.split("/documents")[0] + "/check")
    press(page, "提交报名")
    assert page.locator("[data-number]").is_visible()


def _decide(page: Any, batches: Batches, organizer: Organizer, release: Any, folder: Path) -> None:
    page.goto("/organizer")
    page.locator(f"main a[href$='{release.id}']").first.click()
    saved: dict[str, bytes] = {}
    for words in ("下载批次文件", "下载清单"):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=words).click()
        waiting.value.save_as(folder / waiting.value.suggested_filename)
        saved[words] = (folder / waiting.value.suggested_filename).read_bytes()
    assert len(saved["下载批次文件"]) == manifest_of(saved["下载清单"].decode())["file"]["bytes"]
    opened = batches.open(organizer, release)
    assert saved["下载批次文件"] == opened.file
    page.reload()
    page.fill("#manifest_sha256", release.manifest_sha256.hex())
    press(page, "确认收到")
    press(page, "用结果文件提交")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="下载 CSV 模板").click()
    waiting.value.save_as(folder / "result.csv")
    text = (folder / "result.csv").read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2
    rows[0] |= {"outcome": "accepted"}
    rows[1] |= {"outcome": "returned", "reason_code": "blurred"}
    with (folder / "result.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    page.set_input_files("#file", folder / "result.csv")
    press(page, "上传并预览")
    page.locator("#publish").check()
    press(page, "确认保存")
    assert page.locator(".notice-success").is_visible()
