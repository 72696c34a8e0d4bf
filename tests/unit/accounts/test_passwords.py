"""What may be a password, and what is stored of it (SECURITY 19; C-27 to C-30; Q16)."""

from __future__ import annotations

import dataclasses
import re
import threading
import time
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import create_app
from heyan.access import Realm
from heyan.accounts import blocklist, passwords
from heyan.accounts.entry import find
from heyan.accounts.models import Account
from heyan.accounts.passwords import Hasher, PasswordRefused, Reason
from heyan.clock import now
from heyan.settings import Settings
from tests.accounts import LONG, SHORT, Browser, let_in, quick, registered, some_phone


def refused(settings: Settings, password: str, realm: Realm, *context: str) -> Reason | None:
    """Why a password is refused, or None."""
    try:
        passwords.check(password, realm=realm, settings=settings, context=context)
    except PasswordRefused as error:
        return error.reason
    return None


def test_the_offline_list_is_long_enough() -> None:
    """SECURITY 19, C-29: at least a hundred thousand."""
    assert blocklist.size() >= 100_000


@pytest.mark.parametrize(
    "password", ["password123", "qwertyuiop", "iloveyou1", "1q2w3e4r5t", "sunshine1", "P@ssw0rd"]
)
def test_a_common_password_is_refused(settings: Settings, password: str) -> None:
    """SECURITY 19, C-29."""
    assert refused(settings, password, Realm.PUBLIC) is not None


@pytest.mark.parametrize(
    ("password", "context"),
    [
        ("heyan2026!!", ()),
        ("准考证准考证2026", ()),
        ("a13912345678b", ("+8613912345678",)),
        ("王小满王小满2008", ("王小满",)),
    ],
)
def test_words_about_site_and_person_are_refused(
    settings: Settings, password: str, context: tuple[str, ...]
) -> None:
    """C-29: site, phone, name, 准考证, year."""
    assert refused(settings, password, Realm.PUBLIC, *context) is Reason.CONTEXT


@pytest.mark.parametrize(
    ("realm", "length", "fits"),
    [
        (Realm.PUBLIC, 7, False),
        (Realm.PUBLIC, 8, True),
        (Realm.STAFF, 11, False),
        (Realm.STAFF, 12, True),
        (Realm.ORGANIZER, 11, False),
        (Realm.PUBLIC, 128, True),
        (Realm.PUBLIC, 129, False),
    ],
)
def test_the_length_rules(settings: Settings, realm: Realm, length: int, fits: bool) -> None:
    """SECURITY 19, C-27: 8 (students, second factor), 12 (staff, organizers), 128 at most."""
    password = ("vK3钥q。Zt 9é" * 20)[:length]
    assert (refused(settings, password, realm) is None) is fits


def test_no_kind_of_character_is_asked_for(settings: Settings) -> None:
    """C-28."""
    assert refused(settings, "zebra umbrella ketchup", Realm.STAFF) is None
    assert refused(settings, "斑马雨伞番茄酱台灯窗帘书包", Realm.STAFF) is None


def test_exact_bytes_count(site: Flask) -> None:
    """SECURITY 19, C-27: 128 characters, blanks at the ends, emoji; nothing is cut or folded."""
    password = "  Ｆｕｌｌ 🙂 " + "é" * 114 + " x"
    assert len(password) <= 128
    browser, phone = Browser(site), some_phone()
    browser.register(phone, password)
    assert browser.sign_in(phone, password.strip()).status_code == 422
    assert browser.sign_in(phone, password[:-1]).status_code == 422
    assert browser.sign_in(phone, password).status_code == 303


def test_a_refusal_says_why_and_keeps_the_number(browser: Browser) -> None:
    """C-29: refused with its reason."""
    phone = some_phone()
    answer = browser.register(phone, "sunshine1")
    assert answer.status_code == 422
    assert "已泄露" in answer.text
    assert f'value="{phone}"' in answer.text
    assert "sunshine1" not in answer.text


def test_paste_and_managers_work(browser: Browser) -> None:
    """C-28: the field says what it is and hinders nothing."""
    page = browser.get("/account/register").text
    field = re.search(r'<input[^>]*name="password"[^>]*>', page)
    assert field
    assert 'autocomplete="new-password"' in field[0]
    assert "onpaste" not in page
    longest = re.search(r'maxlength="(\d+)"', field[0])
    assert longest is None or int(longest[1]) >= 1000


