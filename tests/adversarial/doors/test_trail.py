"""What the trail says of doors: who, what, whose, from where, with what result, when."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm, Role
from heyan.audit.models import AuditEntry
from tests.accounts import LONG, Browser, let_in


def entries(session: Session, action: str, source: str) -> list[AuditEntry]:
    """The entries of *action* from one address, the oldest first."""
    session.rollback()
    return list(
        session.scalars(
            select(AuditEntry)
            .where(AuditEntry.action == action, AuditEntry.source == source)
            .order_by(AuditEntry.id)
        )
    )


def test_a_wrong_and_a_right_password_are_written_down(site: Flask, db_session: Session) -> None:
    """C-64, I4: who came, from where, with what result, at what time (UTC)."""
    someone = let_in(site, db_session)
    browser = Browser(site)
    browser.sign_in(someone.login, "wrong " + LONG, "/staff/login")
    browser.sign_in(someone.login, LONG, "/staff/login")
    assert someone.authenticator is not None
    (refused,) = entries(db_session, "accounts.sign_in", browser.address)
    assert (refused.outcome, refused.subject_id) == ("denied", str(someone.account_id))
    assert refused.request_id
    assert refused.at.utcoffset() == timedelta()
    assert abs(clock.now() - refused.at) < timedelta(minutes=5)
    (whole,) = entries(db_session, "accounts.sign_in", someone.browser.address)
    assert (whole.outcome, whole.actor_kind) == ("done", "staff")
    assert (whole.actor_id, whole.subject_id) == (someone.account_id, str(someone.account_id))


def test_a_refused_page_is_written_down(site: Flask, db_session: Session) -> None:
    """C-64: which page, which permission was missing, and whose session it was."""
    someone = let_in(site, db_session, Realm.STAFF, (Role.SERVICE,))
    assert someone.browser.get("/staff/people").status_code == 403
    (entry,) = entries(db_session, "access.denied", someone.browser.address)
    assert (entry.outcome, entry.subject_kind) == ("denied", "route")
    assert (entry.actor_id, entry.subject_id) == (someone.account_id, "staff.people")
    assert entry.details["permission"]


def test_a_changed_password_and_an_ended_session_are_written_down(
    site: Flask, db_session: Session
) -> None:
    """C-64: what changes a way in."""
    someone = let_in(site, db_session)
    browser = someone.browser
    for action in ("accounts.activate", "accounts.totp_confirm"):
        (entry,) = entries(db_session, action, browser.address)
        assert (entry.outcome, entry.subject_id) == ("done", str(someone.account_id))
    browser.post("/account/logout", page="/account/sessions")
    (entry,) = entries(db_session, "accounts.sign_out", browser.address)
    assert entry.actor_id == someone.account_id
