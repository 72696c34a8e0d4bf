"""One human with two accounts, and one clerk alone, against every rule that asks for two people."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from heyan import clock as clocks
from heyan.access import Role
from heyan.retention import archiving, holds
from heyan.retention.errors import NotTheOther
from heyan.retention.models import AuthorityQuery, HoldSubject
from tests.enrolment import Person, World
from tests.keeping import ORDER
from tests.rights import received
from tests.staff import Colleague, colleague

NAME = "欧阳若溪"
PROOF = "回拨登记号码，本人接听"


def press(someone: Colleague, request_id: str, what: str, **fields: str) -> int:
    """Press one of the desk's buttons; returns the status."""
    page = f"/staff/rights/{request_id}"
    return someone.post(f"{page}/{what}", page=page, **fields).status_code


def phone_of(world: World, person: Person) -> str:
    """The number by which the desk finds an account."""
    from heyan.accounts.models import Account

    with world.session() as session:
        return session.get_one(Account, person.account_id).login


def settled(someone: Colleague, hold_id: uuid.UUID, action: str) -> int:
    """Press a button on a hold's page."""
    page = f"/staff/retention/holds/{hold_id}"
    return someone.post(page, action=action).status_code


def test_one_human_with_both_roles_cannot_order_and_approve_a_hold(
    world: World, person: Person
) -> None:
    """C-50, S-059: two accounts of one name are one person; a third account counts."""
    officer = colleague(world, Role.PRIVACY_OFFICER, name=NAME)
    same = colleague(world, Role.ADMINISTRATOR, name=f"{NAME}（管理员）")
    other = colleague(world, Role.ADMINISTRATOR)
    with world.session() as session:
        row = holds.ask(
            session,
            officer.actor,
            subject_kind=HoldSubject.ACCOUNT,
            subject_id=person.account_id,
            order=ORDER,
            ends_at=clocks.now() + timedelta(days=30),
        )
        hold_id = row.id
    assert settled(same, hold_id, "approve") == 403
    assert settled(other, hold_id, "approve") == 303
    assert settled(officer, hold_id, "ask_release") == 303
    assert settled(same, hold_id, "release") == 403
    assert settled(other, hold_id, "release") == 303


def test_one_human_with_both_roles_cannot_take_out_of_the_archive(world: World) -> None:
    """C-50, G6: an authority's order is entered by one human and approved by another."""
    administrator = colleague(world, Role.ADMINISTRATOR, name=NAME, staff_number="A-17")
    same = colleague(world, Role.PRIVACY_OFFICER, name="另一个写法", staff_number="a-17")
    other = colleague(world, Role.PRIVACY_OFFICER)
    with world.session() as session:
        row = AuthorityQuery(
            authority=ORDER.authority,
            order_number=ORDER.order_number,
            statute=ORDER.statute,
            scope=ORDER.scope,
            account_ids=[str(uuid.uuid4())],
            asked_by=administrator.account_id,
            asked_at=clocks.now(),
        )
        session.add(row)
        session.commit()
        query_id = row.id
    with world.session() as session, pytest.raises(NotTheOther):
        archiving.settle(session, same.actor, query_id, approved=True)
    page = f"/staff/retention/orders/{query_id}"
    assert same.post(page, action="approve").status_code == 403
    assert other.post(page, action="approve").status_code == 303


def test_one_human_neither_confirms_their_own_refusal_nor_counts_twice_for_kin(
    world: World, person: Person
) -> None:
    """C-50, S-045, L-21: by whichever account; who checked cannot be made to have not checked."""
    clerk = colleague(world, Role.SERVICE)
    officer = colleague(world, Role.PRIVACY_OFFICER, name=NAME)
    same = colleague(world, Role.ADMINISTRATOR, name=NAME)
    third, fourth = (colleague(world, Role.ADMINISTRATOR) for _ in range(2))
    phone = phone_of(world, person)

    refused = received(clerk, kind="delete", phone=phone, ground="other")
    assert press(clerk, refused, "check", how="called_back", proof=PROOF) == 303
    ground = {"ground": "6_harm_to_others", "answer": "这份记录里还有别人的信息。"}
    assert press(officer, refused, "refuse", **ground) == 303
    assert press(same, refused, "refuse/confirm") == 409
    assert press(third, refused, "refuse/confirm") == 303

    kin = received(clerk, kind="next_of_kin", phone=phone)
    assert press(third, kin, "check", how="met", proof=PROOF) == 303
    # A second check by another would free the first checker to approve.
    assert press(fourth, kin, "check", how="met", proof=PROOF) == 409
    assert press(third, kin, "approve") == 409
    assert press(officer, kin, "approve") == 303
    assert press(same, kin, "approve") == 409
    assert press(third, kin, "check", how="met", proof=PROOF) == 409
    assert press(fourth, kin, "approve") == 303
