"""A change of the terms goes out by mail and SMS, through real servers, once to each."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan import clock as clocks
from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus
from heyan.db import uuid7
from heyan.notifications import outbox
from heyan.notifications.models import MessageChannel, Reach
from heyan.policies import service
from heyan.policies.models import PolicyKind, PolicyNotice
from tests.accounts import some_phone
from tests.conftest import Clock
from tests.notifications import MailBox, SmsService
from uploads_worker import messages, policy_rounds
from uploads_worker.context import Context
from uploads_worker.settings import WorkerSettings

PEOPLE, PAGE, AN_HOUR = 24, 5, 10


@dataclasses.dataclass(frozen=True)
class Reached:
    """Somebody with a verified address and a verified number."""

    account_id: uuid.UUID
    email: str
    phone: str


@pytest.fixture
def people(site: Flask, web_engine: Engine) -> list[Reached]:
    """Accounts that were there before the change, each reached by both ways."""
    assert site
    found = [
        Reached(uuid7(), f"r{uuid.uuid4().hex[:10]}@example.cn", some_phone())
        for _each in range(PEOPLE)
    ]
    now = clocks.now()
    with Session(web_engine) as session:
        for one in found:
            session.add(
                Account(
                    id=one.account_id,
                    realm=Realm.PUBLIC,
                    login=f"+86{one.phone}",
                    login_index=one.account_id.bytes,
                    second_factor_required=False,
                    status=AccountStatus.ACTIVE,
                    created_at=now,
                )
            )
            session.flush()
            for channel, address in (
                (MessageChannel.EMAIL, one.email),
                (MessageChannel.SMS, f"+86{one.phone}"),
            ):
                session.add(
                    Reach(
                        account_id=one.account_id,
                        channel=channel,
                        address=address,
                        address_index=outbox.address_index(channel, address),
                        locale="zh_CN",
                        wants_all=False,
                        verified_at=now,
                    )
                )
        session.commit()
    return found


@pytest.fixture
def nothing_sent(owner_engine: Engine) -> None:
    """An hour's budget that no other test has spent of, and nobody else's messages waiting."""
    with owner_engine.begin() as owner:
        owner.execute(text("DELETE FROM messages"))


@pytest.fixture
def version(web_engine: Engine, owner_engine: Engine) -> Iterator[uuid.UUID]:
    """A material change, published; gone after the test."""
    with Session(web_engine) as session:
        row = service.publish(
            session,
            PolicyKind.PRIVACY,
            f"r{uuid.uuid4().hex[:8]}",
            clocks.now() + timedelta(days=8),
            {"zh": [], "en": []},
            changes="换了接收方。",
            material=True,
            kinds=["recipients"],
        )
        policy_id = row.id
    yield policy_id
    with owner_engine.begin() as owner:
        for table, column in (("policy_notices", "policy_id"), ("policy_versions", "id")):
            owner.execute(text(f"DELETE FROM {table} WHERE {column} = :p"), {"p": policy_id})


def _die_telling(settings: WorkerSettings, policy_id: str, after: int) -> None:
    """Run the round in a process of its own, and be killed in the middle of a page."""
    told = 0
    tell = vars(policy_rounds)["notify"]

    def notify(*given: object, **more: object) -> None:
        nonlocal told
        told += 1
        if told == after:
            os.kill(os.getpid(), signal.SIGKILL)
        tell(*given, **more)

    vars(policy_rounds)["notify"] = notify
    policy_rounds.PAGE = PAGE
    policy_rounds.tell_policy(Context.open(settings), policy_id)


def _send(settings: WorkerSettings) -> None:
    """Send what waits in a process of its own; the SMS service kills it."""
    messages.send_due(Context.open(settings))


def killed(target: object, *arguments: object) -> multiprocessing.process.BaseProcess:
    """Start a worker that will not come back, and return it once it runs."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)  # type: ignore[arg-type] # a function of this module
    process.start()
    return process


@pytest.mark.usefixtures("nothing_sent")
def test_a_round_through_both_ways_reaches_each_once_and_survives_two_deaths(
    web_engine: Engine,
    sending: WorkerSettings,
    worker: Context,
    mail: MailBox,
    sms: SmsService,
    clock: Clock,
    people: list[Reached],
    version: uuid.UUID,
) -> None:
    """K1, S-109, C-62: one notice, mail and SMS a person; killed twice; the hour's budget holds."""
    sending = dataclasses.replace(sending, message_sms_per_hour=AN_HOUR)
    worker = dataclasses.replace(worker, settings=sending)
    telling = killed(_die_telling, sending, str(version), 2 * PAGE + 3)
    telling.join(60)
    assert telling.exitcode == -signal.SIGKILL
    with Session(web_engine) as session:
        assert _told(session, version) == 2 * PAGE, "whole pages, and nothing of the one it died in"
    policy_rounds.tell_policy(worker, str(version))
    policy_rounds.tell_policy(worker, str(version))
    with Session(web_engine) as session:
        assert _told(session, version) >= PEOPLE

    # The second death: while the provider has the fourth message in its hands.
    dying: list[multiprocessing.process.BaseProcess] = []

    def strike() -> None:
        if len(sms.taken) == 4 and dying:
            dying.pop().kill()

    sms.meanwhile = strike
    dying.append(killed(_send, sending))
    victim = dying[0]
    victim.join(60)
    assert victim.exitcode == -signal.SIGKILL
    sms.meanwhile = lambda: None
    for _hour in range(5):
        clock.move(timedelta(hours=1, minutes=1))
        before = len(sms.taken)
        messages.send_due(worker)
        assert len(sms.taken) - before <= AN_HOUR
    mails = [len(mail.to(one.email)) for one in people]
    texts = [len(sms.to(one.phone)) for one in people]
    assert min(mails) == min(texts) == 1, "nobody is left out"
    # What was in the provider's hands when the worker died is the one that may come twice.
    assert sum(mails) + sum(texts) <= 2 * PEOPLE + 1
    assert max(*mails, *texts) <= 2


def _told(session: Session, version: uuid.UUID) -> int:
    counted = select(func.count()).where(PolicyNotice.policy_id == version)
    return session.scalar(counted) or 0
