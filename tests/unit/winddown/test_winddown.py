"""The end of the service, lived through day by day: notice, banner, destruction, certificate."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest
from sqlalchemy import text

from heyan import clock as clocks
from heyan.access import Role
from heyan.audit.service import OPERATOR
from heyan.classification import REGISTRY
from heyan.retention import archiving
from heyan.winddown import ending, service
from tests.assessments import write
from tests.enrolment import World, words_of
from tests.staff import Colleague, colleague, event_form, organization
from tests.worker import opened, root_text, submit, verify
from uploads_worker import winddown
from uploads_worker.context import Context

PAGE = "/staff/winddown"


@pytest.fixture
def people(world: World) -> tuple[Colleague, Colleague]:
    """The privacy officer and an administrator."""
    return colleague(world, Role.PRIVACY_OFFICER), colleague(world, Role.ADMINISTRATOR)


@pytest.fixture(autouse=True)
def going_on(world: World) -> Iterator[None]:
    """Afterwards the service goes on for the other tests."""
    yield
    write(world, "DELETE FROM ending_notices")
    write(world, "DELETE FROM service_endings")


def day(ahead: int) -> str:
    """The last day whose end lies *ahead* whole days and some hours from now."""
    return f"{clocks.local(clocks.now()) + timedelta(days=ahead):%Y-%m-%d}"


def announce(people: tuple[Colleague, Colleague], ahead: int = 30) -> None:
    """Propose and approve."""
    officer, administrator = people
    assert officer.post(f"{PAGE}/propose", page=PAGE, last_day=day(ahead)).status_code == 303
    assert administrator.post(f"{PAGE}/approve", page=PAGE).status_code == 303


def test_twenty_nine_days_are_too_few(people: tuple[Colleague, Colleague]) -> None:
    """H5, S-078: refused with the days there are."""
    refused = people[0].post(f"{PAGE}/propose", page=PAGE, last_day=day(29 - 1))
    assert refused.status_code == 422
    assert "只有 28 天" in words_of(refused) or "只有 29 天" in words_of(refused)
    assert people[0].post(f"{PAGE}/propose", page=PAGE, last_day=day(30)).status_code == 303


def test_it_takes_two_to_end_and_two_to_go_on(
    world: World, people: tuple[Colleague, Colleague]
) -> None:
    """H5, C-50."""
    officer, administrator = people
    assert administrator.post(f"{PAGE}/propose", page=PAGE, last_day=day(40)).status_code == 403
    officer.post(f"{PAGE}/propose", page=PAGE, last_day=day(40))
    assert officer.post(f"{PAGE}/approve", page=PAGE).status_code == 403
    with world.session() as session:
        with pytest.raises(service.NotTheOther):
            service.approve(session, officer.actor)
        assert service.announced(session) is None
    assert administrator.post(f"{PAGE}/approve", page=PAGE).status_code == 303
    assert "停止服务" in words_of(world.app.test_client().get("/"))
    assert officer.post(f"{PAGE}/cancel", page=PAGE).status_code == 303
    assert officer.post(f"{PAGE}/cancel", page=PAGE, step="confirm").status_code == 403
    assert "将于" in words_of(world.app.test_client().get("/"))
    assert administrator.post(f"{PAGE}/cancel", page=PAGE, step="confirm").status_code == 303
    assert "将于" not in words_of(world.app.test_client().get("/"))


def test_a_proposal_that_nobody_approved_in_time_makes_way_for_another(
    world: World, people: tuple[Colleague, Colleague], clock: Any
) -> None:
    """H5, SECURITY 31: dropped by one person, as every proposal is; then a new one is taken."""
    people[0].post(f"{PAGE}/propose", page=PAGE, last_day=day(31))
    clock.move(timedelta(days=33))
    officer = colleague(world, Role.PRIVACY_OFFICER)
    administrator = colleague(world, Role.ADMINISTRATOR)
    refused = administrator.post(f"{PAGE}/approve", page=PAGE)
    assert refused.status_code == 409
    assert "重新提出" in words_of(refused)
    said = words_of(officer.get(PAGE))
    assert "撤销这个提议" in said
    assert "没有按时批准" in said
    assert officer.post(f"{PAGE}/cancel", page=PAGE).status_code == 303
    announce((officer, administrator))


def test_the_other_of_two_sees_at_home_that_calling_it_off_waits(
    people: tuple[Colleague, Colleague],
) -> None:
    """H5, S-078: it can be called off until the last day is over, so it may not be overlooked."""
    officer, administrator = people
    announce(people)
    words = "撤销停止服务的要求"
    assert words not in words_of(officer.get("/staff"))
    administrator.post(f"{PAGE}/cancel", page=PAGE)
    assert words in words_of(officer.get("/staff"))
    assert words not in words_of(administrator.get("/staff"))


def test_everybody_is_told_once(
    world: World, context: Context, people: tuple[Colleague, Colleague]
) -> None:
    """H5, S-078."""
    parent = world.person()
    announce(people)
    winddown.tend(context)
    winddown.tend(context)
    late = world.person()
    winddown.tend(context)
    for account_id in (parent.account_id, late.account_id, people[0].account_id):
        told = world.rows(
            "SELECT id FROM notices WHERE account_id = :a AND kind = 'service_ending'",
            a=account_id,
        )
        assert len(told) == 1


def test_an_end_that_nobody_was_told_of_destroys_nothing(
    world: World, context: Context, people: tuple[Colleague, Colleague], clock: Any
) -> None:
    """S-078, SECURITY 46: written by whoever holds the web's password, two names under it."""
    case = submit(world, context)
    with world.session() as session:
        session.execute(
            text(
                "INSERT INTO service_endings (id, ends_at, proposed_by, proposed_at, approved_by,"
                " approved_at) VALUES (gen_random_uuid(), now() - interval '1 hour', :a,"
                " now() - interval '40 days', :b, now() - interval '39 days')"
            ),
            {"a": people[0].account_id, "b": people[1].account_id},
        )
        session.commit()
    winddown.tend(context)
    assert _standing(world).begun_at is None
    assert opened(context, case.document_id)
    clock.move(timedelta(days=28))
    winddown.tend(context)
    assert opened(context, case.document_id)


