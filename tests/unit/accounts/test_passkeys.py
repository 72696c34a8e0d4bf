"""Passkeys: a second factor that cannot be replayed, moved or copied (I3; C-36, C-38, C-39, C-45).

Answers come from an authenticator written in tests/passkeys.py, so that they can be wrong.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan import create_app
from heyan.access import Realm, Role
from heyan.accounts import own_passkeys, passkeys, people
from heyan.accounts.entry import find
from heyan.accounts.models import Passkey, PasskeyChallenge
from heyan.audit.models import AuditEntry
from heyan.audit.service import OPERATOR
from heyan.notifications.models import Notice
from heyan.settings import Settings
from tests import passkeys as keys
from tests.accounts import LONG, SHORT, Browser, Someone, let_in, quick, registered, some_phone
from tests.conftest import Clock
from tests.passkeys import ORIGIN, SoftPasskey


@pytest.fixture(scope="module")
def site(settings: Settings, web_engine: Engine) -> Flask:
    """The application as `localhost` sees it: passkeys are bound to names, not numbers."""
    from tests.accounts import policy_in_force

    with Session(web_engine) as session:
        policy_in_force(session)
    return create_app(dataclasses.replace(quick(settings), base_url=ORIGIN))


@pytest.fixture
def colleague(site: Flask, db_session: Session) -> Someone:
    """A colleague with an authenticator, signed in."""
    return let_in(site, db_session)


@pytest.fixture
def passkey(colleague: Someone) -> SoftPasskey:
    """The colleague's passkey."""
    made = SoftPasskey()
    assert keys.register(colleague.browser, made).status_code == 303
    return made


def owing(someone: Someone, site: Flask, door: str = "/staff/login") -> Browser:
    """Give the right password on a new browser; the second factor is owed."""
    browser = Browser(site)
    answer = browser.sign_in(someone.login, someone.password, door)
    assert "/account/code" in answer.location
    return browser


def kinds(session: Session, someone: Someone) -> list[str]:
    """Kinds of the notices the person has, the oldest first."""
    session.rollback()
    return list(
        session.scalars(
            select(Notice.kind).where(Notice.account_id == someone.account_id).order_by(Notice.id)
        )
    )


def rows(session: Session, someone: Someone) -> list[Passkey]:
    """The person's passkeys as stored."""
    session.rollback()
    return own_passkeys.of(session, someone.account_id)  # type: ignore[arg-type] - set by let_in


def invited(site: Flask, session: Session) -> Someone:
    """A colleague with a password and no second factor yet, at the set-up page."""
    login = f"k{some_phone()}"
    issued = people.invite(
        session,
        OPERATOR,
        realm=Realm.STAFF,
        login=login,
        name="测试员",
        roles=(Role.SERVICE,),
    )
    browser = Browser(site)
    browser.post("/account/activate", code=issued.code, password=LONG)
    assert "/account/authenticator" in browser.sign_in(login, LONG, "/staff/login").location
    return Someone(browser, login, LONG, account_id=issued.account_id)


def test_a_passkey_completes_a_sign_in(
    site: Flask, colleague: Someone, passkey: SoftPasskey, db_session: Session
) -> None:
    """I3, C-36: instead of the code; its owner was told that it was added (C-39)."""
    browser = owing(colleague, site)
    assert browser.get("/staff").status_code == 403
    assert "data-passkey" in browser.get("/account/code").text
    assert keys.sign_in(browser, passkey).status_code == 303
    assert browser.get("/staff").status_code == 200
    assert "account_passkey_added" in kinds(db_session, colleague)


def test_a_passkey_is_a_step_up(
    site: Flask, colleague: Someone, passkey: SoftPasskey, clock: Clock
) -> None:
    """C-45, SECURITY 26: good for ten minutes, like a code."""
    browser = colleague.browser
    clock.move(timedelta(minutes=11))
    assert "/account/step-up" in browser.get("/staff/people/new").location
    before = browser.cookie("heyan_session")
    assert keys.step_up(browser, passkey).status_code == 303
    assert browser.cookie("heyan_session") != before
    assert browser.get("/staff/people/new").status_code == 200


