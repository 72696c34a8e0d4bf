"""Every page of staff and organizers, from the route table: who was shown is on record, once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from heyan import clock
from heyan.access import GRANTS, Permission, Realm, Role
from heyan.accounts.models import Account
from heyan.audit.service import Actor
from heyan.classification import mask_phone
from heyan.contacts.models import Contact
from heyan.db import Base, EncryptedText
from heyan.leads.models import Lead
from heyan.notifications.models import Message, MessageChannel, MessageState, Reach
from heyan.rights import requests as rights
from heyan.rights.models import RightsKind
from tests.access import CLERKS, STAFF, Universe, address, needed

P = Permission
ORGANIZERS = ("member_x", "owner_x")
AT_WORK = (*STAFF, *ORGANIZERS)
# The universe's lead, masked as every page may show it.
PHONE = "+8613900000000"
MASKED = mask_phone(PHONE)
Whose = Callable[[Universe], object]


def thing(name: str) -> Whose:
    return lambda universe: universe.ids[name]


def account(name: str) -> Whose:
    return lambda universe: universe.accounts[name]


# Whom each page shows: an id that its entry has to name.
SHOWN: dict[str, Whose] = {
    "decisions.state": thing("release"),
    "decisions.template": thing("release"),
    "organizations.member": account("member_x"),
    "organizations.members": account("member_x"),
    "organizer_rights.index": thing("registration"),
    "releases.manifest": thing("release"),
    "retention.hold": thing("document"),
    "retention.hold_list": thing("hold"),
    "retention.order": thing("query"),
    "retention.order_list": thing("query"),
    "staff.disable": account("auditor"),
    "staff.enable": account("auditor"),
    "staff.end_sessions": account("auditor"),
    "staff.people": account("auditor"),
    "staff.reissue": account("auditor"),
    "staff_accounts.lost_factor": account("auditor"),
    "staff_accounts.lost_factors": account("member_y"),
    "staff_accounts.organizers_lost_factor": account("owner_x"),
    "staff_accounts.review": account("auditor"),
    "staff_agreements.document": thing("agreement"),
    "staff_approvals.decide": thing("document"),
    "staff_approvals.index": thing("access_request"),
    "staff_approvals.record": thing("registration"),
    "staff_approvals.sensitive_record": thing("registration"),
    "staff_approvals.show": thing("document"),
    "staff_assistance.confirm": account("student_a"),
    "staff_assistance.index": account("student_a"),
    "staff_assistance.show": account("student_a"),
    "staff_contacts.account_history": account("student_a"),
    "staff_contacts.index": thing("contact"),
    "staff_contacts.lead_history": thing("lead"),
    "staff_contacts.show": thing("contact"),
    "staff_leads.index": thing("lead"),
    "staff_leads.show": thing("lead"),
    "staff_messages.index": thing("message"),
    "staff_organizations.show": account("member_x"),
    "staff_oversight.alert": account("service"),
    "staff_oversight.alert_list": thing("alert"),
    "staff_oversight.finding": account("operations"),
    "staff_oversight.finding_list": thing("finding"),
    "staff_oversight.people": account("auditor"),
    "staff_rights.index": thing("rights_request"),
    "staff_rights.show": account("student_a"),
    "staff_safety.index": thing("flag"),
    "staff_safety.show": account("student_a"),
    "viewings.confirm": account("operations"),
    "viewings.confirmations": account("operations"),
    "viewings.manifest": thing("viewing"),
}
# Looks at the trail itself name its entries or its days instead of persons.
OF_THE_TRAIL = {
    "audit.index": "last",
    "staff_oversight.report": "until",
    "staff_oversight.report_file": "until",
}
_FORM, _SUMS, _OWN = "an empty form", "figures alone", "what is one's own"
_HOUSE = "organizers, events, keys, texts, agreements: nobody's data"
# Pages that show nobody, each with its reason.
NOBODY: dict[str, str] = {
    "decisions.results": _SUMS,
    "exports.bulk": "always refused, which is on record",
    "exports.file": "leads on to the viewing",
    "exports.new": _SUMS,
    "organizations.invite": _FORM,
    "organizer_notices.index": _OWN,
    "releases.challenge": "a random number, sealed",
    "releases.desk": "opens in the browser what releases.file hands out",
    "releases.file": "the bytes that left are an entry: tests/unit/organizer/test_downloads.py",
    "releases.home": _SUMS,
    "releases.index": _SUMS,
    "releases.key": _HOUSE,
    "releases.keys": _HOUSE,
    "releases.new_key": _FORM,
    "releases.prove_key": _FORM,
    "releases.revoke_key": _FORM,
    "releases.show": _SUMS,
    "retention.hold_new": _FORM,
    "retention.index": _SUMS,
    "retention.order_new": _FORM,
    "staff.access": "roles and permissions",
    "staff.home": _SUMS,
    "staff.invite": _FORM,
    "staff_agreements.activate": _HOUSE,
    "staff_agreements.index": _HOUSE,
    "staff_agreements.new": _FORM,
    "staff_agreements.show": _HOUSE,
    "staff_approvals.decide_grant": "roles and purposes",
    "staff_approvals.find_record": _FORM,
    "staff_approvals.grants": "roles and purposes",
    "staff_approvals.new": "a form and how many records it asks for",
    "staff_approvals.propose_grant": _FORM,
    "staff_approvals.revoke_grant": "roles and purposes",
    "staff_assessments.index": _HOUSE,
    "staff_assessments.minors_audit": _SUMS,
    "staff_assessments.minors_csv": _SUMS,
    "staff_assessments.new": _FORM,
    "staff_assessments.processing_csv": _HOUSE,
    "staff_assessments.record_of_processing": _HOUSE,
    "staff_assessments.show": _HOUSE,
    "staff_assistance.ask": _FORM,
    "staff_assistance.freeze": _FORM,
    "staff_assistance.import_page": _FORM,
    "staff_assistance.new_source": _FORM,
    "staff_assistance.open_new": _FORM,
    "staff_contacts.new": _FORM,
    "staff_notices.index": _OWN,
    "staff_organizations.approve": _HOUSE,
    "staff_organizations.edit": _HOUSE,
    "staff_organizations.index": _HOUSE,
    "staff_organizations.invite_owner": _FORM,
    "staff_organizations.new": _FORM,
    "staff_organizations.pause": _HOUSE,
    "staff_organizations.reissue_owner": "a question whether to go on, and the organizer's name",
    "staff_oversight.finding_new": _FORM,
    "staff_oversight.own_training": _OWN,
    "staff_oversight.rule_new": _FORM,
    "staff_rights.new": _FORM,
    "staff_usage.index": _SUMS,
    "staff_winddown.index": _HOUSE,
    "viewings.challenge": "a random number, sealed",
    "viewings.file": "an entry before its first byte: tests/unit/viewings/test_viewings.py",
    "viewings.index": _OWN,
    "viewings.key": _OWN,
    "viewings.new_key": _FORM,
    "viewings.prove_key": _FORM,
    "viewings.revoke_key": _FORM,
    "viewings.show": "opens in the browser what viewings.file hands out",
    "viewings.state": "whether it goes on",
    **dict.fromkeys(
        (f"staff_events.{name}" for name in (
            "close", "document_kind", "edit", "edit_field", "index", "new", "new_field", "publish",
            "show",
        )),
        _HOUSE,
    ),
    **dict.fromkeys(
        (f"staff_policies.{name}" for name in ("approve", "draft", "index", "new")), _HOUSE
    ),
    **dict.fromkeys(
        (f"staff_recipients.{name}" for name in ("approve", "confirm", "index", "reject", "show")),
        _HOUSE,
    ),
}  # fmt: skip
# With an entry of another kind: a refusal, or what is written before bytes leave.
REFUSED = {"exports.bulk", "viewings.file"}


@pytest.fixture(scope="module", autouse=True)
def message(universe: Universe) -> None:
    """A message to student A that was never sent."""
    moment = clock.now()
    with universe.world.session() as session:
        row = Message(
            account_id=universe.accounts["student_a"], channel=MessageChannel.SMS,
            kind="account_password_changed", locale="zh_CN", address=PHONE,
            state=MessageState.UNSENT, created_at=moment, next_at=moment, ended_at=moment,
        )  # fmt: skip
        session.add(row)
        session.commit()
        universe.ids["message"] = row.id


def pages(universe: Universe) -> list[Rule]:
    """Every page that somebody at work may open, those of everybody's own account apart."""
    roles = [role for role in Role if role is not Role.STUDENT]
    return [
        rule
        for rule in universe.world.app.url_map.iter_rules()
        if rule.endpoint != "static"
        and "GET" in (rule.methods or ())
        and (permission := needed(universe, rule)) is not None
        and permission is not P.OWN_ACCOUNT
        and any(permission in GRANTS[role] for role in roles)
    ]


