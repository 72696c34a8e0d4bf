"""Builders of exports: a clerk's own leads, a request through the form, the table made of them."""

from __future__ import annotations

import csv
import io
import re
import secrets
import uuid
from datetime import timedelta

from heyan import clock
from heyan.access import Role
from heyan.approvals import requests
from heyan.leads.models import Lead, LeadStatus
from heyan.leads.service import phone_index
from heyan.viewings.models import Viewing
from tests.enrolment import World
from tests.staff import colleague
from tests.viewings import Reader, opened, viewing_of
from uploads_worker import viewings
from uploads_worker.context import Context

LEADS = "/staff/exports/new?kind=leads&state=mine"


def some_phone() -> str:
    """A number that nobody else in this process has."""
    return f"+86139{secrets.randbelow(10**8):08d}"


def a_lead(world: World, who: Reader, name: str = "王小满", **changes: object) -> Lead:
    """A lead that waits for this clerk to call back."""
    moment, phone = clock.now(), some_phone()
    with world.session() as session:
        row = Lead(
            **{
                "name": name, "phone": phone, "phone_index": phone_index(phone),
                "status": LeadStatus.ASSIGNED, "assigned_to": who.account_id, "due_at": moment,
                "created_at": moment, "updated_at": moment,
                "delete_after": moment + timedelta(days=90), **changes,
            }
        )  # fmt: skip
        session.add(row)
        session.commit()
        return row


def asked(who: Reader, address: str = LEADS, **fields: str) -> uuid.UUID:
    """Send the form of a request; return the request's id."""
    filled = {"purpose": "callback", "note": "按名单集中回电", "hours": "2", **fields}
    answer = who.colleague.post(address, **filled)
    assert answer.status_code == 303, answer.text
    found = re.search(r"/staff/approvals/([0-9a-f-]{36})", answer.headers["Location"])
    assert found
    return uuid.UUID(found[1])


def agreed(world: World, request_id: uuid.UUID) -> None:
    """Let a privacy officer say yes on the page."""
    officer = colleague(world, Role.PRIVACY_OFFICER)
    path = f"/staff/approvals/{request_id}/decide"
    answer = officer.post(path, verdict="approve", reason="属实")
    assert answer.status_code == 303, answer.text


def built(world: World, context: Context, who: Reader, request_id: uuid.UUID) -> Viewing:
    """Let the worker make what was approved."""
    viewings.build_viewing(context, viewing_of(world, who, request_id).id)
    return viewing_of(world, who, request_id)


def table(who: Reader, viewing: Viewing) -> list[list[str]]:
    """Fetch the file as the requester and open it: the rows of the CSV in it."""
    answer = who.colleague.get(f"/staff/viewings/{viewing.id}/file")
    assert answer.status_code == 200
    index, entries = opened(answer.data, who.identity)
    (item,) = index["items"]
    assert item["media_type"] == "text/csv"
    data = b"".join(entries[part["path"]] for part in item["parts"])
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def export_of(world: World, request_id: uuid.UUID) -> uuid.UUID:
    """The export that a request is for."""
    with world.session() as session:
        (found,) = requests.subject_ids(session, request_id)
        return found
