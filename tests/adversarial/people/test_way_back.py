"""The way back into an account while somebody closes, freezes or resets it in the same moment."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from heyan import clock as clocks
from heyan.access import Role
from heyan.accounts import assisted
from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import Actor
from heyan.consent.service import Evidence
from heyan.notifications import proofs
from heyan.notifications.models import MessageChannel, Proof, ProofPurpose
from heyan.registrations.closing import close_account
from tests.enrolment import Person, World
from tests.staff import colleague
from tests.unit.assistance.test_recovery import PASSWORD, call_back, new_password, phone_of

ANOTHER = "sieben-graue-reiher-am-ufer"


def meanwhile(act: Callable[[], None]) -> Callable[..., None]:
    """A check of a password during which something else happens."""
    plain = assisted.check_password

    def check(*given: Any) -> None:
        plain(*given)
        act()

    return check


def close(world: World, person: Person) -> None:
    """Close the account, as its owner does."""
    with world.session() as session:
        evidence = Evidence("192.0.2.1", "test")
        close_account(session, Actor("public", person.account_id), person.account_id, evidence, "x")


def test_an_account_closed_during_a_reset_stays_closed(
    world: World, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G5, B4, SECURITY 31: a reset opens what was frozen, never what its owner closed."""
    clerk, phone = colleague(world, Role.SERVICE), phone_of(world, person)
    code = call_back(clerk, person)
    monkeypatch.setattr(assisted, "check_password", meanwhile(lambda: close(world, person)))
    assert new_password(world, phone, code) == 422
    with world.session() as session:
        account = session.get_one(Account, person.account_id)
        assert account.status is AccountStatus.CLOSED


def link_for(world: World, person: Person) -> str:
    """A link for a new password, as the worker sends it to a verified address."""
    token, now = secrets.token_urlsafe(32), clocks.now()
    with world.session() as session:
        session.add(
            Proof(
                purpose=ProofPurpose.RESET,
                account_id=person.account_id,
                channel=MessageChannel.EMAIL,
                address="u@example.cn",
                source="192.0.2.1",
                link_hash=proofs.link_digest(token),
                link_until=now + timedelta(hours=1),
                created_at=now,
            )
        )
        session.commit()
    return token


def by_link(world: World, token: str) -> int:
    """Set a password by a link; return the status."""
    browser = Person(world.app.test_client(), uuid.UUID(int=0), "")
    at = f"/account/forgotten/link/{token}"
    if browser.get(at).status_code == 410:
        return 410
    return browser.post(at, password=ANOTHER).status_code


def test_a_link_asked_for_by_a_stranger_is_over_once_the_owner_is_back(
    world: World, person: Person
) -> None:
    """S-102, C-36: frozen, reset by the owner; the link in the stranger's inbox opens nothing."""
    token = link_for(world, person)
    assert "账号已冻结" in person.post("/account/compromised", action="mine").text
    assert by_link(world, token) != 200
    clerk, phone = colleague(world, Role.SERVICE), phone_of(world, person)
    assert new_password(world, phone, call_back(clerk, person)) == 200
    assert by_link(world, token) == 410


def test_a_link_works_once_and_while_the_account_is_open(world: World, person: Person) -> None:
    """C-36: the same link twice; and after its owner closed the account."""
    token, other = link_for(world, person), link_for(world, person)
    assert by_link(world, token) == 200
    assert by_link(world, token) == 410
    assert by_link(world, other) == 410
    late = link_for(world, person)
    close(world, person)
    assert by_link(world, late) != 200


assert PASSWORD != ANOTHER
