"""Accounts that the company opens: one, many, and what their owners are told and asked."""

from __future__ import annotations

import io
import re
import uuid
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import text

from heyan.access import Role
from tests.agreements import bind
from tests.enrolment import Person, World, hidden_fields, words_of
from tests.staff import Colleague, colleague, organization

PASSWORD = "vier-ruhige-krähen-am-see"


@pytest.fixture
def clerk(world: World) -> Colleague:
    """Somebody of customer service."""
    return colleague(world, Role.SERVICE)


def somebody(world: World) -> Person:
    """A browser with nobody signed in."""
    return Person(world.app.test_client(), uuid.UUID(int=0), "")


def number(world: World) -> str:
    """A mainland number nobody has yet."""
    with world.session() as session:
        count = session.scalar(text("SELECT count(*) FROM accounts")) or 0
    return f"138{count + 20_000_000:08d}"


def opened(clerk: Colleague, phone: str) -> str:
    """Open an account and return the code that the sheet shows."""
    shown = clerk.post("/staff/accounts/new", phone=phone, name="王小满", asked="y")
    assert shown.status_code == 200, words_of(shown)
    found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", shown.text)
    assert found
    return found[0]


def source(clerk: Colleague, organization_id: object = "") -> str:
    """Record a source and return its id."""
    clerk.post(
        "/staff/accounts/sources/new",
        party="第一中学",
        organization=str(organization_id),
        commitment="承诺书 2026-11 号",
        scope="为参赛学生开立报名账号",
    )
    found = re.findall(r'<option value="([0-9a-f-]{36})"', clerk.get("/staff/accounts/import").text)
    return str(found[0])


def send(clerk: Colleague, data: bytes, *, source_id: str, name: str = "list.csv") -> Any:
    """Send a list for preview."""
    token = hidden_fields(clerk.get("/staff/accounts/import").text)["csrf_token"]
    return clerk.client.post(
        "/staff/accounts/import",
        data={"csrf_token": token, "source": source_id, "file": (io.BytesIO(data), name)},
        content_type="multipart/form-data",
    )


def test_an_opened_account_is_activated_once_by_its_owner_who_is_told_and_asked(
    world: World, clerk: Colleague
) -> None:
    """B3, S-015, C-33: no password before, consent at activation, the code works once."""
    phone = number(world)
    code = opened(clerk, phone)
    owner = somebody(world)
    page = owner.post("/account/opened", code=code)
    assert "要求我们代为开立" in words_of(page)
    refused = owner.client.post(
        "/account/opened", data={**hidden_fields(page.text), "password": PASSWORD}
    )
    assert refused.status_code == 422
    done = owner.client.post(
        "/account/opened", data={**hidden_fields(page.text), "password": PASSWORD, "consent": "y"}
    )
    assert done.status_code == 200, words_of(done)
    assert "账号已启用" in done.text
    again = owner.post("/account/opened", code=code)
    assert again.status_code == 422
    entered = somebody(world).post("/account/login", phone=phone, password=PASSWORD)
    assert entered.status_code == 303
    with world.session() as session:
        told = session.execute(
            text("SELECT told_at, agreed_at FROM opened_accounts ORDER BY opened_at DESC LIMIT 1")
        ).one()
        consents = session.scalar(
            text(
                "SELECT count(*) FROM consent_records WHERE account_id ="
                " (SELECT account_id FROM opened_accounts ORDER BY opened_at DESC LIMIT 1)"
            )
        )
    assert told[0] is not None
    assert told[1] is not None
    assert consents == 1


def test_a_hand_out_code_does_not_pass_the_door_that_asks_no_consent(
    world: World, clerk: Colleague
) -> None:
    """S-103: nothing is processed before consent, whichever door is tried."""
    code = opened(clerk, number(world))
    tried = somebody(world).post("/account/activate", code=code, password=PASSWORD)
    assert tried.status_code == 422


def test_a_hand_out_code_ends_after_fourteen_days(
    world: World, clerk: Colleague, clock: Any
) -> None:
    """C-33, CONTROLS 5."""
    code = opened(clerk, number(world))
    clock.move(timedelta(days=14, minutes=1))
    assert somebody(world).post("/account/opened", code=code).status_code == 422


def test_a_list_without_a_recorded_source_is_refused(world: World, clerk: Colleague) -> None:
    """K3, S-103: 409, and nothing is read; said beside the field, with what to do."""
    answer = send(clerk, "手机号,姓名\n13800000001,甲\n".encode(), source_id="")
    assert answer.status_code == 409
    assert 'id="source-error"' in answer.text
    assert "请选择名单的来源" in answer.text
    assert "登记名单的来源" in answer.text
    assert 'type="file"' in answer.text
    assert world


def test_a_list_from_an_organizer_without_agreement_is_refused(
    world: World, clerk: Colleague
) -> None:
    """S-104: a suspended party's import is refused."""
    organizer = organization(world)
    chosen = source(clerk, organizer.id)
    data = f"手机号,姓名\n{number(world)},甲\n".encode()
    assert send(clerk, data, source_id=chosen).status_code == 200
    with world.session() as session:
        session.execute(
            text("UPDATE agreements SET status = 'suspended' WHERE organization_id = :o"),
            {"o": organizer.id},
        )
        session.commit()
    refused = send(clerk, data, source_id=chosen)
    assert refused.status_code == 409
    # What was chosen stays chosen.
    assert f'selected value="{chosen}"' in refused.text
    with world.session() as session:
        bind(session, organizer.id)
        session.commit()
    assert send(clerk, data, source_id=chosen).status_code == 200


def test_a_list_is_shown_row_by_row_before_anything_is_made(world: World, clerk: Colleague) -> None:
    """B3, S-015: preview with faults by line; after it each person has a code, kept nowhere."""
    first = number(world)
    taken = number(world)
    opened(clerk, taken)
    fresh = str(int(first) + 7)
    data = f"姓名,手机号\n甲,{fresh}\n乙,123\n丙,{fresh}\n,13900000009\n丁,{taken}\n".encode()
    preview = send(clerk, data, source_id=source(clerk))
    said = words_of(preview)
    assert "将开立 1 个账号，4 行不收" in said
    for words in ("手机号不对", "姓名没有填写", "同一个手机号", "已经有账号"):
        assert words in said
    with world.session() as session:
        before = session.scalar(text("SELECT count(*) FROM opened_accounts"))
    made = clerk.client.post("/staff/accounts/import/confirm", data=hidden_fields(preview.text))
    assert made.status_code == 200, words_of(made)
    codes = re.findall(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", made.text)
    assert len(codes) == 1
    with world.session() as session:
        after = session.scalar(text("SELECT count(*) FROM opened_accounts"))
        trail = session.scalar(text("SELECT string_agg(details::text, ' ') FROM audit_entries"))
    assert after == (before or 0) + 1
    assert codes[0] not in trail
    assert fresh not in trail


def test_an_xlsx_list_is_read_and_one_with_macros_is_not(world: World, clerk: Colleague) -> None:
    """C-55: bounded, sniffed, no macros."""
    book = Workbook()
    book.active.append(["手机号", "姓名"])
    book.active.append([int(number(world)) + 11, "戊"])
    out = io.BytesIO()
    book.save(out)
    chosen = source(clerk)
    assert "将开立 1 个账号" in words_of(send(clerk, out.getvalue(), source_id=chosen))
    with zipfile.ZipFile(out, "a") as packed:
        packed.writestr("xl/vbaProject.bin", b"macro")
    refused = send(clerk, out.getvalue(), source_id=chosen, name="list.xlsx")
    assert refused.status_code == 422
    assert "读不出表格" in words_of(refused)
