"""A change of the terms: put forward, forced, approved by another, told, asked again, declined."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from heyan import clock as time
from heyan.access import Role
from heyan.policies import drafts, standing, terms
from heyan.policies.changes import forced, forced_kinds
from heyan.policies.models import ChangeKind
from heyan.policies.service import version_in_force
from tests.approvals import somebody
from tests.conftest import Clock
from tests.enrolment import Person, World, words_of
from tests.policies import (
    NOTICE_DAYS,
    again_signed_in,
    changed_terms,
    coming_text,
    proposal,
    with_recipient,
)
from tests.staff import colleague
from uploads_worker import policy_rounds
from uploads_worker.context import Context

pytestmark = pytest.mark.usefixtures("rounds")


def answers(world: World, person: Person) -> list[str]:
    return [
        row.said
        for row in world.rows(
            "SELECT said FROM policy_answers WHERE account_id = :a ORDER BY id", a=person.account_id
        )
    ]


def ledger(world: World, person: Person) -> list[str]:
    return [
        row.policy_version
        for row in world.rows(
            "SELECT policy_version FROM consent_records WHERE account_id = :a"
            " AND purpose = 'account' AND granted ORDER BY id",
            a=person.account_id,
        )
    ]


def test_a_changed_recipient_cannot_be_called_minor(world: World) -> None:
    """S-109, K1: the registry's difference forces "material", whatever its author ticks."""
    changed = with_recipient(coming_text(world))
    with world.session() as session:
        officer = somebody(session, Role.PRIVACY_OFFICER)
        with pytest.raises(drafts.MustBeMaterial) as refused:
            drafts.propose(session, officer, proposal(changed), NOTICE_DAYS)
        assert refused.value.kinds == {ChangeKind.RECIPIENTS}
        said = {"kinds": frozenset({ChangeKind.SERVICE}), "material": True}
        with pytest.raises(drafts.MustBeMaterial):
            drafts.propose(session, officer, proposal(changed, **said), NOTICE_DAYS)


def test_purpose_category_retention_and_contact_are_watched_too(world: World) -> None:
    """S-109: what the frozen tables say of purpose, category and period, and who answers."""
    before = coming_text(world)
    for column, kind in ((2, ChangeKind.SERVICE), (4, ChangeKind.SERVICE)):
        after = with_recipient(before)
        for section in after["zh"]:
            for part in section["parts"]:
                if part["kind"] == "table" and part["rows"][0]["id"].startswith("collected-"):
                    part["rows"][0]["cells"][5] = _cells(before)[5]
                    part["rows"][0]["cells"][column] = "别的"
        assert forced_kinds(forced(before, after)) == {kind}
    contact = {
        "zh": [
            {**section, "title": "换了" if section["id"] == "contact" else section["title"]}
            for section in before["zh"]
        ]
    }
    assert forced_kinds(forced(before, contact)) == {ChangeKind.CONTACT}
    assert forced(before, before) == []


def _cells(content: dict[str, list[dict[str, object]]]) -> list[str]:
    for section in content["zh"]:
        for part in section["parts"]:  # type: ignore[attr-defined] # plain data
            if part["kind"] == "table" and part["rows"][0]["id"].startswith("collected-"):
                return list(part["rows"][0]["cells"])
    raise AssertionError


def test_a_change_of_owner_is_material_and_names_who_takes_over(world: World) -> None:
    """L-13: merger or dissolution forces notice, with the recipient's name and contact."""
    with world.session() as session:
        officer = somebody(session, Role.PRIVACY_OFFICER)
        owners = frozenset({ChangeKind.OWNERSHIP})
        with pytest.raises(drafts.MustBeMaterial):
            drafts.propose(
                session, officer, proposal(coming_text(world), kinds=owners), NOTICE_DAYS
            )
        with pytest.raises(drafts.OwnerMissing):
            drafts.propose(
                session,
                officer,
                proposal(coming_text(world), kinds=owners, material=True),
                NOTICE_DAYS,
            )


def test_a_material_change_leaves_time_to_read(world: World) -> None:
    """K1: published at least seven days ahead, also when the approval came late."""
    soon = proposal(
        coming_text(world),
        material=True,
        kinds=frozenset({ChangeKind.RIGHTS}),
        effective_at=time.now() + timedelta(days=6),
    )
    with world.session() as session:
        officer = somebody(session, Role.PRIVACY_OFFICER)
        with pytest.raises(drafts.TooSoon):
            drafts.propose(session, officer, soon, NOTICE_DAYS)


def test_who_put_a_version_forward_does_not_approve_it(world: World) -> None:
    """K1: two people; approving twice is one publication."""
    with world.session() as session:
        officer = somebody(session, Role.PRIVACY_OFFICER)
        draft = drafts.propose(session, officer, proposal(coming_text(world)), NOTICE_DAYS)
        with pytest.raises(drafts.SamePerson):
            drafts.approve(session, officer, draft.id, NOTICE_DAYS)
        other = somebody(session, Role.ADMINISTRATOR)
        drafts.approve(session, other, draft.id, NOTICE_DAYS)
        with pytest.raises(drafts.DraftClosed):
            drafts.approve(session, other, draft.id, NOTICE_DAYS)


