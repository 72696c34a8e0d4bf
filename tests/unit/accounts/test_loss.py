"""Lost second factors: two people, a delay, the owner told and able to stop it (C-34, C-35).

Also: the quarterly look at access, and the networks that staff may be in (S-077).
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan import create_app
from heyan.access import Realm, Role
from heyan.accounts import loss
from heyan.accounts.errors import NotFound, ResetRefused
from heyan.accounts.models import Account, FactorReset, IdentityProof
from heyan.audit.models import AuditEntry
from heyan.audit.service import Actor
from heyan.notifications.models import Notice
from heyan.settings import Settings
from tests.accounts import LONG, Browser, Someone, let_in, quick, registered
from tests.conftest import Clock

DELAY = timedelta(hours=72)


def named(session: Session, someone: Someone, name: str) -> Someone:
    """Give someone a name of their own: two of one name are one person to the rule."""
    session.get_one(Account, someone.account_id).name = name
    session.commit()
    return someone


@pytest.fixture
def asker(site: Flask, db_session: Session) -> Someone:
    """An administrator who asks."""
    return named(db_session, let_in(site, db_session), "提出人")


@pytest.fixture
def officer(site: Flask, db_session: Session) -> Someone:
    """A privacy officer who confirms."""
    return named(db_session, let_in(site, db_session, roles=(Role.PRIVACY_OFFICER,)), "核实人")


@pytest.fixture
def clerk(site: Flask, db_session: Session) -> Someone:
    """A clerk whose phone is gone."""
    return named(db_session, let_in(site, db_session, roles=(Role.SERVICE,)), "丢手机的人")


def ask(asker: Someone, clerk: Someone) -> None:
    """Ask through the page."""
    path = f"/staff/people/{clerk.account_id}/lost-factor"
    assert asker.browser.post(path).status_code == 422
    assert asker.browser.post(path, proof="met").status_code == 303


def request_of(session: Session, someone: Someone) -> FactorReset:
    """The latest request for someone."""
    session.rollback()
    return session.scalars(
        select(FactorReset)
        .where(FactorReset.account_id == someone.account_id)
        .order_by(FactorReset.id.desc())
    ).first()  # type: ignore[return-value] - there is one


def confirm(officer: Someone, row: FactorReset) -> int:
    """Confirm through the page."""
    path = f"/staff/lost-factors/{row.id}/confirm"
    return int(officer.browser.post(path, page="/staff/lost-factors").status_code)


def kinds(session: Session, someone: Someone) -> list[str]:
    """Kinds of the notices someone has."""
    return list(session.scalars(select(Notice.kind).where(Notice.account_id == someone.account_id)))


def test_two_people_and_three_days_take_a_lost_factor_off(
    site: Flask,
    db_session: Session,
    asker: Someone,
    officer: Someone,
    clerk: Someone,
    clock: Clock,
) -> None:
    """C-34, C-35: nothing before, everything told, and no one learns or chooses a secret."""
    ask(asker, clerk)
    row = request_of(db_session, clerk)
    assert confirm(asker, row) == 409
    assert "丢手机的人" in officer.browser.get("/staff/lost-factors").text
    assert confirm(officer, row) == 303
    new = Browser(site)
    assert "/account/code" in new.sign_in(clerk.login, LONG, "/staff/login").location
    clock.move(DELAY - timedelta(minutes=1))
    assert "/account/code" in new.sign_in(clerk.login, LONG, "/staff/login").location
    clock.move(timedelta(minutes=2))
    assert "/account/authenticator" in new.sign_in(clerk.login, LONG, "/staff/login").location
    assert new.get("/staff").status_code == 403
    told = kinds(db_session, clerk)
    assert {
        "account_factor_reset_asked",
        "account_factor_reset_confirmed",
        "account_factor_removed",
    } <= set(told)
    acts = set(
        db_session.scalars(
            select(AuditEntry.action).where(AuditEntry.subject_id == str(clerk.account_id))
        )
    )
    assert {
        "accounts.factor_reset_ask",
        "accounts.factor_reset_confirm",
        "accounts.factor_reset",
    } <= acts
    # Once: whatever is set up now stays.
    assert request_of(db_session, clerk).done


def test_the_owner_stops_what_was_not_theirs(
    site: Flask,
    db_session: Session,
    asker: Someone,
    officer: Someone,
    clerk: Someone,
    clock: Clock,
) -> None:
    """C-34: the delay is there to be used by the owner."""
    ask(asker, clerk)
    assert confirm(officer, request_of(db_session, clerk)) == 303
    page = clerk.browser.get("/account/sessions").text
    assert "/account/lost-factor/stop" in page
    sent = clerk.browser.post("/account/lost-factor/stop", page="/account/sessions")
    assert sent.status_code == 303
    clock.move(DELAY + timedelta(hours=1))
    new = Browser(site)
    assert "/account/code" in new.sign_in(clerk.login, LONG, "/staff/login").location


def test_a_request_lapses(
    site: Flask,
    db_session: Session,
    asker: Someone,
    officer: Someone,
    clerk: Someone,
    clock: Clock,
) -> None:
    """C-34: an old confirmation does not lie in wait for whoever has the password later."""
    ask(asker, clerk)
    assert confirm(officer, request_of(db_session, clerk)) == 303
    clock.move(DELAY + loss.OPEN_FOR + timedelta(hours=1))
    new = Browser(site)
    assert "/account/code" in new.sign_in(clerk.login, LONG, "/staff/login").location
    with Session(db_session.get_bind()) as session:
        assert loss.open_for(session, clerk.account_id) is None  # type: ignore[arg-type]


def test_nobody_does_both_halves(
    site: Flask, db_session: Session, asker: Someone, clerk: Someone, settings: Settings
) -> None:
    """C-50, SECURITY 30: not oneself, not one's namesake, not the one it is about."""
    own = asker.browser.post(f"/staff/people/{asker.account_id}/lost-factor", proof="met")
    assert own.status_code == 422
    ask(asker, clerk)
    row = request_of(db_session, clerk)
    twin = named(db_session, let_in(site, db_session, roles=(Role.ADMINISTRATOR,)), "提出人")
    assert confirm(twin, row) == 409
    # The one it is about, had they the right to confirm.
    with pytest.raises(ResetRefused):
        loss.confirm(db_session, settings, Actor("staff", clerk.account_id), row.id)
    assert request_of(db_session, clerk).confirmed_at is None
    again = asker.browser.post(f"/staff/people/{clerk.account_id}/lost-factor", proof="met")
    assert again.status_code == 422