def test_a_passkey_may_be_the_first_factor(site: Flask, db_session: Session) -> None:
    """I3, C-38: the forced set-up offers it, and recovery codes come with it, once."""
    someone = invited(site, db_session)
    assert "/account/passkeys/first" in someone.browser.get("/account/authenticator").text
    made = SoftPasskey()
    done = keys.register(someone.browser, made, "/account/passkeys/first")
    assert done.status_code == 200
    assert done.text.count("<li><code>") == 10
    assert someone.browser.get("/staff").status_code == 200
    browser = owing(someone, site)
    # The password alone adds nothing, replaces nothing, removes nothing (SECURITY 24).
    assert browser.get("/account/passkeys/first").status_code == 302
    token = browser.token("/account/code")
    send = browser.client.post
    for path in ("/account/authenticator", "/account/passkeys/first"):
        send(path, data={"csrf_token": token, "code": "123456", "name": "x", "answer": "{}"})
    asked = send("/account/passkeys/options", data={"csrf_token": token, "purpose": "register"})
    assert asked.status_code == 403
    assert browser.get("/staff").status_code == 403
    assert len(rows(db_session, someone)) == 1


def test_an_answer_is_good_once(site: Flask, colleague: Someone, passkey: SoftPasskey) -> None:
    """C-37 for passkeys: replayed in the same browser and in another."""
    one, other = owing(colleague, site), owing(colleague, site)
    answer = passkey.get(keys.options(one, "sign_in", "/account/code"))
    keys.options(other, "sign_in", "/account/code")
    door = {"path": "/account/code/passkey", "page": "/account/code", "answer": answer}
    assert "/account/code" in other.post(**door).location
    assert one.post(**door).location == "/staff"
    third = owing(colleague, site)
    assert "/account/code" in third.post(**door).location
    assert third.get("/staff").status_code == 403


def test_a_challenge_ends_with_two_minutes_and_with_a_wrong_answer(
    site: Flask, colleague: Someone, passkey: SoftPasskey, clock: Clock
) -> None:
    """C-37: single use, whatever came of it."""
    browser = owing(colleague, site)
    door = {"path": "/account/code/passkey", "page": "/account/code"}
    late = passkey.get(keys.options(browser, "sign_in", "/account/code"))
    clock.move(timedelta(minutes=3))
    browser.post(answer=late, **door)
    assert browser.get("/staff").status_code == 403
    right = passkey.get(keys.options(browser, "sign_in", "/account/code"))
    browser.post(answer="{}", **door)
    browser.post(answer=right, **door)
    assert browser.get("/staff").status_code == 403


@pytest.mark.parametrize(
    "lie",
    [
        {"origin": "https://heyan.example"},
        {"origin": "http://localhost:8001"},
        {"domain": "example"},
        {"verified": False},
        {"handle": b"someone else"},
    ],
    ids=["wrong origin", "wrong port", "wrong party", "nobody verified", "another's handle"],
)
def test_an_answer_for_another_place_or_person_opens_nothing(
    site: Flask,
    colleague: Someone,
    passkey: SoftPasskey,
    db_session: Session,
    lie: dict[str, object],
) -> None:
    """I3, C-39: refused, written down, and told to the owner when they add up."""
    browser = owing(colleague, site)
    for name, value in lie.items():
        setattr(passkey, name, value)
    for _try in range(3):
        assert "/account/code" in keys.sign_in(browser, passkey).location
    assert browser.get("/staff").status_code == 403
    assert "account_wrong_codes" in kinds(db_session, colleague)
    denied = db_session.scalars(
        select(AuditEntry.action).where(
            AuditEntry.subject_id == str(colleague.account_id), AuditEntry.outcome == "denied"
        )
    ).all()
    assert "accounts.code" in denied


