"""A report of strange hands by number and code: the same answer and work for every number."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy.engine import Engine

from tests.accounts import LONG, Browser, some_phone
from tests.notifications import SmsService, counted
from tests.unit.notifications.conftest import Reachable
from tests.unit.notifications.test_channels import code_in, work
from uploads_worker.context import Context


def report(browser: Browser, phone: str, **fields: str) -> Any:
    """Fill in the report of strange hands."""
    return browser.post("/account/compromised", page="/account/compromised", phone=phone, **fields)


def test_asking_for_the_code_costs_the_same_for_every_number(
    site: Flask, somebody: Reachable
) -> None:
    """C-32, S-102: who has an account shows neither in the page nor in the work done for it."""
    work_done, pages = [], []
    for phone in (somebody.phone, some_phone()):
        browser = Browser(site)
        browser.token("/account/compromised")
        with counted() as statements:
            answer = report(browser, phone)
        work_done.append(statements)
        pages.append((answer.status_code, len(answer.text)))
    assert work_done[0] == work_done[1]
    assert pages[0] == pages[1]


def test_the_code_freezes_once_and_a_wrong_one_five_times_over_nothing(
    site: Flask, somebody: Reachable, worker: Context, owner_engine: Engine, sms: SmsService
) -> None:
    """S-102, C-33: six digits to the number on file; five tries; used up by freezing."""
    stranger = Browser(site)
    assert report(stranger, somebody.phone).status_code == 200
    work(worker, owner_engine)
    code = code_in(sms.to(somebody.phone)[-1])
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(2):
        assert report(stranger, somebody.phone, code=wrong).status_code == 422
    assert report(stranger, some_phone(), code=code).status_code == 422
    assert report(stranger, somebody.phone, code=code).status_code == 200
    assert somebody.browser.get("/registrations").status_code != 200
    assert report(stranger, somebody.phone, code=code).status_code == 422
    assert somebody.browser.sign_in(somebody.phone, LONG).status_code != 303
