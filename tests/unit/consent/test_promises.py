"""What was promised when something was collected holds, whatever is published later (S-106)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from heyan import clock as time
from heyan.access import Role
from heyan.accounts.models import SignIn, SignInOutcome
from heyan.classification import REGISTRY
from heyan.policies import drafts, promises
from heyan.policies.models import ChangeKind
from heyan.usage import models as usage_models
from tests.approvals import somebody
from tests.conftest import Clock
from tests.enrolment import Person, World
from tests.policies import NOTICE_DAYS, coming_text, proposal
from uploads_worker import sweep
from uploads_worker.context import Context
from uploads_worker.keeping import rules

pytestmark = pytest.mark.usefixtures("rounds")
AHEAD = timedelta(days=8)


def published(world: World, **days: int) -> None:
    """A material change of periods, in force in eight days."""
    content: dict[str, Any] = coming_text(world)
    content[promises.PERIODS] |= {key.replace("__", "."): n for key, n in days.items()}
    with world.session() as session:
        draft = drafts.propose(
            session,
            somebody(session, Role.PRIVACY_OFFICER),
            proposal(
                content,
                material=True,
                kinds=frozenset({ChangeKind.SERVICE}),
                effective_at=time.now() + AHEAD,
            ),
            NOTICE_DAYS,
        )
        drafts.approve(session, somebody(session, Role.ADMINISTRATOR), draft.id, NOTICE_DAYS)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Change what the program itself registers, as a new release would."""

    def change(key: str, days: int) -> None:
        import dataclasses

        monkeypatch.setitem(REGISTRY, key, dataclasses.replace(REGISTRY[key], days=days))

    return change


def seen(world: World, at: datetime) -> uuid.UUID:
    """One visit counted at that moment."""
    row = uuid.uuid4()
    with world.session() as session:
        session.add(
            usage_models.UsageHit(
                id=row,
                visitor_index=row.bytes,
                at=at,
                kind=usage_models.HitKind.VIEW,
                page="home",
                system="other",
                device="other",
                network="192.0.2.0/24",
            )
        )
        session.commit()
    return row


def there(world: World, row: uuid.UUID) -> bool:
    return bool(world.rows("SELECT 1 FROM usage_hits WHERE id = :r", r=row))


def overdue(context: Context, name: str) -> int:
    (found,) = [one for one in rules.all_rules() if one.name == name]
    with context.sessions() as session:
        return found.due(session, time.now())


def test_a_longer_period_reaches_only_what_is_collected_under_it(
    world: World, context: Context, clock: Clock, registered: Any
) -> None:
    """S-106, K1: a later version lengthens nothing that was there, whoever agreed to it."""
    before = seen(world, time.now())
    registered("usage", 300)
    published(world, usage=300)
    clock.move(AHEAD)
    after = seen(world, time.now())
    clock.move(timedelta(days=171))
    sweep.BROOMS["usage"](context)
    assert there(world, before)
    clock.move(timedelta(days=2))
    assert overdue(context, "usage") >= 1
    sweep.BROOMS["usage"](context)
    assert not there(world, before)
    assert there(world, after)
    assert overdue(context, "usage") == 0
    clock.move(timedelta(days=300))
    sweep.BROOMS["usage"](context)
    assert not there(world, after)


def test_a_release_alone_lengthens_nothing(
    world: World, context: Context, clock: Clock, registered: Any
) -> None:
    """S-106: a registry that keeps longer without a version that says so is not followed."""
    registered("usage", 300)
    row = seen(world, time.now())
    clock.move(timedelta(days=181))
    sweep.BROOMS["usage"](context)
    assert not there(world, row)


def test_a_shorter_period_holds_for_what_was_there_before(
    world: World, context: Context, clock: Clock
) -> None:
    """S-106: shortening needs nobody's consent and counts for all, from its day on."""
    before = seen(world, time.now())
    published(world, usage=60)
    clock.move(timedelta(days=59))
    sweep.BROOMS["usage"](context)
    assert there(world, before)
    clock.move(timedelta(days=2))
    sweep.BROOMS["usage"](context)
    assert not there(world, before)


def test_a_callback_keeps_the_day_it_was_promised(
    world: World, clock: Clock, registered: Any
) -> None:
    """S-106: what counts from the last contact is as long as promised when the number was left."""
    with world.session() as session:
        left = time.now()
        assert promises.kept(session, "lead.contact", left) == timedelta(days=90)
        registered("lead.contact", 200)
    published(world, lead__contact=200)
    clock.move(AHEAD)
    with world.session() as session:
        assert promises.kept(session, "lead.contact", left) == timedelta(days=90)
        assert promises.kept(session, "lead.contact", time.now()) == timedelta(days=200)


def test_no_version_promises_less_than_a_law_demands(
    world: World, person: Person, context: Context, clock: Clock
) -> None:
    """S-060, S-106, L-30: a policy that says a week keeps security logs for half a year."""
    with world.session() as session:
        row = SignIn(
            account_id=person.account_id,
            at=time.now(),
            outcome=SignInOutcome.SUCCEEDED,
            new_device=False,
            source="192.0.2.1",
            user_agent="t",
        )
        session.add(row)
        session.commit()
        sign_in = row.id
    published(world, security_log=7)
    for days, kept in ((179, True), (2, False)):
        clock.move(timedelta(days=days))
        sweep.BROOMS["sign_ins"](context)
        found = world.rows("SELECT id FROM sign_ins WHERE id = :s", s=sign_in)
        assert bool(found) is kept