def test_fifty_approvals_at_once_publish_once(world: World) -> None:
    """K1, C-50, SECURITY 30: one version, one line of the trail, one job that tells people."""
    with world.session() as session:
        officer = somebody(session, Role.PRIVACY_OFFICER)
        others = [somebody(session, Role.ADMINISTRATOR) for _each in range(5)]
        material = proposal(coming_text(world), material=True, kinds=frozenset({ChangeKind.RIGHTS}))
        draft = drafts.propose(session, officer, material, NOTICE_DAYS)
        draft_id, name = draft.id, draft.version

    def approve(turn: int) -> str:
        # The author tries as well, every fifth time.
        who = officer if turn % 5 == 0 else others[turn % len(others)]
        with world.session() as session:
            try:
                drafts.approve(session, who, draft_id, NOTICE_DAYS)
            except (drafts.DraftClosed, drafts.SamePerson) as refused:
                return type(refused).__name__
            return "published"

    with ThreadPoolExecutor(16) as pool:
        came_of_it = list(pool.map(approve, range(50)))
    assert came_of_it.count("published") == 1
    assert set(came_of_it) <= {"published", "DraftClosed", "SamePerson"}
    ((versions, decided),) = world.rows(
        "SELECT (SELECT count(*) FROM policy_versions WHERE version = :v),"
        " (SELECT decided_by FROM policy_drafts WHERE id = :d)",
        v=name,
        d=draft_id,
    )
    assert versions == 1
    assert decided != officer.id
    published = "SELECT count(*) FROM audit_entries WHERE action = 'policies.publish'"
    assert world.rows(f"{published} AND details->>'version' = :v", v=name)[0][0] == 1
    jobs = "SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE '%tell_policy%'"
    (policy_id,) = world.rows("SELECT id FROM policy_versions WHERE version = :v", v=name)[0]
    assert world.rows(f"{jobs} AND args->>'policy_id' = :p", p=str(policy_id))[0][0] == 1


def test_staff_put_a_version_forward_see_what_differs_and_publish_it(world: World) -> None:
    """K1, S-105: page, comparison, forced kinds said, second person; the auditor only reads."""
    officer = colleague(world, Role.PRIVACY_OFFICER)
    page = "/staff/policies/new/privacy"
    assert officer.get(page).status_code == 200
    day = f"{time.local(time.now() + timedelta(days=9)):%Y-%m-%d}"
    name = f"p{uuid.uuid4().hex[:8]}"
    fields = {"version": name, "effective": day, "changes": "说明写得更清楚。", "material": "no"}
    late = officer.post(page, **{**fields, "material": "yes", "effective": "2026-01-01"})
    assert late.status_code == 422
    assert "来不及通知" in words_of(late)
    sent = officer.post(page, **fields)
    assert sent.status_code == 303, words_of(sent)
    address = sent.headers["Location"]
    shown = officer.get(address)
    assert name in shown.text
    assert officer.get(f"{address}/approve").status_code == 403
    second = colleague(world, Role.ADMINISTRATOR)
    assert second.post(f"{address}/approve").status_code == 303
    listed = words_of(second.get("/staff/policies"))
    assert name in listed
    auditor = colleague(world, Role.AUDITOR)
    assert auditor.get("/staff/policies").status_code == 200
    assert auditor.get(page).status_code == 403
    public = world.app.test_client().get(f"/privacy/versions/privacy/{name}")
    assert "现在还不适用" in public.text


def test_a_version_can_be_given_up(world: World) -> None:
    """A draft that nobody wants any more makes room for another."""
    officer = colleague(world, Role.PRIVACY_OFFICER)
    with world.session() as session:
        draft = drafts.propose(session, officer.actor, proposal(coming_text(world)), NOTICE_DAYS)
        address = f"/staff/policies/drafts/{draft.id}"
        with pytest.raises(drafts.DraftOpen):
            drafts.propose(session, officer.actor, proposal(coming_text(world)), NOTICE_DAYS)
    assert officer.post(f"{address}/give-up", page=address).status_code == 303
    assert "已放弃" in officer.get(address).text
    late = officer.post(f"{address}/give-up", page="/staff/policies/new/privacy")
    assert late.status_code == 409


def test_everybody_is_told_once_by_every_channel(
    world: World, person: Person, context: Context, clock: Clock
) -> None:
    """K1, S-109: a notice and a message each; reminded once when it is in force."""
    version = changed_terms(world)
    policy_rounds.tell_policy(context, str(version.id))
    policy_rounds.tell_policy(context, str(version.id))
    kinds = "SELECT kind FROM notices WHERE account_id = :a AND kind LIKE 'policy%' ORDER BY id"
    told = [row.kind for row in world.rows(kinds, a=person.account_id)]
    assert told == ["policy_changed"]
    with world.session() as session:
        found = terms.round_of(session, version)
        assert found.told == found.concerned >= 1
        assert found.open == found.concerned
    clock.move(timedelta(days=9))
    policy_rounds.tend_policies(context)
    policy_rounds.tend_policies(context)
    told = [row.kind for row in world.rows(kinds, a=person.account_id)]
    assert told == ["policy_changed", "policy_due"]
    listed = words_of(colleague(world, Role.PRIVACY_OFFICER).get("/staff/policies"))
    assert version.version in listed


