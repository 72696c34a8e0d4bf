"""The ledger in front of each processing, and the receipts that people keep of it."""

from __future__ import annotations

import ast
import json
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from heyan import clock as time
from heyan.audit.service import Actor
from heyan.consent import purposes
from heyan.consent import service as consents
from heyan.consent.purposes import Purpose
from heyan.consent.service import ConsentMissing, Evidence
from heyan.documents.models import Document
from heyan.policies import terms
from heyan.policies.models import ChangeKind, PolicySaid
from heyan.registrations.models import Registration
from tests.accounts import Browser
from tests.conftest import Clock
from tests.enrolment import Person, World, id_number, picture, words_of
from tests.policies import again_signed_in, changed_terms
from tests.worker import root_text, submit, verify
from uploads_worker import receipts
from uploads_worker.context import Context
from uploads_worker.releases import waiting

ROOT = Path(__file__).resolve().parents[3]
# Where each purpose is processed, and by what the ledger is asked first (A6): one line each.
ASKED = {
    purposes.LEAD_CALLBACK: [("site/heyan/leads/queue.py", "reveal", "require_of_lead")],
    purposes.ACCOUNT: [
        ("site/heyan/students/service.py", "bind_student", "require"),
        ("site/heyan/registrations/service.py", "start", "require"),
        ("site/heyan/registrations/service.py", "_hold_draft", "require"),
        ("site/heyan/registrations/service.py", "save_consents", "require"),
        ("site/heyan/registrations/submission.py", "submit", "require"),
        ("site/heyan/documents/rules.py", "check_before_body", "require"),
    ],
    purposes.IDENTITY_DOCUMENTS: [
        ("site/heyan/registrations/service.py", "save_id_number", "require"),
        ("site/heyan/documents/rules.py", "check_before_body", "require_consents"),
        ("uploads_worker/releases/waiting.py", "agreed", "standing_of_all"),
    ],
    purposes.HAND_OVER: [("uploads_worker/releases/waiting.py", "agreed", "standing_of_all")],
    purposes.GUARDIAN: [
        ("site/heyan/registrations/steps.py", "require_consents", "standing_consent"),
        ("uploads_worker/releases/waiting.py", "agreed", "needed_consents"),
    ],
    purposes.CALL_RECORDING: [("site/heyan/contacts/recordings.py", "_check", "require_of_call")],
    purposes.ANALYTICS: [("site/heyan/usage/service.py", "agreed", "require_of_visitor")],
}


