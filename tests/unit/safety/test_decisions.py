"""People decide about flags: the reason, the hold, the way to appeal, the record."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from heyan.access import Role
from heyan.accounts.models import Account
from heyan.consent.service import Evidence
from heyan.documents.models import Document
from heyan.registrations.models import Registration
from heyan.safety import service
from heyan.safety.models import FlagAct
from tests.enrolment import BORN, World, hidden_fields, id_number, words_of
from tests.safety import Entrant, enter, flag_id, flags, own_file, sealed_event
from tests.staff import Colleague, colleague
from tests.worker import audit_of, run_once
from uploads_worker.context import Context
from uploads_worker.releases.waiting import still_agreed, waiting_documents

EVIDENCE = Evidence("192.0.2.9", "test")


@pytest.fixture(scope="module")
def officer(world: World) -> Colleague:
    """A privacy officer."""
    return colleague(world, Role.PRIVACY_OFFICER)


@pytest.fixture
def pair(world: World, context: Context) -> tuple[Any, Entrant, Entrant]:
    """Two people with one number, flagged; and their event."""
    event = sealed_event(world, context)
    number = id_number(BORN, f"{uuid.uuid4().int % 1000:03d}")
    one, other = (enter(world, event, number=number) for _ in range(2))
    run_once(context)
    return event, one, other


def decide(who: Colleague, flag: uuid.UUID, act: str, *chosen: str, note: str = "已核对") -> Any:
    """Send the form as a browser does."""
    path = f"/staff/safety/{flag}"
    data = {
        "csrf_token": hidden_fields(who.get(path).text)["csrf_token"],
        "act": act,
        "chosen": list(chosen),
        "note": note,
    }
    return who.client.post(path, data=data)


def subject(world: World, flag: uuid.UUID, registration: uuid.UUID) -> str:
    """Return the id by which a flag knows a registration."""
    (row,) = world.rows(
        "SELECT id FROM safety_subjects WHERE flag_id = :f AND registration_id = :r",
        f=flag,
        r=registration,
    )
    return str(row.id)


def handed_over(context: Context, *entrants: Entrant) -> set[uuid.UUID]:
    """Return whose documents a batch would take now."""
    ids = [one.registration for one in entrants]
    with context.sessions() as session:
        waiting = set(
            session.scalars(
                select(Registration.id)
                .join(Document, Document.registration_id == Registration.id)
                .where(Registration.id.in_(ids), waiting_documents())
            )
        )
        assert waiting == still_agreed(session, ids)
    return waiting


def test_the_queue_names_the_reason_and_masks_who(
    world: World, officer: Colleague, pair: tuple[Any, Entrant, Entrant]
) -> None:
    """C6, S-027: why, in plain words; name and number masked; nobody without the permission."""
    event, _one, _other = pair
    flag = flag_id(world, event.id)
    queue = words_of(officer.get("/staff/safety"))
    assert "同一个证件号码" in queue
    assert event.title in queue
    page = words_of(officer.get(f"/staff/safety/{flag}"))
    assert "不是同一个学员" in page
    assert "王小满" not in page
    assert not re.search(r"1\d{10}", page)
    assert not re.search(r"\d{17}[\dX]", page)
    assert "等着判断的风险提示" in words_of(officer.get("/staff"))
    for role in (Role.SERVICE, Role.AUDITOR, Role.ADMINISTRATOR):
        assert colleague(world, role).get("/staff/safety").status_code == 403


def test_a_hold_keeps_documents_out_of_batches_until_a_person_lifts_it(
    world: World, context: Context, officer: Colleague, pair: tuple[Any, Entrant, Entrant]
) -> None:
    """L-14, S-027: a flag alone holds nothing; the person reads why, and how to appeal."""
    event, one, other = pair
    flag = flag_id(world, event.id)
    assert handed_over(context, one, other) == {one.registration, other.registration}
    assert decide(officer, flag, "hold").status_code == 422
    held = subject(world, flag, other.registration)
    assert decide(officer, flag, "hold", held).status_code == 303
    assert handed_over(context, one, other) == {one.registration}
    mine = other.person.get(f"/registrations/{other.registration}")
    assert "暂缓转交，正在核实" in words_of(mine)
    assert "不是程序自动作出的" in words_of(mine)
    assert "/rights/ask" in mine.text or "/me/data/ask" in mine.text or "提出申诉" in mine.text
    assert "暂缓转交" not in words_of(one.person.get(f"/registrations/{one.registration}"))
    assert "registration_held" in kinds(world, other)
    assert decide(officer, flag, "clear").status_code == 303
    assert handed_over(context, one, other) == {one.registration, other.registration}
    assert "registration_resumed" in kinds(world, other)
    assert "暂缓转交" not in words_of(other.person.get(f"/registrations/{other.registration}"))
    assert flags(world, event.id)[0][1] == "cleared"
    assert len(audit_of(world, "safety.hold", flag)) == 1
    assert len(audit_of(world, "safety.clear", flag)) == 1


def kinds(world: World, entrant: Entrant) -> set[str]:
    """Return the kinds of notices somebody got."""
    rows = world.rows("SELECT kind FROM notices WHERE account_id = :a", a=entrant.person.account_id)
    return {row.kind for row in rows}


def test_a_stop_stands_until_an_appeal_clears_it(
    world: World, context: Context, officer: Colleague, pair: tuple[Any, Entrant, Entrant]
) -> None:
    """L-14: a person's decision with its reason; the registration stays, the way back is open."""
    event, one, other = pair
    flag = flag_id(world, event.id)
    stopped = subject(world, flag, other.registration)
    assert decide(officer, flag, "stop", stopped, note="本人承认不是自己的号码").status_code == 303
    assert handed_over(context, one, other) == {one.registration}
    page = words_of(other.person.get(f"/registrations/{other.registration}"))
    assert "停止转交" in page
    assert "提出申诉" in page
    (row,) = world.rows("SELECT status FROM registrations WHERE id = :r", r=other.registration)
    assert row.status == "submitted"
    # The decided flag offers no hold any more; the reason is on record, encrypted.
    assert decide(officer, flag, "hold", stopped).status_code == 422
    assert "本人承认不是自己的号码" in words_of(officer.get(f"/staff/safety/{flag}"))
    (act,) = world.rows("SELECT note FROM safety_acts WHERE flag_id = :f", f=flag)
    assert "承认".encode() not in bytes(act.note)
    operations = colleague(world, Role.OPERATIONS)
    assert decide(operations, flag, "clear", note="申诉成立").status_code == 303
    assert handed_over(context, one, other) == {one.registration, other.registration}