def test_no_event_opens_that_closes_after_the_end(
    world: World, people: tuple[Colleague, Colleague]
) -> None:
    """H5, S-078."""
    operations = colleague(world, Role.OPERATIONS)
    later = {
        name: f"{day(count)}T10:00"
        for name, count in (
            ("closes_at", 50), ("documents_until", 51), ("starts_at", 60), ("ends_at", 61),
        )
    }  # fmt: skip
    form = event_form(organization(world).id, **later)
    address = str(operations.post("/staff/events/new", **form).headers["Location"])
    announce(people)
    refused = operations.post(f"{address}/publish")
    assert refused.status_code == 422
    assert "停止服务" in words_of(refused)


def test_the_service_ends_and_proves_it(
    world: World,
    context: Context,
    people: tuple[Colleague, Colleague],
    clock: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """H5, S-078, S-079: a banner on each day; then buckets empty, keys gone, one signed page."""
    identity = pyrage.x25519.Identity.generate()
    monkeypatch.setattr(archiving, "_recipient", str(identity.to_public()))
    case = submit(world, context)
    (owner,) = world.rows(
        "SELECT account_id AS id FROM registrations WHERE id = :r", r=case.registration_id
    )
    announce(people)
    winddown.tend(context)
    visitor = world.app.test_client()
    for passed in range(30):
        clock.move(timedelta(days=min(passed, 1)))
        assert "将于" in words_of(visitor.get("/events")), f"day {passed}"
    winddown.tend(context)
    assert _standing(world).ended_at is None
    clock.move(timedelta(days=2))
    # Nothing is taken any more, before all is destroyed too.
    assert visitor.get("/").status_code == 410
    assert visitor.post("/callback", data={"phone": "13900000000"}).status_code == 410
    assert people[0].post(f"{PAGE}/cancel").status_code == 410
    winddown.tend(context)
    assert _standing(world).ended_at is None
    with world.session() as session:
        assert ending.seal_all(session, OPERATOR) >= 1
    winddown.tend(context)
    assert _standing(world).ended_at is not None
    page = visitor.get("/")
    assert page.status_code == 410
    assert "/ended/certificate.json" in page.text

    (document,) = world.rows("SELECT * FROM documents WHERE id = :d", d=case.document_id)
    assert document.destroyed_at is not None
    kept = {
        row.object_key
        for row in world.rows("SELECT object_key FROM archive_items WHERE destroyed_at IS NULL")
    }
    held = {
        row.object_key
        for row in world.rows("SELECT object_key FROM documents WHERE destroyed_at IS NULL")
    }
    assert {one.key for one in context.objects.list_sealed()} <= kept | held
    assert document.object_key not in {one.key for one in context.objects.list_sealed()}
    assert list(context.objects.list_releases()) == []
    assert context.keyring.vault_keys(case.event_id) == [] or all(
        row.status == "destroyed"
        for row in world.rows("SELECT status FROM vault_keys WHERE event_id = :e", e=case.event_id)
    )
    (account,) = world.rows("SELECT name, password_hash FROM accounts WHERE id = :a", a=owner.id)
    assert (account.name, account.password_hash) == (None, None)
    assert world.rows("SELECT id FROM archive_items WHERE account_id = :a", a=owner.id)

    certificate = tmp_path / "heyan-destruction.json"
    certificate.write_bytes(visitor.get("/ended/certificate.json").data)
    code, said = verify("--root", root_text(context), "destruction", certificate)
    assert code == 0, said
    assert "legal.archive" in said
    changed = json.loads(certificate.read_text("utf-8"))
    proven = json.loads(base64.b64decode(changed["payload"]))
    assert set(proven["left"]) == set(REGISTRY)
    assert not any(n for key, n in proven["left"].items() if key not in winddown.STAYS)
    assert {key for key, n in proven["left"].items() if n} == set(proven["kept"])
    changed["payload"] = changed["payload"][:-8] + "AAAAAAA="
    certificate.write_text(json.dumps(changed), "utf-8")
    assert verify("--root", root_text(context), "destruction", certificate)[0] == 1


def _standing(world: World) -> Any:
    (row,) = world.rows("SELECT * FROM service_endings WHERE cancelled_at IS NULL")
    return row