def calls_in(path: str, function: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    (body,) = [
        one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == function
    ]
    return {
        one.func.attr if isinstance(one.func, ast.Attribute) else getattr(one.func, "id", "")
        for one in ast.walk(body)
        if isinstance(one, ast.Call)
    }


def test_every_purpose_asks_the_ledger_before_it_is_processed() -> None:
    """A6, S-014: a purpose without a place that asks, or a place that stopped asking, fails."""
    assert set(ASKED) == set(purposes.PURPOSES)
    for places in ASKED.values():
        assert places
        for path, function, call in places:
            assert call in calls_in(path, function), (path, function)


def test_a_new_purpose_asks_at_its_next_use(
    world: World, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-014, A6: an ungranted purpose raises; an old consent does not stand for a new one."""
    monkeypatch.setitem(purposes.PURPOSES, "research", Purpose("research", "研究", True, ""))
    with world.session() as session:
        with pytest.raises(ConsentMissing):
            consents.require(session, "research", account_id=person.account_id)
        consents.require(session, purposes.ACCOUNT, account_id=person.account_id)
        consents.grant(
            session, "research", Evidence("192.0.2.1", "t"), text_shown="研究",
            account_id=person.account_id,
        )  # fmt: skip
        consents.require(session, "research", account_id=person.account_id)
        with pytest.raises(KeyError):
            consents.grant(
                session, "unknown", Evidence("", ""), text_shown="", account_id=person.account_id
            )


def test_nothing_begins_without_the_account_s_consent(world: World, person: Person) -> None:
    """A6, S-005: taken back, no student is bound and no registration starts."""
    event, student = world.event(), person.student()
    with world.session() as session:
        consents.withdraw(
            session, purposes.ACCOUNT, Evidence("192.0.2.1", "t"), text_shown="撤回",
            account_id=person.account_id,
        )  # fmt: skip
    sent = person.post(
        "/registrations/new", page=f"/registrations/new?event={event.slug}", student=student
    )
    assert sent.status_code >= 400
    assert (
        world.rows("SELECT id FROM registrations WHERE account_id = :a", a=person.account_id) == []
    )


def test_an_upload_with_the_policy_s_consent_alone_is_refused(world: World, person: Person) -> None:
    """S-005, A7, L-02: the consent for identity documents is a row of its own with its text."""
    registration = person.start(world.event().slug, person.student())
    person.answer(registration)
    refused = person.upload(registration, picture())
    assert refused.status_code == 403
    where = "WHERE registration_id = :r"
    assert world.rows(f"SELECT id FROM documents {where}", r=registration) == []
    person.agree(registration)
    rows = world.rows(f"SELECT purpose, text_shown FROM consent_records {where}", r=registration)
    texts = {row.purpose: row.text_shown for row in rows}
    assert set(texts) == {purposes.IDENTITY_DOCUMENTS, purposes.HAND_OVER}
    for words in ("必要性", "被人冒用身份", "保存期限"):
        assert words in texts[purposes.IDENTITY_DOCUMENTS]
    for words in ("接收方", "联系方式", "目的", "方式", "种类"):
        assert words in texts[purposes.HAND_OVER]


def _guarded(person: Person, slug: str, born: str) -> str:
    registration = person.start(slug, person.student(born=born))
    person.answer(registration)
    given = person.post(
        f"/registrations/{registration}/guardian",
        guardian_name="王大明",
        guardian_relation="father",
        guardian_phone="13800138000",
        consent="yes",
    )
    assert given.status_code == 303
    return registration


def _finish(person: Person, registration: str, born: str) -> None:
    assert person.agree(registration).status_code == 303
    assert person.number(registration, id_number(born)).status_code == 303
    assert person.upload(registration, picture()).status_code == 303
    assert person.post(f"/registrations/{registration}/check").status_code == 303


@pytest.mark.parametrize("age", [11, 16, 30])
def test_a_whole_enrolment_passes_with_every_optional_consent_refused(
    world: World, person: Person, age: int
) -> None:
    """A5, S-013, L-09: also for a child and for a minor; nothing optional was agreed to."""
    today = time.local(time.now()).date()
    born = f"{today.year - age}-01-01"
    event = world.event()
    page = person.get("/privacy/cookies").text
    assert "只用必要的" in page
    refused = person.post("/privacy/cookies/choice", page="/privacy/cookies", usage="no")
    assert refused.status_code == 303
    if age < 14:
        registration = _guarded(person, event.slug, born)
    else:
        registration = person.start(event.slug, person.student(born=born))
        person.answer(registration)
    _finish(person, registration, born)
    held = {
        row.purpose
        for row in world.rows(
            "SELECT DISTINCT purpose FROM consent_records WHERE account_id = :a AND granted",
            a=person.account_id,
        )
    }
    optional = {purposes.ANALYTICS, purposes.CALL_RECORDING, purposes.LEAD_CALLBACK}
    assert not held & optional


def test_on_the_birthday_the_own_consent_is_asked_and_the_guardian_s_ends(
    world: World, person: Person, clock: Clock
) -> None:
    """L-04, A7: 13 years and 364 days: blocked without the guardian; a day later, one's own."""
    today = time.local(time.now()).date()
    tomorrow = today + timedelta(days=1)
    born = tomorrow.replace(year=tomorrow.year - 14).isoformat()
    event = world.event()
    registration = person.start(event.slug, person.student(born=born))
    assert person.answer(registration).headers["Location"].endswith("/guardian")
    person.agree(registration)
    check = person.post(f"/registrations/{registration}/check", page="/students/new")
    assert "/guardian" in check.headers.get("Location", "/guardian")
    person.post(
        f"/registrations/{registration}/guardian",
        guardian_name="王大明",
        guardian_relation="father",
        guardian_phone="13800138000",
        consent="yes",
    )
    _finish(person, registration, born)
    with world.session() as session:
        assert waiting.still_agreed(session, [uuid.UUID(registration)])
    clock.move(timedelta(days=1))
    person = again_signed_in(world, person)
    with world.session() as session:
        assert not waiting.still_agreed(session, [uuid.UUID(registration)])
    again = f"/registrations/{registration}/consents"
    assert again in person.get(f"/registrations/{registration}").text
    assert person.agree(registration).status_code == 303
    with world.session() as session:
        assert waiting.still_agreed(session, [uuid.UUID(registration)])


@pytest.mark.usefixtures("rounds")
def test_a_batch_holds_nothing_of_who_did_not_agree_to_what_changed_in_it(
    world: World, context: Context, clock: Clock
) -> None:
    """L-03, S-106, K1: other recipients or purposes stop the hand-over until it is agreed to."""
    case = submit(world, context)
    with world.session() as session:
        account_id = session.get_one(Registration, case.registration_id).account_id
        due = session.get_one(Document, case.document_id).destroy_due_at
    version = changed_terms(world, [ChangeKind.RECIPIENTS])
    assert _counted(context, case.document_id) == 1
    clock.move(timedelta(days=8, hours=1))
    assert _counted(context, case.document_id) == 0
    with context.sessions() as session:
        assert waiting.still_agreed(session, [case.registration_id]) == set()
    with world.session() as session:
        # The period of what is there stays as it was when it was handed in.
        assert session.get_one(Document, case.document_id).destroy_due_at == due
        terms.answer(
            session, Actor("public", account_id), account_id, [version.id], PolicySaid.AGREED,
            Evidence("192.0.2.1", "t"), "同意",
        )  # fmt: skip
    assert _counted(context, case.document_id) == 1


@pytest.mark.usefixtures("rounds")
def test_a_change_that_leaves_batches_alone_stops_none(
    world: World, context: Context, clock: Clock
) -> None:
    """S-106, K1: the old terms go on for whoever did not agree to a new contact."""
    case = submit(world, context)
    changed_terms(world, [ChangeKind.CONTACT])
    clock.move(timedelta(days=8, hours=1))
    assert _counted(context, case.document_id) == 1


def _counted(context: Context, document_id: uuid.UUID) -> int:
    with context.sessions() as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(Document)
                .join(Registration, Registration.id == Document.registration_id)
                .where(Document.id == document_id, waiting.waiting_documents())
            )
            or 0
        )


