"""Doors under many requests at the same moment (SECURITY 20, 24; C-31, C-37, C-38, C-51)."""

from __future__ import annotations

import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from heyan.access import Realm, Role
from heyan.accounts import people
from heyan.accounts.errors import NotThisOne
from heyan.accounts.models import AccountRole
from heyan.audit.service import OPERATOR, Actor
from heyan.clock import now
from heyan.organizations.models import Organization
from tests.accounts import LONG, Browser, Someone, let_in, registered
from tests.conftest import Clock

# One is in; the other is refused as used, or told to wait since its try was not settled yet.
ONE_OF_TWO = ([303, 422], [303, 429])


def together(count: int, act: object) -> list[int]:
    """Do the same *count* times at once and return the statuses."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(act, range(count)))  # type: ignore[arg-type]


def owing(site: Flask, someone: Someone, count: int) -> list[tuple[Browser, str]]:
    """Browsers that gave the right password, each with a form token."""
    browsers = [Browser(site) for _ in range(count)]
    for browser in browsers:
        assert browser.sign_in(someone.login, LONG, "/staff/login").status_code == 303
    return [(browser, browser.token("/account/code")) for browser in browsers]


def test_guesses_at_once_do_not_slip_past_the_count(site: Flask) -> None:
    """SECURITY 20, C-31: a try is charged before the password is looked at."""
    someone = registered(site)
    browsers = [Browser(site) for _ in range(24)]
    tokens = [browser.token("/account/login") for browser in browsers]

    def guess(number: int) -> int:
        browser = browsers[number]
        return browser.client.post(
            "/account/login",
            data={"csrf_token": tokens[number], "phone": someone.login, "password": "wrong one"},
            environ_base={"REMOTE_ADDR": browser.address},
        ).status_code

    statuses = together(24, guess)
    assert statuses.count(422) <= 9
    assert statuses.count(429) >= 15


def test_one_code_opens_one_session(site: Flask, db_session: Session, clock: Clock) -> None:
    """SECURITY 24, C-37: the same code from two browsers in the same moment."""
    colleague = let_in(site, db_session)
    assert colleague.authenticator
    clock.move(timedelta(minutes=2))
    waiting = owing(site, colleague, 2)
    code = colleague.authenticator.code()

    def enter(number: int) -> int:
        browser, token = waiting[number]
        return browser.client.post(
            "/account/code",
            data={"csrf_token": token, "code": code},
            environ_base={"REMOTE_ADDR": browser.address},
        ).status_code

    assert sorted(together(2, enter)) in ONE_OF_TWO


def test_one_recovery_code_opens_one_session(site: Flask, db_session: Session) -> None:
    """C-38."""
    colleague = let_in(site, db_session)
    waiting = owing(site, colleague, 2)

    def enter(number: int) -> int:
        browser, token = waiting[number]
        return browser.client.post(
            "/account/code",
            data={"csrf_token": token, "code": colleague.recovery_codes[5]},
            environ_base={"REMOTE_ADDR": browser.address},
        ).status_code

    assert sorted(together(2, enter)) in ONE_OF_TWO


def test_one_activation_code_sets_one_password(site: Flask, db_session: Session) -> None:
    """C-33."""
    issued = people.invite(
        db_session,
        OPERATOR,
        realm=Realm.STAFF,
        login=f"p{secrets.token_hex(6)}",
        name="测试员",
        roles=[Role.AUDITOR],
    )
    browsers = [Browser(site) for _ in range(4)]
    tokens = [browser.token("/account/activate") for browser in browsers]

    def use(number: int) -> int:
        return (
            browsers[number]
            .client.post(
                "/account/activate",
                data={"csrf_token": tokens[number], "code": issued.code, "password": LONG},
                environ_base={"REMOTE_ADDR": browsers[number].address},
            )
            .status_code
        )

    assert sorted(together(4, use)) == [200, 422, 422, 422]


def test_two_administrators_do_not_shut_each_other_out(site: Flask, db_session: Session) -> None:
    """The last who could let others in stays, also when both act at once."""
    organization = _organization(db_session)
    owners = [
        people.invite(
            db_session,
            OPERATOR,
            realm=Realm.ORGANIZER,
            login=f"o{secrets.token_hex(6)}",
            name=f"负责人{number}",
            roles=[Role.ORGANIZER_OWNER],
            organization_id=organization,
        ).account_id
        for number in range(2)
    ]

    def shut_out(number: int) -> int:
        with site.extensions["heyan"].sessions() as session:
            try:
                people.disable(
                    session,
                    Actor("organizer", owners[number]),
                    realm=Realm.ORGANIZER,
                    account_id=owners[1 - number],
                    organization_id=organization,
                )
            except NotThisOne:
                return 0
            return 1

    assert sum(together(2, shut_out)) == 1


def _organization(session: Session) -> uuid.UUID:
    row = Organization(
        name=f"主办{secrets.token_hex(5)}",
        contact="010-1",
        processing_role="independent",
        active=True,
        created_at=now(),
    )
    session.add(row)
    session.commit()
    return row.id


def test_a_role_that_was_taken_away_counts_at_the_next_request(
    site: Flask, db_session: Session
) -> None:
    """C-51."""
    colleague = let_in(site, db_session, roles=(Role.AUDITOR,))
    assert colleague.browser.get("/staff/audit").status_code == 200
    db_session.execute(delete(AccountRole).where(AccountRole.account_id == colleague.account_id))
    db_session.commit()
    assert colleague.browser.get("/staff/audit").status_code == 403
