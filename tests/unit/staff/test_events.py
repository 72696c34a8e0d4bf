"""Events as operations makes them: drafts, what they ask, publishing, closing."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from heyan import clock
from heyan.access import Role
from heyan.events import editing
from heyan.events.editing import Problem
from heyan.events.models import DocumentKind, EventStatus
from heyan.events.states import EVENT, ForbiddenTransition, move_event
from heyan.organizations import service as organizations
from tests.assessments import assessed
from tests.enrolment import World, words_of
from tests.staff import Colleague, colleague, event_form, organization


@pytest.fixture
def operations(world: World) -> Colleague:
    """Somebody in operations."""
    return colleague(world, Role.OPERATIONS)


def draft(world: World, operations: Colleague, **changes: str) -> str:
    """Make a draft through the page and return its address."""
    form = event_form(organization(world).id, **changes)
    answer = operations.post("/staff/events/new", **form)
    assert answer.status_code == 303, words_of(answer)
    return str(answer.headers["Location"])


def event_of(world: World, address: str) -> editing.Event:
    """The event behind an address."""
    with world.session() as session:
        return editing.load(session, uuid.UUID(address.rsplit("/", 1)[1]))


def ask_for_card(operations: Colleague, address: str, **changes: str) -> None:
    """Ask for the front of an identity card."""
    form = {"required": "y", "marked": "y", "min_kb": "20", "max_kb": "200", "min_side": "800"}
    answer = operations.post(f"{address}/documents/id_card_front", **form, **changes)
    assert answer.status_code == 303, words_of(answer)


def test_a_draft_becomes_an_event_that_everyone_sees(world: World, operations: Colleague) -> None:
    address = draft(world, operations)
    ask_for_card(operations, address)
    assessed(world, event_of(world, address).id)
    event = event_of(world, address)
    assert world.app.test_client().get(f"/events/{event.slug}").status_code == 404
    answer = operations.post(f"{address}/publish")
    assert answer.status_code == 303, words_of(answer)
    assert world.app.test_client().get(f"/events/{event.slug}").status_code == 200
    (job,) = world.rows(
        "SELECT task_name, args FROM procrastinate_jobs WHERE args->>'event_id' = :e",
        e=str(event.id),
    )
    assert job.task_name == "provision_vault_key"


def test_registration_opens_only_when_the_key_is_there(world: World, operations: Colleague) -> None:
    """DESIGN 2 rule 3: nothing can be sealed before."""
    address = draft(world, operations)
    ask_for_card(operations, address)
    assessed(world, event_of(world, address).id)
    operations.post(f"{address}/publish")
    event, parent = event_of(world, address), world.person()
    assert "封存密钥还没有做好" in words_of(operations.get(address))
    student, page = parent.student(), f"/registrations/new?event={event.slug}"
    sent = parent.post("/registrations/new", page=page, student=student, event=event.slug)
    assert sent.status_code != 303
    world.vault_key(event.id)
    parent.start(event.slug, student)
    assert "封存密钥还没有做好" not in words_of(operations.get(address))


def test_times_are_typed_and_shown_in_shanghai(world: World, operations: Colleague) -> None:
    day = clock.local(clock.now() + timedelta(days=5)).date()
    address = draft(world, operations, closes_at=f"{day} 18:00")
    event = event_of(world, address)
    assert event.closes_at.hour == 10  # UTC
    assert f'value="{day}T18:00"' in operations.get(f"{address}/edit").text
    assert event.destroy_at - event.ends_at == timedelta(days=30)
    assert event.fee_fen == 2550


@pytest.mark.parametrize(
    ("field", "days", "words"),
    [
        ("closes_at", -1, "报名截止要晚于报名开始"),
        ("documents_until", 1, "补交截止不能早于报名截止"),
        ("starts_at", 1, "项目开始不能早于报名截止"),
        ("ends_at", 15, "项目结束要晚于项目开始"),
    ],
)
def test_dates_that_contradict_each_other_are_named(
    world: World, operations: Colleague, field: str, days: int, words: str
) -> None:
    moment = clock.local(clock.now()) + timedelta(days=days)
    form = event_form(organization(world).id, **{field: f"{moment:%Y-%m-%dT%H:%M}"})
    answer = operations.post("/staff/events/new", **form)
    assert answer.status_code == 422
    assert words in words_of(answer)
    assert 'value="普通话水平测试"' in answer.text


def test_a_question_without_a_purpose_keeps_the_event_shut(
    world: World, operations: Colleague
) -> None:
    """S-012: 422, and again open once the purpose is there."""
    address = draft(world, operations)
    form = {"key": "school", "label": "学校", "input": "text"}
    assert operations.post(f"{address}/fields/new", **form).status_code == 303
    answer = operations.post(f"{address}/publish")
    assert answer.status_code == 422
    assert "收集目的" in words_of(answer)
    field = event_of(world, address).fields[0]
    more = {"purpose": "分组", "category": "registration.answers"}
    assert operations.post(f"{address}/fields/{field.id}", **form, **more).status_code == 303
    assert operations.post(f"{address}/publish").status_code == 303


def test_no_event_with_documents_opens_without_an_assessment(
    world: World, operations: Colleague
) -> None:
    """J5."""
    address = draft(world, operations)
    ask_for_card(operations, address)
    answer = operations.post(f"{address}/publish")
    assert answer.status_code == 422
    assert "影响评估" in words_of(answer)
    assert event_of(world, address).status is EventStatus.DRAFT


def test_a_changed_specification_is_a_new_version(world: World, operations: Colleague) -> None:
    """C2: versioned by event; saving the same again is none."""
    address = draft(world, operations)
    ask_for_card(operations, address)
    ask_for_card(operations, address)
    assert event_of(world, address).document_kinds[0].version == 1
    ask_for_card(operations, address, dpi="300")
    assert event_of(world, address).document_kinds[0].version == 2


def test_only_a_portrait_may_stay_without_a_mark(world: World, operations: Colleague) -> None:
    """DESIGN 2 rule 5."""
    address = draft(world, operations)
    form = {"required": "y", "max_kb": "200", "min_side": "800"}
    assert operations.post(f"{address}/documents/passport", **form).status_code == 422
    assert operations.post(f"{address}/documents/portrait", **form).status_code == 303
    (spec,) = event_of(world, address).document_kinds
    assert (spec.kind, spec.marked) == (DocumentKind.PORTRAIT, False)


def test_what_people_were_told_stays_after_publishing(world: World, operations: Colleague) -> None:
    form = event_form(organization(world).id)
    address = operations.post("/staff/events/new", **form).headers["Location"]
    operations.post(f"{address}/publish")
    answer = operations.post(f"{address}/edit", **{**form, "slug": "another-slug"})
    assert answer.status_code == 422
    later = clock.local(clock.now()) + timedelta(days=90)
    answer = operations.post(f"{address}/edit", **{**form, "ends_at": f"{later:%Y-%m-%dT%H:%M}"})
    assert answer.status_code == 422
    assert operations.post(f"{address}/edit", **{**form, "title": "新名字"}).status_code == 303
    assert event_of(world, address).title == "新名字"


def test_seats_that_are_taken_cannot_be_taken_away(world: World, operations: Colleague) -> None:
    event = world.event(kinds=(), with_key=False, capacity=5, seats_taken=3)
    form = event_form(
        event.organization_id,
        slug=event.slug,
        number_prefix=event.number_prefix,
        kind="competition",
        title=event.title,
        capacity="2",
        opens_at=f"{clock.local(event.opens_at):%Y-%m-%dT%H:%M}",
    )
    with world.session() as session:
        row = editing.load(session, event.id)
        row.opens_at = row.opens_at.replace(second=0, microsecond=0)
        session.commit()
    answer = operations.post(f"/staff/events/{event.id}/edit", **form)
    assert answer.status_code == 422
    assert "名额不能少于已占用的席位" in words_of(answer)


def test_every_forbidden_step_is_refused() -> None:
    """SECURITY 31."""
    for current in EventStatus:
        for to in EventStatus:
            if to in EVENT[current]:
                assert move_event(current, to) is to
            else:
                with pytest.raises(ForbiddenTransition):
                    move_event(current, to)


def test_a_closed_event_is_not_opened_again(world: World, operations: Colleague) -> None:
    """SECURITY 31: through the pages too."""
    address = draft(world, operations)
    operations.post(f"{address}/publish")
    assert operations.post(f"{address}/close").status_code == 303
    for act in ("close", "publish"):
        shown = operations.get(f"{address}/{act}")
        assert operations.post(f"{address}/{act}").status_code == 409, words_of(shown)


def test_extra_form_fields_change_nothing(world: World, operations: Colleague) -> None:
    """SECURITY 29, C-48."""
    address = draft(
        world,
        operations,
        status="published",
        seats_taken="9",
        id=str(uuid.uuid4()),
        destroy_at="2099-01-01T00:00",
        next_number="77",
    )
    event = event_of(world, address)
    assert (event.status, event.seats_taken, event.next_number) == (EventStatus.DRAFT, 0, 1)
    assert event.destroy_at.year < 2099


def test_every_act_is_written_down(world: World, operations: Colleague) -> None:
    """C-64, I4."""
    address = draft(world, operations)
    operations.post(f"{address}/publish")
    operations.post(f"{address}/close")
    acts = world.rows(
        "SELECT action FROM audit_entries WHERE actor_id = :a AND subject_id = :e ORDER BY id",
        a=operations.account_id,
        e=address.rsplit("/", 1)[1],
    )
    assert [row.action for row in acts] == ["events.create", "events.publish", "events.close"]


def test_publishing_asks_for_the_second_factor_again(world: World) -> None:
    """C-45: older than ten minutes, or never given."""
    stale = colleague(world, Role.OPERATIONS, stepped_up=False)
    address = draft(world, stale)
    assert "/account/step-up" in stale.get(f"{address}/publish").headers["Location"]
    sent = stale.post(f"{address}/publish", page=address)
    assert sent.status_code == 403
    assert event_of(world, address).status is EventStatus.DRAFT


def test_an_event_of_an_organizer_that_is_not_approved_is_refused(world: World) -> None:
    """L1: two people first."""
    operations = colleague(world, Role.OPERATIONS)
    with world.session() as session:
        row = organizations.propose(
            session,
            operations.actor,
            name=f"新单位{uuid.uuid4().hex[:8]}",
            contact="010-1",
            processing_role="independent",
        )
        facts = editing.EventFacts(
            slug="x-y-z",
            number_prefix="XY",
            organization_id=row.id,
            kind=world.event(kinds=(), with_key=False).kind,
            title="x",
            opens_at=clock.now(),
            closes_at=clock.now() + timedelta(days=1),
            documents_until=clock.now() + timedelta(days=2),
            starts_at=clock.now() + timedelta(days=3),
            ends_at=clock.now() + timedelta(days=4),
        )
        with pytest.raises(editing.Refused) as refused:
            editing.create(session, operations.actor, facts, keep_days=30)
    assert refused.value.problems == (Problem.ORGANIZER_NOT_ACTIVE,)