def test_fifty_confirmations_at_once_count_once(
    web_engine: Engine,
    db_session: Session,
    asker: Someone,
    officer: Someone,
    clerk: Someone,
    settings: Settings,
) -> None:
    """SECURITY 30, 31: one confirmation holds, and the asker's own among them never does."""
    ask(asker, clerk)
    row = request_of(db_session, clerk)

    def once(number: int) -> bool:
        who = asker if number % 2 else officer
        with Session(web_engine) as session:
            try:
                loss.confirm(session, settings, Actor("staff", who.account_id), row.id)
            except ResetRefused:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(once, range(50))) == 1
    assert request_of(db_session, clerk).confirmed_by == officer.account_id


def test_one_request_at_a_time(web_engine: Engine, asker: Someone, clerk: Someone) -> None:
    """SECURITY 31: asked many times at once, there is one."""

    def once(_number: int) -> bool:
        with Session(web_engine) as session:
            try:
                loss.ask(
                    session,
                    Actor("staff", asker.account_id),
                    realm=Realm.STAFF,
                    account_id=clerk.account_id,  # type: ignore[arg-type] - set by let_in
                    proof=IdentityProof.MET,
                )
            except ResetRefused:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(once, range(20))) == 1


def test_another_realms_account_is_not_found(
    db_session: Session, asker: Someone, clerk: Someone
) -> None:
    """SECURITY 28."""
    path = f"/staff/organizers/{clerk.account_id}/lost-factor"
    assert asker.browser.get(path).status_code == 404
    with pytest.raises(NotFound):
        loss.ask(
            db_session,
            Actor("organizer", asker.account_id),
            realm=Realm.ORGANIZER,
            account_id=clerk.account_id,  # type: ignore[arg-type] - set by let_in
            proof=IdentityProof.MET,
        )


def test_access_is_reviewed_every_quarter(
    db_session: Session, asker: Someone, clock: Clock, settings: Settings
) -> None:
    """CONTROLS 5, rotation: named on the home when due, noted with who and how many."""
    browser = asker.browser
    browser.post("/staff/access-review/done", page="/staff/access-review")
    assert "到期的权限复核" not in browser.get("/staff").text
    page = browser.get("/staff/access-review").text
    assert asker.login in page
    clock.move(timedelta(days=settings.access_review_days))
    again = Browser(browser.app)
    again.sign_in(asker.login, LONG, "/staff/login")
    assert asker.authenticator
    again.post("/account/code", code=asker.authenticator.code())
    assert "到期的权限复核" in again.get("/staff").text
    written = db_session.scalars(
        select(AuditEntry).where(
            AuditEntry.action == "accounts.access_review", AuditEntry.actor_id == asker.account_id
        )
    ).all()
    assert len(written) == 1


def test_work_accounts_stay_in_the_named_networks(
    site: Flask, settings: Settings, db_session: Session, asker: Someone
) -> None:
    """S-077: elsewhere, abroad too, no colleague signs in or goes on; students may be anywhere."""
    walled = create_app(
        dataclasses.replace(
            quick(settings),
            staff_networks=("203.0.113.0/24", "2001:db8::/32"),
            organizer_networks=("203.0.113.0/24",),
        )
    )
    abroad = Browser(walled, address="198.51.100.7")
    assert abroad.sign_in(asker.login, LONG, "/staff/login").status_code == 403
    assert abroad.sign_in(asker.login, LONG, "/organizer/login").status_code == 403
    office = Browser(walled, address="203.0.113.9")
    assert office.sign_in(asker.login, LONG, "/staff/login").status_code == 303
    office.post("/account/code", code=asker.recovery_codes[0])
    assert office.get("/staff").status_code == 200
    office.address = "198.51.100.7"
    assert office.get("/staff").status_code == 403
    office.address = "2001:db8::7"
    assert office.get("/staff").status_code == 200
    assert registered(walled).browser.get("/account/sessions").status_code == 200
    # Where none is named and nothing is at stake: this machine alone.
    own = create_app(dataclasses.replace(quick(settings), staff_networks=(), organizer_networks=()))
    refused = Browser(own, address="198.51.100.7")
    assert refused.sign_in(asker.login, LONG, "/staff/login").status_code == 403
    here = Browser(own, address="127.0.0.1")
    assert here.sign_in(asker.login, LONG, "/staff/login").status_code == 303
    denied = db_session.scalars(
        select(AuditEntry.details).where(AuditEntry.outcome == "denied")
    ).all()
    assert "network_not_allowed" in {each.get("why") for each in denied}