@pytest.mark.parametrize(
    "lie",
    [{"origin": "https://heyan.example"}, {"domain": "example"}, {"verified": False}],
    ids=["wrong origin", "wrong party", "nobody verified"],
)
def test_a_passkey_of_another_place_is_not_registered(
    colleague: Someone, db_session: Session, lie: dict[str, object]
) -> None:
    """I3: origin and party come from BASE_URL; staff must be verified by the device."""
    made = SoftPasskey(**lie)  # type: ignore[arg-type] - the cases above
    assert keys.register(colleague.browser, made).status_code == 422
    assert rows(db_session, colleague) == []


def test_another_accounts_passkey_opens_nothing(
    site: Flask, colleague: Someone, passkey: SoftPasskey, db_session: Session
) -> None:
    """SECURITY 28: a credential belongs to one account, and is registered once."""
    other = let_in(site, db_session)
    browser = owing(other, site)
    assert "/account/code" in keys.sign_in(browser, passkey).location
    passkey.handle = (other.account_id or colleague.account_id).bytes  # type: ignore[union-attr]
    assert "/account/code" in keys.sign_in(browser, passkey).location
    assert browser.get("/staff").status_code == 403
    assert keys.register(other.browser, passkey).status_code == 422
    assert rows(db_session, other) == []


def test_a_challenge_is_of_one_purpose(
    site: Flask, colleague: Someone, passkey: SoftPasskey
) -> None:
    """A question for a step-up does not complete a sign-in, and none is asked out of place."""
    browser = owing(colleague, site)
    token = browser.token("/account/code")
    for purpose in ("step_up", "register"):
        asked = browser.client.post(
            "/account/passkeys/options", data={"csrf_token": token, "purpose": purpose}
        )
        assert asked.status_code == 403
    asked = colleague.browser.client.post(
        "/account/passkeys/options",
        data={"csrf_token": colleague.browser.token("/account/sessions"), "purpose": "sign_in"},
    )
    assert asked.status_code == 403
    # A question to another session, swapped in.
    question = keys.options(colleague.browser, "step_up", "/account/step-up")
    keys.options(browser, "sign_in", "/account/code")
    answer = passkey.get(question)
    sent = browser.post("/account/code/passkey", page="/account/code", answer=answer)
    assert "/account/code" in sent.location
    assert browser.get("/staff").status_code == 403


def test_a_copied_passkey_is_blocked_and_told(
    site: Flask, colleague: Someone, passkey: SoftPasskey, db_session: Session
) -> None:
    """I3, C-39: a counter that goes back shows a copy; the owner keeps codes to get in with."""
    assert keys.sign_in(owing(colleague, site), passkey).status_code == 303
    copy = owing(colleague, site)
    passkey.counter -= 1
    assert "/account/code" in keys.sign_in(copy, passkey).location
    assert copy.get("/staff").status_code == 403
    assert "account_passkey_copied" in kinds(db_session, colleague)
    passkey.counter += 10
    assert "/account/code" in keys.sign_in(copy, passkey).location
    (row,) = rows(db_session, colleague)
    assert row.blocked_at is not None
    blocked = db_session.scalars(
        select(AuditEntry).where(
            AuditEntry.action == "accounts.passkey_block", AuditEntry.subject_id == str(row.id)
        )
    ).one()
    assert blocked.outcome == "denied"


def test_a_blocked_passkey_is_no_way_to_set_up_another(site: Flask, db_session: Session) -> None:
    """SECURITY 24: with the only factor blocked, a recovery code is the way in."""
    someone = invited(site, db_session)
    made = SoftPasskey()
    done = keys.register(someone.browser, made, "/account/passkeys/first")
    code = done.text.split("<li><code>")[1].split("</code>")[0]
    (row,) = rows(db_session, someone)
    row.blocked_at = row.created_at
    db_session.commit()
    browser = owing(someone, site)
    assert "/account/code" in browser.get("/account/authenticator").location
    assert browser.post("/account/code", code=code).status_code == 303
    assert browser.get("/staff").status_code == 200