def test_each_line_of_the_ledger_has_a_receipt_that_verifies(
    world: World, person: Person, context: Context, tmp_path: Path
) -> None:
    """A2, A7: signed by the worker, one's own alone, checked by the stand-alone tool."""
    registration = person.start(world.event().slug, person.student())
    person.answer(registration)
    person.agree(registration)
    assert "正在签名" in person.get("/me/data/consents/ledger").text
    receipts.sign_all(context)
    assert receipts.sign_all(context) == 0
    page = person.get("/me/data/consents/ledger")
    assert "正在签名" not in page.text
    sent = person.get("/me/data/consents/receipts")
    file = tmp_path / "consents.json"
    file.write_bytes(sent.data)
    code, said = verify("--root", root_text(context), "consent", file)
    assert code == 0, said
    for purpose in (purposes.ACCOUNT, purposes.IDENTITY_DOCUMENTS, purposes.HAND_OVER):
        assert f"{purpose} agreed" in said
    # Nothing of where it came from or who it was.
    assert "192.0.2.1" not in sent.text
    one = json.loads(sent.data)["receipts"][0]
    alone = person.get(f"/me/data/consents/{one['id']}/receipt")
    assert alone.status_code == 200
    assert world.person().get(f"/me/data/consents/{one['id']}/receipt").status_code == 404
    broken = json.loads(sent.data)
    payload = broken["receipts"][0]["envelope"]["payload"]
    broken["receipts"][0]["envelope"]["payload"] = payload[:-4] + "AAAA"
    file.write_text(json.dumps(broken), "utf-8")
    assert verify("--root", root_text(context), "consent", file)[0] == 1
    # A receipt of consent passes for nothing else.
    file.write_text(json.dumps(one["envelope"]), "utf-8")
    assert verify("--root", root_text(context), "receipt", file)[0] == 1