def test_the_person_is_asked_through_the_contact_log(
    world: World, officer: Colleague, pair: tuple[Any, Entrant, Entrant]
) -> None:
    """S-027, D1: customer service asks; the flag stays open."""
    event, one, _other = pair
    clerk = colleague(world, Role.SERVICE)
    flag = flag_id(world, event.id)
    chosen = subject(world, flag, one.registration)
    assert decide(officer, flag, "ask", chosen, note="请问号码是否填错").status_code == 303
    (entry,) = world.rows(
        "SELECT owner_id, state FROM contacts WHERE registration_id = :r", r=one.registration
    )
    assert entry.state == "open"
    roles = world.rows("SELECT role FROM account_roles WHERE account_id = :a", a=entry.owner_id)
    assert [row.role for row in roles] == ["service"]
    assert flags(world, event.id)[0][1] == "open"
    assert clerk.get("/staff/contacts").status_code == 200


def test_the_organizer_is_told_by_number_alone(
    world: World, officer: Colleague, pair: tuple[Any, Entrant, Entrant]
) -> None:
    """S-027: whoever verifies looks twice; told is the registration's number, not why a person."""
    event, one, _other = pair
    member = colleague(world, Role.ORGANIZER_MEMBER, organization_id=event.organization_id)
    flag = flag_id(world, event.id)
    assert decide(officer, flag, "tell", subject(world, flag, one.registration)).status_code == 303
    (told,) = world.rows(
        "SELECT params FROM notices WHERE account_id = :a AND kind = 'safety_told'",
        a=member.account_id,
    )
    assert told.params["registration_id"] == str(one.registration)


def test_every_decision_needs_a_reason(
    world: World, officer: Colleague, pair: tuple[Any, Entrant, Entrant]
) -> None:
    """L-14, S-027: nothing is done without one, and the page says what is missing."""
    flag = flag_id(world, pair[0].id)
    sent = decide(officer, flag, "clear", note="  ")
    assert sent.status_code == 422
    assert "请写明理由" in words_of(sent)
    assert officer.get(f"/staff/safety/{uuid.uuid4()}").status_code == 404


def test_nobody_judges_a_flag_about_a_registration_of_their_own(
    world: World, pair: tuple[Any, Entrant, Entrant]
) -> None:
    """C-50, L-14: a colleague's own account among those concerned leaves it to another."""
    event, one, _other = pair
    own = colleague(world, Role.OPERATIONS, name="欧阳自查")
    with world.session() as session:
        session.get_one(Account, one.person.account_id).name = "欧阳自查"
        session.commit()
    refused = decide(own, flag_id(world, event.id), "clear")
    assert refused.status_code == 422
    assert "请由另一位同事判断" in words_of(refused)
    assert flags(world, event.id)[0][1] == "open"


def test_of_many_decisions_at_once_one_counts(
    world: World, officer: Colleague, pair: tuple[Any, Entrant, Entrant]
) -> None:
    """C-50, L-14: fifty at the same moment close the flag once."""
    flag = flag_id(world, pair[0].id)

    def once(_turn: int) -> bool:
        with world.session() as session:
            try:
                service.decide(
                    session, world.settings, officer.actor, EVIDENCE, flag,
                    act=FlagAct.CLEAR, note="没有问题",
                )  # fmt: skip
            except service.WrongTurn:
                return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(once, range(50))) == 1
    assert len(audit_of(world, "safety.clear", flag)) == 1


def test_what_was_cleared_is_not_flagged_again(
    world: World, context: Context, officer: Colleague, pair: tuple[Any, Entrant, Entrant]
) -> None:
    """S-027: a decision stands; a third person with the same number is looked at anew."""
    event, one, _other = pair
    decide(officer, flag_id(world, event.id), "clear")
    one.person.upload(str(one.registration), own_file())
    run_once(context)
    assert len(flags(world, event.id)) == 1