def readers(universe: Universe, rule: Rule) -> list[str]:
    """Who may open the page with the universe's own things."""
    permission = needed(universe, rule)
    assert permission is not None
    if rule.endpoint in CLERKS:
        return ["service"]
    found = [who for who in AT_WORK if universe.may(who, permission)]
    if rule.endpoint == "staff_approvals.show":
        found.remove("operations")  # another asker's request
    return found


def look(universe: Universe, who: str, rule: Rule) -> tuple[int, list[Any]]:
    """Open the page; return its status and what was written down meanwhile."""
    (before,) = universe.world.rows("SELECT coalesce(max(id), 0) AS last FROM audit_entries")
    path = address(universe, rule)
    if rule.endpoint.startswith("staff_oversight.report"):
        path += f"?since={clock.now():%Y-%m-%d}&until={clock.now():%Y-%m-%d}"
    status = universe.send(who, "GET", path).status_code
    return status, universe.world.rows(
        "SELECT action, actor_id, subject_id, outcome, details FROM audit_entries"
        # Where a shelf of this world is empty, that is an entry too.
        " WHERE id > :b AND action <> 'access.not_found' ORDER BY id",
        b=before.last,
    )


def names(entry: Any) -> set[str]:
    """Whom an entry is about."""
    return {str(entry.subject_id), *map(str, entry.details.get("ids", ()))}


