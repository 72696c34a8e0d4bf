"""Accounts of one source, and one account in two networks: noticed, never refused."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from heyan.access import Role
from heyan.accounts.entry import Client, arrived, open_account
from heyan.accounts.models import Account
from heyan.audit.service import Actor
from heyan.consent.service import Evidence
from heyan.db import transaction
from heyan.safety import service
from heyan.safety.models import FlagAct
from heyan.safety.watch import network_of, source_of
from tests.conftest import Clock
from tests.enrolment import World, words_of
from tests.staff import colleague
from tests.worker import run_once
from uploads_worker import safety_flags, sweep
from uploads_worker.context import Context


def opened(world: World, address: str, count: int) -> list[uuid.UUID]:
    """Open accounts from one address."""
    made = []
    for _ in range(count):
        with world.session() as session:
            account_id = open_account(
                session,
                world.settings,
                phone=f"+86137{uuid.uuid4().int % 10**8:08d}",
                password=uuid.uuid4().hex,
                evidence=Evidence(address, "test"),
                actor=Actor("public"),
            )
        assert account_id is not None
        made.append(account_id)
    return made


def flags_of(
    world: World, account_id: uuid.UUID, kind: str = "two_networks"
) -> list[tuple[str, str]]:
    """Return the flags that an account is in: kind and state.

    Tests' people all come from one address: that they are many is asked for there alone.
    """
    rows = world.rows(
        "SELECT f.kind, f.state FROM safety_flags f JOIN safety_subjects s ON s.flag_id = f.id"
        " WHERE s.account_id = :a AND f.kind::text = :k",
        a=account_id,
        k=kind,
    )
    return [(str(row.kind), str(row.state)) for row in rows]


def arrive(world: World, account_id: uuid.UUID, address: str, *, new: bool = True) -> None:
    """Sign in, as far as the history knows."""
    client = Client(Evidence(address, "test"), Actor("public"))
    with world.session() as session, transaction(session):
        arrived(session, session.get_one(Account, account_id), client, new_device=new)


def test_many_accounts_of_one_source_are_flagged_once_and_all_are_opened(
    world: World, context: Context
) -> None:
    """C6, S-027: from the tenth on, one flag with all of them; none was refused."""
    made = opened(world, "203.0.113.7", 9)
    run_once(context)
    assert flags_of(world, made[0], "many_accounts") == []
    made += opened(world, "203.0.113.7", 3)
    run_once(context)
    assert {tuple(flags_of(world, one, "many_accounts")) for one in made} == {
        (("many_accounts", "open"),)
    }
    (other,) = opened(world, "203.0.113.8", 1)
    run_once(context)
    assert flags_of(world, other, "many_accounts") == []
    officer = colleague(world, Role.OPERATIONS)
    (flag,) = world.rows("SELECT flag_id FROM safety_subjects WHERE account_id = :a", a=made[0])
    page = words_of(officer.get(f"/staff/safety/{flag.flag_id}"))
    assert "常常共用一个地址" in page
    assert "203.0.113" not in page
    with world.session() as session:
        service.decide(
            session, world.settings, officer.actor, Evidence("192.0.2.9", "test"), flag.flag_id,
            act=FlagAct.CLEAR, note="学校机房",
        )  # fmt: skip
    # What was decided about is not counted again.
    made = opened(world, "203.0.113.7", 1)
    run_once(context)
    assert flags_of(world, made[0], "many_accounts") == []


def test_sources_are_kept_keyed_and_not_longer_than_they_are_counted(
    world: World, context: Context, clock: Clock
) -> None:
    """C6, C-67: no address readable; gone after the hours that count."""
    (made,) = opened(world, "203.0.113.99", 1)
    query = "SELECT source_index FROM safety_sources WHERE account_id = :a"
    (row,) = world.rows(query, a=made)
    assert b"203.0.113.99" not in bytes(row.source_index)
    clock.move(timedelta(hours=world.settings.safety_source_hours + 1))
    sweep.BROOMS["safety"](context)
    assert world.rows(query, a=made) == []


def test_two_networks_within_minutes_are_flagged_and_the_person_is_told(
    world: World, context: Context, clock: Clock
) -> None:
    """S-020, C6: once; the sign-in is not refused."""
    account_id = world.person().account_id
    arrive(world, account_id, "198.51.100.1")
    clock.move(timedelta(minutes=5))
    arrive(world, account_id, "203.0.113.1")
    for _ in range(2):
        run_once(context)
        safety_flags.check_account(context, account_id)
    assert flags_of(world, account_id) == [("two_networks", "open")]
    told = world.rows(
        "SELECT 1 FROM notices WHERE account_id = :a AND kind = 'account_two_networks'",
        a=account_id,
    )
    assert len(told) == 1


@pytest.mark.parametrize(
    ("address", "minutes", "new"),
    [("198.51.100.77", 5, True), ("203.0.113.1", 30, True), ("203.0.113.1", 5, False)],
    ids=["same network", "later", "known device"],
)
def test_what_is_ordinary_is_not_flagged(
    world: World, context: Context, clock: Clock, address: str, minutes: int, new: bool
) -> None:
    """S-020: the same network, half an hour later, or a device that is known."""
    account_id = world.person().account_id
    arrive(world, account_id, "198.51.100.1")
    clock.move(timedelta(minutes=minutes))
    arrive(world, account_id, address, new=new)
    safety_flags.check_account(context, account_id)
    assert flags_of(world, account_id) == []


def test_nobody_decides_about_their_own_account(
    world: World, context: Context, clock: Clock
) -> None:
    """C-50, L-14: a colleague's own sign-ins are another's to judge."""
    officer = colleague(world, Role.OPERATIONS)
    arrive(world, officer.account_id, "198.51.100.1")
    clock.move(timedelta(minutes=1))
    arrive(world, officer.account_id, "203.0.113.1")
    safety_flags.check_account(context, officer.account_id)
    (flag,) = world.rows(
        "SELECT flag_id FROM safety_subjects WHERE account_id = :a", a=officer.account_id
    )
    with world.session() as session, pytest.raises(service.OwnFlag):
        service.decide(
            session, world.settings, officer.actor, Evidence("192.0.2.9", "test"), flag.flag_id,
            act=FlagAct.CLEAR, note="是我",
        )  # fmt: skip


def test_sources_and_networks_are_told_apart_as_the_page_says() -> None:
    """S-020: /16 and /32 for networks, one address or /64 for sources; nonsense is nobody's."""
    assert network_of("198.51.100.1") == network_of("198.51.7.9") != network_of("198.52.0.1")
    assert network_of("2001:db8::1") == network_of("2001:db8:ffff::1") != network_of("2001:db9::1")
    assert source_of("::ffff:192.0.2.1") == source_of("192.0.2.1") != source_of("192.0.2.2")
    assert source_of("2001:db8::1") == source_of("2001:db8::2") != source_of("2001:db8:0:1::1")
    assert source_of("") == source_of("unknown") == ""