def test_the_last_factor_stays_where_one_is_forced(site: Flask, db_session: Session) -> None:
    """C-36, C-38: the only passkey of a colleague is not removed; one of two is, and told."""
    someone = invited(site, db_session)
    browser = someone.browser
    keys.register(browser, SoftPasskey(), "/account/passkeys/first")
    (first,) = rows(db_session, someone)
    path = f"/account/passkeys/{first.id}/remove"
    assert browser.post(path).status_code == 409
    second = SoftPasskey()
    assert keys.register(browser, second).status_code == 303
    assert browser.post(path).status_code == 303
    assert "account_passkey_removed" in kinds(db_session, someone)
    assert len(rows(db_session, someone)) == 1
    assert keys.sign_in(owing(someone, site), second).status_code == 303


def test_an_authenticator_may_go_where_a_passkey_stays(
    site: Flask, colleague: Someone, passkey: SoftPasskey, db_session: Session
) -> None:
    """C-38: factors are revocable one by one; the recovery codes stay good."""
    assert colleague.browser.post("/account/authenticator/remove").status_code == 303
    browser = owing(colleague, site)
    sent = browser.post("/account/code", code=colleague.recovery_codes[0])
    assert sent.location == "/staff"
    (row,) = rows(db_session, colleague)
    assert colleague.browser.post(f"/account/passkeys/{row.id}/remove").status_code == 409


def test_a_session_left_open_adds_no_passkey(
    site: Flask, colleague: Someone, db_session: Session, clock: Clock
) -> None:
    """C-45, ASVS 7.5.1: ten minutes after the last proof it is asked for again."""
    browser = colleague.browser
    clock.move(timedelta(minutes=11))
    assert "/account/step-up" in browser.get("/account/passkeys/new").location
    asked = browser.client.post(
        "/account/passkeys/options",
        data={"csrf_token": browser.token("/account/sessions"), "purpose": "register"},
    )
    assert asked.status_code == 403
    assert rows(db_session, colleague) == []


def test_a_short_password_stands_beside_a_passkey(site: Flask, db_session: Session) -> None:
    """Q16: eight characters and a passkey instead of fifteen; presence is enough for a student."""
    browser, phone = Browser(site), some_phone()
    browser.register(phone, SHORT)
    assert "/account/authenticator" in browser.sign_in(phone, SHORT).location
    made = SoftPasskey(verified=False)
    done = keys.register(browser, made, "/account/passkeys/first")
    assert done.status_code == 200
    someone = Someone(browser, phone, SHORT)
    new = owing(someone, site, "/account/login")
    assert keys.sign_in(new, made, remember="y").status_code == 303
    assert new.get("/account/sessions").status_code == 200
    # This browser is known now, and the password alone is enough on it.
    new.post("/account/logout", page="/account/sessions")
    assert "/account/code" not in new.sign_in(phone, SHORT).location
    account = find(db_session, Realm.PUBLIC, "+86" + phone)
    assert account is not None
    (row,) = own_passkeys.of(db_session, account.id)
    assert browser.post(f"/account/passkeys/{row.id}/remove").status_code == 409


def test_a_long_password_may_stand_alone_again(site: Flask, db_session: Session) -> None:
    """Q16, C-38: the codes go with the last factor."""
    someone = registered(site)
    browser = someone.browser
    browser.post("/account/step-up", password=LONG)
    assert keys.register(browser, SoftPasskey()).status_code == 200
    account = find(db_session, Realm.PUBLIC, "+86" + someone.login)
    assert account is not None
    (row,) = own_passkeys.of(db_session, account.id)
    assert browser.post(f"/account/passkeys/{row.id}/remove").status_code == 303
    assert "/account/code" not in Browser(site).sign_in(someone.login, LONG).location