def test_every_page_at_work_says_whom_it_shows_or_why_nobody(universe: Universe) -> None:
    """I4, S-092: a new page of staff or organizers is in one of the lists, and in one alone."""
    known = {rule.endpoint for rule in pages(universe)}
    listed = [*SHOWN, *OF_THE_TRAIL, *NOBODY]
    assert known - set(listed) == set(), "say whom these show (web.shows), or why nobody"
    assert set(listed) - known == set()
    assert len(listed) == len(set(listed))
    assert all(NOBODY.values())


def test_every_look_at_a_person_is_one_entry_that_names_them(universe: Universe) -> None:
    """I4, S-092, C-64: by whoever may look, once a page, before the page is answered."""
    wrong: list[str] = []
    for rule in pages(universe):
        endpoint, named = rule.endpoint, set()
        for who in readers(universe, rule):
            status, entries = look(universe, who, rule)
            if endpoint in REFUSED:
                continue
            wanted = 0 if endpoint in NOBODY else 1
            answered = status == 200 or (not wanted and status in (303, 404))
            if len(entries) != wanted or not answered:
                said = [entry.action for entry in entries]
                wrong.append(f"{who} {rule.rule} ({endpoint}): {status} {said}")
                continue
            for entry in entries:
                assert (entry.actor_id, entry.outcome) == (universe.accounts[who], "done")
                named |= names(entry)
                if endpoint in OF_THE_TRAIL and not entry.details[OF_THE_TRAIL[endpoint]]:
                    wrong.append(f"{endpoint}: {entry.details}")
        if endpoint in SHOWN and str(SHOWN[endpoint](universe)) not in named:
            wrong.append(f"{endpoint}: does not name {SHOWN[endpoint](universe)}, but {named}")
    assert not wrong, "\n".join(wrong)


def test_whom_a_list_showed_is_found_by_their_id(universe: Universe) -> None:
    """I4, I7: who saw this person? The trail's own page answers it, for lists too."""
    lead = universe.ids["lead"]
    assert universe.send("service", "GET", "/staff/leads").status_code == 200
    page = universe.send("auditor", "GET", f"/staff/audit?subject={lead}")
    assert "leads.listed" in page.text
    assert str(universe.accounts["service"]) in page.text
    assert (
        "leads.listed"
        not in universe.send(
            "auditor", "GET", f"/staff/audit?subject={uuid.uuid4()}"
        ).text.partition("<tbody>")[2]
    )