def test_changed_terms_are_asked_about_before_anything_else(
    world: World, person: Person, clock: Clock
) -> None:
    """K1, A4, S-010: led there from any page; agreeing is a line of the ledger with the text."""
    version = changed_terms(world)
    led = person.get("/registrations")
    assert led.status_code == 302
    assert "/account/terms" in led.headers["Location"]
    assert person.client.post("/students/new").status_code in (400, 403)
    page = person.get("/account/terms").text
    assert version.changes in page
    assert "全文" in page
    later = person.post("/account/terms", action="later", policy=str(version.id))
    assert later.status_code == 303
    assert person.get("/registrations").status_code == 200
    with world.session() as session:
        assert version_in_force(session).version != version.version
    clock.move(timedelta(days=9))
    again = again_signed_in(world, person)
    assert "/account/terms" in again.get("/registrations").headers["Location"]
    refused = again.post("/account/terms", action="later", policy=str(version.id))
    assert "/account/terms" in refused.headers["Location"]
    agreed = again.post("/account/terms", action="agreed", policy=str(version.id))
    assert agreed.status_code == 303
    assert again.get("/registrations").status_code == 200
    assert answers(world, person) == ["later", "agreed"]
    assert ledger(world, person)[-1] == version.version
    (row,) = world.rows(
        "SELECT text_shown, policy_sha256 FROM consent_records WHERE account_id = :a"
        " ORDER BY id DESC LIMIT 1",
        a=person.account_id,
    )
    assert version.changes in row.text_shown
    assert bytes(row.policy_sha256) == version.content_sha256


def test_who_declines_reads_exports_closes_and_begins_nothing_new(
    world: World, person: Person, clock: Clock
) -> None:
    """S-107, S-106, S-008: three ways stay open, the old terms go on, nothing new is processed."""
    later = time.now() + timedelta(days=30)
    event = world.event(closes_at=later, documents_until=later, starts_at=later, ends_at=later)
    student = person.student()
    registration = person.start(event.slug, student)
    version = changed_terms(world)
    clock.move(timedelta(days=8, hours=1))
    person = again_signed_in(world, person)
    declined = person.post("/account/terms", action="declined", policy=str(version.id))
    assert declined.status_code == 303
    page = person.get("/account/terms")
    assert "您选择了不同意" in page.text
    for address in ("/me/data", "/registrations", f"/registrations/{registration}"):
        assert person.get(address, follow_redirects=True).status_code == 200
    for address in re.findall(r'href="(/me/data[a-z/]*)"', page.text):
        assert person.get(address).status_code in (200, 302), address
    started = person.post(
        "/registrations/new", page=f"/registrations/new?event={event.slug}", student=student
    )
    assert "/account/terms" in started.headers["Location"]
    bound = person.post("/students/new", name="另一个", birth_date="2009-01-01", relation="child")
    assert "/account/terms" in bound.headers["Location"]
    assert "/account/terms" in person.answer(registration).headers["Location"]
    assert version.version not in ledger(world, person)
    # They may change their mind.
    person.post("/account/terms", action="agreed", policy=str(version.id))
    assert person.answer(registration).status_code == 303


def test_who_comes_after_a_change_is_not_asked_about_it(world: World, clock: Clock) -> None:
    """K1: an account opened under the new terms agreed to them then."""
    changed_terms(world)
    clock.move(timedelta(days=9))
    newcomer = world.person()
    assert newcomer.get("/registrations").status_code == 200


def test_a_minor_change_asks_nobody(world: World, person: Person, clock: Clock) -> None:
    """K1: what is not material is only published."""
    with world.session() as session:
        officer = somebody(session, Role.PRIVACY_OFFICER)
        draft = drafts.propose(session, officer, proposal(coming_text(world)), NOTICE_DAYS)
        version = drafts.approve(
            session, somebody(session, Role.ADMINISTRATOR), draft.id, NOTICE_DAYS
        )
        assert not version.material
        assert standing.due(session, person.account_id) == []


def test_an_answer_to_terms_that_changed_meanwhile_is_asked_again(
    world: World, person: Person
) -> None:
    """A2: what was not on the page is not agreed to."""
    changed_terms(world)
    page = person.get("/account/terms")
    assert page.status_code == 200
    sent = person.post("/account/terms", action="agreed", policy=str(uuid.uuid4()))
    assert "/account/terms" in sent.headers["Location"]
    assert answers(world, person) == []
    assert person.post("/account/terms", action="maybe").status_code == 400