def test_a_passkey_is_renamed_by_its_owner_alone(
    site: Flask, colleague: Someone, passkey: SoftPasskey, db_session: Session
) -> None:
    """SECURITY 28."""
    (row,) = rows(db_session, colleague)
    path = f"/account/passkeys/{row.id}/rename"
    assert colleague.browser.post(path, name="  公司笔记本 ").status_code == 303
    assert "公司笔记本" in colleague.browser.get("/account/passkeys").text
    assert colleague.browser.post(path, name="").status_code == 422
    other = let_in(site, db_session)
    assert other.browser.get(path).status_code == 404
    token = other.browser.token("/account/sessions")
    for act in ("rename", "remove"):
        sent = other.browser.client.post(
            f"/account/passkeys/{row.id}/{act}", data={"csrf_token": token, "name": "x"}
        )
        assert sent.status_code == 404


def test_what_is_kept_of_a_passkey_is_public(
    colleague: Someone, passkey: SoftPasskey, db_session: Session
) -> None:
    """No personal data: the handle is a random id, no attestation is kept, the name encrypted."""
    (row,) = rows(db_session, colleague)
    assert passkey.handle == row.account_id.bytes
    stored = db_session.connection().exec_driver_sql("SELECT name FROM passkeys").all()
    assert all("测试钥匙".encode() not in bytes(each[0]) for each in stored)


def test_ten_passkeys_are_enough(colleague: Someone, db_session: Session) -> None:
    """A bound on what one person may store."""
    for _count in range(own_passkeys.PASSKEYS):
        assert keys.register(colleague.browser, SoftPasskey()).status_code == 303
    assert keys.register(colleague.browser, SoftPasskey()).status_code == 422
    assert len(rows(db_session, colleague)) == own_passkeys.PASSKEYS


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        "[]",
        "null",
        "\0",
        "{" * 5000,
        json.dumps({"id": "AA", "rawId": "AA"}),
        "9" * 30000,
    ],
)
def test_a_strange_answer_is_a_refusal(site: Flask, colleague: Someone, answer: str) -> None:
    """SECURITY 40: whatever is sent, no fault of ours."""
    browser = owing(colleague, site)
    keys.options(browser, "sign_in", "/account/code")
    sent = browser.post("/account/code/passkey", page="/account/code", answer=answer)
    assert sent.status_code in (303, 422)
    assert browser.get("/staff").status_code == 403
    keys.options(colleague.browser, "register", "/account/passkeys/new")
    assert (
        colleague.browser.post("/account/passkeys/new", name="x", answer=answer).status_code == 422
    )


def test_a_challenge_leaves_nothing_behind(
    site: Flask, colleague: Someone, passkey: SoftPasskey, db_session: Session
) -> None:
    """One row a session and purpose, gone with the answer."""
    browser = owing(colleague, site)
    for _again in range(3):
        keys.options(browser, "sign_in", "/account/code")
    before = len(db_session.scalars(select(PasskeyChallenge)).all())
    assert keys.sign_in(browser, passkey).status_code == 303
    db_session.rollback()
    assert len(db_session.scalars(select(PasskeyChallenge)).all()) == before - 1


def test_the_party_is_the_sites_own_name(settings: Settings) -> None:
    """Origin and party from BASE_URL; on loopback the name that browsers accept."""
    public = dataclasses.replace(settings, base_url="https://heyan.example.cn")
    assert passkeys.party(public) == passkeys.Party(
        "heyan.example.cn", ["https://heyan.example.cn"]
    )
    local = dataclasses.replace(settings, base_url="http://127.0.0.1:8123")
    assert passkeys.party(local) == passkeys.Party("localhost", ["http://localhost:8123"])