@pytest.mark.parametrize("path", ["/staff/leads", "/staff/leads/{lead}"])
def test_what_cannot_be_written_down_is_not_shown(universe: Universe, path: str) -> None:
    """C-66: a failing audit insert fails the look; not even a mask leaves."""
    owner = universe.world.owner
    where = path.format(lead=universe.ids["lead"])
    assert MASKED in universe.send("service", "GET", where).text
    with owner.begin() as connection:
        connection.execute(text("REVOKE INSERT ON audit_entries FROM heyan_web"))
    try:
        refused = universe.send("service", "GET", where)
    finally:
        with owner.begin() as connection:
            connection.execute(text("GRANT INSERT ON audit_entries TO heyan_web"))
    assert refused.status_code == 500
    assert MASKED not in refused.text
    assert MASKED in universe.send("service", "GET", where).text


# --- what stands behind the masks ----------------------------------------------------------------

# What people told of themselves; what colleagues wrote about their own work is not among it.
TOLD = {
    "account.contact",
    "student.profile",
    "registration.answers",
    "lead.contact",
    "contact.log",
    "message.body",
    "consent",
    "rights.request",
    "rights.proof",
}
# Opened by an approval that everybody in this world has, each look an entry with its reason.
APPROVED = {"staff_approvals.sensitive_record"}


@pytest.fixture
def told(universe: Universe) -> set[str]:
    """Every value that people's columns hold in this world, in clear."""
    student = universe.accounts["student_a"]
    with universe.world.session() as session:
        lead = session.get_one(Lead, universe.ids["lead"])
        lead.name, lead.note = "欧阳来电", "住在幸福路八号"
        contact = session.get_one(Contact, universe.ids["contact"])
        contact.name, contact.phone = "司徒来访", "+8613700001234"
        contact.note, contact.reply_to = "证件号110105200803040037", "reply@contact.example"
        session.get_one(Account, student).name = "诸葛开户"
        session.add(
            Reach(
                account_id=student, channel=MessageChannel.EMAIL, address="hello@reach.example",
                address_index=uuid.uuid4().bytes, locale="zh_CN", wants_all=False,
                verified_at=clock.now(),
            )
        )  # fmt: skip
        session.commit()
        asked = rights.Asked(
            kind=RightsKind.COMPLAINT, account_id=student, words="请把上官的地址改成解放路九号",
            reply_to="rights@reply.example", wanted="解放路九号",
        )  # fmt: skip
        rights.receive(session, Actor("public", student), asked)
    found: set[str] = set()
    with Session(universe.world.owner) as session:
        for table in Base.metadata.tables.values():
            for column in table.columns:
                kept = column.info.get("category") in TOLD
                if not kept or not isinstance(column.type, EncryptedText):
                    continue
                query = select(column).where(column.is_not(None))
                if table.name == "accounts":
                    query = query.where(table.c.realm == Realm.PUBLIC)
                found |= set(session.scalars(query))
    # Two characters are in any page; where every test comes from is nobody's.
    nobodys = ("192.0.2.", "127.0.0.1", "test")
    return {value for value in found if len(value) > 2 and not value.startswith(nobodys)}


def test_a_page_without_a_grant_holds_nothing_that_people_told(
    universe: Universe, told: set[str]
) -> None:
    """C-48, S-091: every page of everybody at work, scanned for all that stands in the database."""
    assert {"欧阳来电", "+8613700001234", "hello@reach.example", "解放路九号"} <= told
    needles, wrong, seen = {one: one.removeprefix("+86") for one in told}, set(), 0
    for rule in pages(universe):
        if rule.endpoint in APPROVED:
            continue
        for who in readers(universe, rule):
            page = universe.send(who, "GET", address(universe, rule)).data.decode(errors="replace")
            close = re.sub(r"[\s\-]", "", page)
            seen += 1
            wrong |= {
                f"{who} {rule.endpoint}: {value[:2]}…"
                for value, short in needles.items()
                if short in page or short in close
            }
    assert seen > 150
    assert not wrong, "\n".join(sorted(wrong))
