"""Codes of accounts by SMS, through the provider's own door: arrive, work once, stand nowhere."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan import create_app
from heyan.access import Role
from heyan.settings import Settings
from tests.accounts import LONG, Browser, Someone, let_in, quick, some_phone
from tests.notifications import SmsService
from tests.oversight import train
from tests.unit.notifications.conftest import BOTH, Reachable
from tests.unit.notifications.test_channels import NEW, work
from uploads_worker.context import Context


@pytest.fixture
def clerk(site: Flask, web_engine: Engine) -> Someone:
    """Somebody at the service desk."""
    with Session(web_engine) as session:
        someone = let_in(site, session, roles=(Role.SERVICE,))
        assert someone.account_id
        train(session, someone.account_id)
        session.commit()
    return someone


def code_of(sms: SmsService, phone: str) -> str:
    """The code in the latest message to a number, as the provider got it."""
    return str(json.loads(sms.to(phone)[-1]["TemplateParam"])["code"])


def nowhere(code: str, owner: Engine, said: str) -> None:
    """No table and no line of any log holds the code, with or without its hyphens."""
    with owner.connect() as connection:
        stored = ""
        tables = "procrastinate_jobs messages proofs account_codes invitations audit_entries"
        for table in tables.split():
            rows = connection.execute(text(f"SELECT {table}::text FROM {table}")).scalars()
            stored += "\n".join(rows)
    for form in (code, code.replace("-", "")):
        assert form not in stored
        assert form not in said


def test_a_reset_code_by_sms_arrives_works_once_and_is_in_no_log(
    site: Flask,
    clerk: Someone,
    somebody: Reachable,
    worker: Context,
    owner_engine: Engine,
    sms: SmsService,
    capfd: Any,
) -> None:
    """S-016, C-34, C-35, SECURITY 45: to the number on file alone; no colleague reads it."""
    found = clerk.browser.post("/staff/accounts", phone=somebody.phone)
    page = found.headers["Location"]
    sent = clerk.browser.post(f"{page}/reset", page=page, way="sms")
    assert sent.status_code == 303, sent.text
    work(worker, owner_engine)
    code = code_of(sms, somebody.phone)
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", code)
    assert code not in clerk.browser.get(page).text
    stranger = Browser(site)
    fields = {"phone": somebody.phone, "code": code}
    assert stranger.post("/account/reset", **fields, password=NEW).status_code == 200
    assert stranger.post("/account/reset", **fields, password=NEW + "x").status_code == 422
    assert stranger.sign_in(somebody.phone, NEW).status_code == 303
    said = capfd.readouterr()
    nowhere(code, owner_engine, said.out + said.err)


def test_an_activation_code_by_sms_arrives_works_once_and_is_in_no_log(
    site: Flask,
    clerk: Someone,
    worker: Context,
    owner_engine: Engine,
    sms: SmsService,
    capfd: Any,
) -> None:
    """S-015, B3, C-33, SECURITY 45: the colleague who opens the account never sees it."""
    phone, page = some_phone(), "/staff/accounts/new"
    sent = clerk.browser.post(page, phone=phone, name="王女士", asked="y", text="y")
    assert sent.status_code == 303, sent.text
    work(worker, owner_engine)
    code = code_of(sms, phone)
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", code)
    assert code not in clerk.browser.get(sent.headers["Location"]).text
    owner = Browser(site)
    opened = owner.post("/account/opened", code=code)
    assert opened.status_code == 200
    fields = {"code": code, "password": LONG, "consent": "y"}
    done = owner.post("/account/opened", **fields)
    assert done.status_code == 200, done.text
    assert owner.post("/account/opened", **fields).status_code == 422
    assert owner.sign_in(phone, LONG).status_code == 303
    said = capfd.readouterr()
    nowhere(code, owner_engine, said.out + said.err)


def test_nothing_is_opened_where_no_sms_can_go_out(settings: Settings, clerk: Someone) -> None:
    """B3, C-62: the site's breaker is open; the form says so and keeps what was typed."""
    shut = create_app(dataclasses.replace(quick(settings), channels=BOTH, message_sms_per_hour=0))
    browser, phone = Browser(shut), some_phone()
    assert browser.sign_in(clerk.login, LONG, "/staff/login").status_code == 303
    assert browser.post("/account/code", code=clerk.recovery_codes[0]).status_code == 303
    page = "/staff/accounts/new"
    refused = browser.post(page, phone=phone, name="王女士", asked="y", text="y")
    assert refused.status_code == 422
    assert "王女士" in refused.text
    assert "没有开立账号" in refused.text
    # Nothing is there: by hand it is opened, which a number with an account is not.
    assert browser.post(page, phone=phone, name="王女士", asked="y").status_code == 200