def test_the_ledger_cannot_be_rewritten_by_the_site(world: World, person: Person) -> None:
    """S-004, A2: neither changed nor removed, nor are versions, answers or receipts."""
    from sqlalchemy import text
    from sqlalchemy.exc import ProgrammingError

    for table, column in (
        ("consent_records", "purpose"),
        ("policy_versions", "version"),
        ("policy_answers", "at"),
        ("consent_receipts", "envelope"),
    ):
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with world.session() as session, pytest.raises(ProgrammingError):
                session.execute(text(statement))


def test_each_step_of_a_document_names_the_version_of_its_time(
    world: World, person: Person
) -> None:
    """S-108, A2: the custody page and the ledger show the version in force at each act."""
    _registration, document = person.submitted(world.event().slug)
    (row,) = world.rows(
        "SELECT policy_version FROM custody_events WHERE document_id = :d AND step = 'received'",
        d=document,
    ) or world.rows(
        "SELECT policy_version FROM custody_events WHERE document_id = :d ORDER BY id LIMIT 1",
        d=document,
    )
    assert f"依据政策 {row.policy_version} 版" in words_of(person.get(f"/documents/{document}"))
    assert row.policy_version in person.get("/me/data/consents/ledger").text


def test_people_are_warned_before_the_first_byte_can_be_chosen(
    world: World, person: Person
) -> None:
    """S-002, S-001, S-008, A3: bold, before the field, with the consequence; no script."""
    registration = person.ready(world.event().slug)
    page = person.get(f"/registrations/{registration}/documents/id_card_front").text
    warning = page.index("请谨慎考虑是否提供")
    assert "<strong>" in page[warning - 20 : warning]
    assert warning < page.index('type="file"')
    fields = person.get(f"/registrations/{registration}/fields").text
    assert fields.index("请谨慎考虑") < fields.index('name="field_')


def test_the_box_is_empty_and_the_text_is_one_tap_away(world: World) -> None:
    """A1, S-003, S-004: never ticked beforehand; without consent nothing is kept."""
    browser = Browser(world.app)
    page = browser.get("/account/register").text
    consent = page[page.index("data-consent") - 200 : page.index("data-consent") + 50]
    assert "checked" not in consent
    assert 'href="/privacy"' in page
    before = world.rows("SELECT count(*) FROM consent_records")[0][0]
    refused = browser.post("/leads/new", name="王女士", phone="13800138000")
    assert refused.status_code == 422
    assert world.rows("SELECT count(*) FROM consent_records")[0][0] == before


def test_both_lists_stand_in_the_policy(world: World) -> None:
    """L-01: what is collected and what is provided, what happens after, and the rights."""
    page = words_of(world.app.test_client().get("/privacy"))
    for words in ("清单一", "清单二", "清单三", "转移到您指定的处理者", "限制或拒绝处理"):
        assert words in page


def test_a_refused_choice_is_not_asked_again_for_half_a_year(world: World) -> None:
    """L-10: the refusal is remembered for 180 days, and taking it back is as short as giving."""
    browser = Browser(world.app)
    sent = browser.post("/privacy/cookies/choice", usage="no")
    ages = [
        int(part.split("=")[1])
        for cookie in sent.headers.getlist("Set-Cookie")
        if "choice" in cookie
        for part in cookie.split("; ")
        if part.startswith("Max-Age")
    ]
    assert ages
    assert min(ages) >= timedelta(days=180).total_seconds()