def test_what_is_stored_is_argon2id_under_a_pepper(site: Flask, db_session: Session) -> None:
    """SECURITY 19, C-30: the hash of the password alone does not match."""
    someone = registered(site)
    account = find(db_session, Realm.PUBLIC, f"+86{someone.login}")
    assert account is not None
    stored = account.password_hash or ""
    assert stored.startswith("$argon2id$")
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(stored, LONG)


def test_production_numbers_are_the_controls_own(settings: Settings) -> None:
    """C-30, SECURITY 19: CONTROLS 5: 64 MiB, 3 passes, at most 4 at once."""
    assert (settings.argon2_memory_kib, settings.argon2_passes) == (65536, 3)
    assert settings.argon2_at_once <= 4


def test_a_weaker_hash_is_made_anew_at_sign_in(
    settings: Settings, site: Flask, db_session: Session
) -> None:
    """C-30."""
    someone = registered(site)
    account = find(db_session, Realm.PUBLIC, f"+86{someone.login}")
    assert account is not None
    weak = dataclasses.replace(settings, argon2_memory_kib=8, argon2_passes=1)
    account.password_hash = Hasher(weak).hash(LONG)
    db_session.commit()
    assert Browser(site).sign_in(someone.login, LONG).status_code == 303
    db_session.expire_all()
    stored = db_session.scalars(select(Account.password_hash).where(Account.id == account.id)).one()
    assert "m=8," not in (stored or "")


def test_a_change_needs_the_old_password(site: Flask) -> None:
    """C-27."""
    someone = registered(site)
    page = "/account/password"
    new = "violet harbour tangerine"
    assert someone.browser.post(page, password="wrong", new_password=new).status_code == 422
    assert someone.browser.post(page, password=LONG, new_password=new).status_code == 303
    assert Browser(site).sign_in(someone.login, LONG).status_code == 422
    assert Browser(site).sign_in(someone.login, new).status_code == 303


def test_the_same_password_is_no_change(site: Flask) -> None:
    someone = registered(site)
    answer = someone.browser.post("/account/password", password=LONG, new_password=LONG)
    assert answer.status_code == 422


def test_an_assessed_operator_may_ask_staff_for_new_passwords(
    settings: Settings, db_session: Session
) -> None:
    """Q17: one switch, for staff only; without it no password ages."""
    dated = create_app(dataclasses.replace(quick(settings), staff_password_max_age_days=90))
    colleague, someone = let_in(dated, db_session), registered(dated)
    assert colleague.browser.get("/staff").status_code == 200
    changed = db_session.get_one(Account, colleague.account_id)
    changed.password_changed_at = now() - timedelta(days=91)
    other = find(db_session, Realm.PUBLIC, f"+86{someone.login}")
    assert other is not None
    other.password_changed_at = changed.password_changed_at
    db_session.commit()
    assert colleague.browser.get("/staff").location == "/account/password"
    assert someone.browser.get("/registrations").status_code == 200
    sent = colleague.browser.post(
        "/account/password", password=LONG, new_password="violet harbour tangerine"
    )
    assert sent.status_code == 303
    assert colleague.browser.get("/staff").status_code == 200


def test_a_short_password_does_not_stand_alone(site: Flask) -> None:
    """SECURITY 19: Q16: 8 with a second factor, else 15."""
    someone = registered(site)
    answer = someone.browser.post("/account/password", password=LONG, new_password=SHORT)
    assert answer.status_code == 422
    assert "15" in answer.text


def test_the_first_rush_shares_one_bound(settings: Settings) -> None:
    """C-30, CONTROLS 5: sixteen people at once after a start find one hasher, not sixteen."""
    cold = dataclasses.replace(quick(settings), site_name="a site that was never asked")
    start, found = threading.Barrier(16), []

    def ask() -> None:
        start.wait()
        found.append(passwords.hasher(cold))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_a_crowd_is_asked_back_instead_of_holding_every_thread(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SECURITY 44, C-30: some are at work, some wait, the rest hear at once and not after 20 s."""
    monkeypatch.setattr(passwords, "WAITING", 0)
    full = Hasher(dataclasses.replace(quick(settings), argon2_at_once=1))
    began, entered, go_on = time.monotonic(), threading.Event(), threading.Event()

    class Held:
        def verify(self, *_: object) -> bool:
            entered.set()
            return go_on.wait(60)

    monkeypatch.setattr(full, "_argon", Held())
    busy = threading.Thread(target=full.verify, args=(None, LONG))
    busy.start()
    assert entered.wait(30)
    with pytest.raises(passwords.Overloaded):
        full.verify(None, LONG)
    assert time.monotonic() - began < 15
    go_on.set()
    busy.join()
    assert full.verify("stored", LONG)
