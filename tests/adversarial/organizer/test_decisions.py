"""Results that do not belong: of others, of what was withdrawn or moved, and many at once."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Role
from heyan.accounts import sessions
from heyan.accounts.models import Account, AccountRole
from heyan.audit.service import Actor
from heyan.registrations import service as registrations
from heyan.registrations import submission
from heyan.releases.models import Release
from tests.enrolment import hidden_fields
from tests.organizer import Member, batch
from tests.releases import EVIDENCE, Batches, Enrolled, Organizer
from tests.worker import root_text, verify
from uploads_worker import receipts
from uploads_worker.destruction import destroy_document, destroy_release
from uploads_worker.releases import build_release
from uploads_worker.releases.due import free_undecided


class Desk:
    """An acknowledged batch of two people at its organizer's desk."""

    def __init__(self, batches: Batches, organizer: Organizer, owner: Member) -> None:
        self.batches, self.organizer, self.owner = batches, organizer, owner
        self.release, self.people = batch(batches, organizer, ("王小满", "李知行"))
        self.acknowledge(self.release)

    def acknowledge(self, release: Release) -> None:
        """Confirm that a batch came."""
        page = f"/organizer/releases/{release.id}"
        digest = (release.manifest_sha256 or b"").hex()
        self.owner.post(f"{page}/acknowledge", page=page, manifest_sha256=digest)

    def row(self, person: Enrolled, outcome: str = "accepted") -> dict[str, str]:
        """Return the result row of a person's document."""
        [(sha256,)] = self.batches.rows(
            "SELECT ciphertext_sha256 FROM documents WHERE id = :d", d=person.documents[0]
        )
        return {
            "document_id": str(person.documents[0]),
            "sha256": bytes(sha256).hex(),
            "outcome": outcome,
            "reason_code": "" if outcome == "accepted" else "blurred",
        }

    def save(self, *rows: dict[str, str], release: Release | None = None) -> Any:
        """Save rows as the desk does; returns its answer."""
        path = f"/organizer/releases/{(release or self.release).id}/decisions"
        return self.owner.json(path, {"rows": list(rows), "dropped": []}).json

    def publish(self, release: Release | None = None) -> Any:
        """Publish what was saved; returns the desk's answer."""
        path = f"/organizer/releases/{(release or self.release).id}"
        token = self.owner.get(f"{path}/decisions").json["csrf_token"]
        return self.owner.client.post(
            f"{path}/publish",
            data={"confirm": "y"},
            headers={"Accept": "application/json", "X-CSRF-Token": token},
        )

    def withdraw(self, person: Enrolled) -> None:
        """Let the person take everything back, as their page does."""
        with self.batches.session() as session:
            actor = Actor("student", person.account_id)
            row = registrations.load(session, person.account_id, person.registration_id)
            submission.withdraw(session, actor, row, EVIDENCE, "撤回")

    def decisions(self) -> list[uuid.UUID]:
        """Return of which documents decisions were published."""
        rows = self.batches.rows(
            "SELECT document_id FROM decisions JOIN documents ON documents.id = document_id"
            " WHERE event_id = :e",
            e=self.organizer.event_id,
        )
        return [row[0] for row in rows]


@pytest.fixture
def desk(batches: Batches, organizer: Organizer, enter: Callable[..., Member]) -> Desk:
    return Desk(batches, organizer, enter(organizer))


def test_what_was_withdrawn_is_not_decided_and_is_destroyed_at_once(desk: Desk) -> None:
    """L3, A2, H2: a draft from before, or a row from after, gives it no other month to live."""
    gone, stays = desk.people
    assert desk.save(desk.row(gone), desk.row(stays))["problems"] == []
    desk.withdraw(gone)
    late = desk.save(desk.row(gone))
    assert [one["code"] for one in late["problems"]] == ["stale"]
    assert desk.publish().json == {"accepted": 1, "returned": 0, "stale": 1}
    assert desk.decisions() == [stays.documents[0]]
    kinds = desk.batches.rows("SELECT kind FROM notices WHERE account_id = :a", a=gone.account_id)
    assert "document_accepted" not in {row[0] for row in kinds}
    # The job that the withdrawal ordered comes only now.
    assert destroy_document(desk.batches.context, gone.documents[0])


def test_a_row_of_another_batch_event_or_organizer_is_unknown_in_the_same_words(
    desk: Desk, enter: Callable[..., Member]
) -> None:
    """L3, C-49, SECURITY 28: nothing tells a stranger's document from one that never was."""
    second, [later] = batch(desk.batches, desk.organizer, ("陈一诺",))
    desk.acknowledge(second)
    other = desk.batches.organizer()
    foreign_release, [foreign] = batch(desk.batches, other, ("赵清和",))
    never = {**desk.row(foreign), "document_id": str(uuid.uuid4())}
    mine = [desk.row(later), desk.row(foreign), never]
    said = desk.save(*mine)
    assert said["saved"] == []
    assert len({(one["code"], one["words"]) for one in said["problems"]}) == 1
    assert [one["code"] for one in said["problems"]] == ["unknown"] * 3
    assert desk.save(desk.row(desk.people[0]), release=second)["saved"] == []
    assert enter(other).get(f"/organizer/releases/{desk.release.id}/decisions").status_code == 404
    assert desk.owner.get(f"/organizer/releases/{foreign_release.id}/decisions").status_code == 404
    assert desk.publish().status_code == 409
    assert desk.decisions() == []


def test_a_digest_that_is_not_the_documents_is_stale_also_when_it_changes_after_the_draft(
    desk: Desk,
) -> None:
    """L3, C-80: rows are bound to the very bytes that were handed over."""
    first, second = desk.people
    swapped = {**desk.row(first), "sha256": desk.row(second)["sha256"]}
    assert [one["code"] for one in desk.save(swapped)["problems"]] == ["stale"]
    assert desk.save(desk.row(first), desk.row(second))["problems"] == []
    desk.batches.change(
        "UPDATE documents SET ciphertext_sha256 = :s WHERE id = :d",
        s=b"\x01" * 32,
        d=first.documents[0],
    )
    assert desk.publish().json == {"accepted": 1, "returned": 0, "stale": 1}
    assert desk.decisions() == [second.documents[0]]


def test_a_document_that_went_out_again_is_decided_in_its_new_batch_alone(desk: Desk) -> None:
    """L3, L4: the draft of a batch that ended does not decide what another batch holds."""
    context, first = desk.batches.context, desk.people[0]
    assert desk.save(desk.row(first))["problems"] == []
    # Its key was changed: the batch ends, what nobody decided waits again and goes out anew.
    destroy_release(context, desk.release.id, "recipient_changed")
    desk.batches.change(
        "UPDATE releases SET acknowledged_at = NULL WHERE id = :r", r=desk.release.id
    )
    assert free_undecided(context)
    desk.batches.change(
        "UPDATE releases SET acknowledged_at = now() WHERE id = :r", r=desk.release.id
    )
    build_release(context, desk.organizer.event_id, "demand", None)
    second = desk.batches.releases(desk.organizer)[-1]
    assert second.number == desk.release.number + 1
    desk.acknowledge(second)
    assert desk.publish().json == {"accepted": 0, "returned": 0, "stale": 1}
    assert desk.save(desk.row(first), release=desk.release)["saved"] == []
    assert desk.save(desk.row(first, "returned"), release=second)["problems"] == []
    assert desk.publish(second).json == {"accepted": 0, "returned": 1, "stale": 0}
    [(release_id, outcome)] = desk.batches.rows(
        "SELECT release_id, outcome FROM decisions WHERE document_id = :d", d=first.documents[0]
    )
    assert (release_id, outcome) == (second.id, "returned")


def test_of_fifty_who_publish_at_once_one_does(desk: Desk) -> None:
    """L3, SECURITY 31: one decision, one notice, one step of custody for each document."""
    desk.save(*(desk.row(person) for person in desk.people))
    path = f"/organizer/releases/{desk.release.id}/publish"
    token = desk.owner.get(f"/organizer/releases/{desk.release.id}/decisions").json["csrf_token"]

    def publish(_turn: int) -> int:
        browser = desk.owner.app.test_client()
        browser.set_cookie("heyan_session", desk.owner.token, domain="localhost")
        heads = {"Accept": "application/json", "X-CSRF-Token": token}
        return int(browser.post(path, data={"confirm": "y"}, headers=heads).status_code)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(publish, range(50)))
    assert answers.count(200) == 1
    assert set(answers) == {200, 409}
    assert sorted(desk.decisions()) == sorted(person.documents[0] for person in desk.people)
    for person in desk.people:
        [(notices,)] = desk.batches.rows(
            "SELECT count(*) FROM notices WHERE account_id = :a AND kind = 'document_accepted'",
            a=person.account_id,
        )
        [(steps,)] = desk.batches.rows(
            "SELECT count(*) FROM custody_events WHERE document_id = :d AND step = 'accepted'",
            d=person.documents[0],
        )
        assert (notices, steps) == (1, 1)


def test_what_was_published_stands_whichever_way_a_correction_comes(desk: Desk) -> None:
    """L3: history is append-only; a late row is named, nothing changes, nobody is told twice."""
    first = desk.people[0]
    desk.save(desk.row(first))
    assert desk.publish().json["accepted"] == 1
    said = desk.save(desk.row(first, "returned"))
    assert [one["code"] for one in said["problems"]] == ["decided"]
    page = desk.owner.get(f"/organizer/releases/{desk.release.id}/results").text
    fields = {**hidden_fields(page), "confirm": "y"}
    again = desk.owner.client.post(f"/organizer/releases/{desk.release.id}/publish", data=fields)
    assert again.status_code == 303
    with Session(desk.batches.owner) as session:
        assert session.get_one(Release, desk.release.id).acknowledged_at is not None
    assert len(desk.decisions()) == 1


def test_each_person_keeps_a_signed_receipt_of_the_organizers_destruction(
    desk: Desk, app: Any, settings: Any, tmp_path: Any
) -> None:
    """L5, C3: the word is in the chain of custody, signed, and holds with the site's own tool."""
    first, second = desk.people
    desk.save(*(desk.row(person) for person in desk.people))
    desk.publish()
    page = f"/organizer/releases/{desk.release.id}"
    for _twice in range(2):
        fields = {**hidden_fields(desk.owner.get("/organizer/keys/new").text), "confirm": "yes"}
        sent = desk.owner.client.post(f"{page}/destroyed", data=fields)
        assert sent.status_code == 303
    receipts.sign_lately(desk.batches.context)
    with desk.batches.session() as session:
        account = session.get_one(Account, first.account_id)
        session.add(AccountRole(account_id=account.id, role=Role.STUDENT, granted_at=clock.now()))
        session.commit()
        token = sessions.begin(
            session, settings, account, complete=True, source="192.0.2.9", user_agent="test"
        )
    browser = app.test_client()
    browser.set_cookie("heyan_session", token, domain="localhost")
    shown = browser.get(f"/documents/{first.documents[0]}")
    assert "对方确认已销毁它手里的全部副本" in shown.text
    kept = browser.get(f"/documents/{first.documents[0]}/receipts")
    found = [one for one in kept.json["receipts"] if one["step"] == "holder_destroyed"]
    assert len(found) == 1
    said = json.loads(base64.b64decode(found[0]["envelope"]["payload"]))
    assert said["document_id"] == str(first.documents[0])
    assert said["details"]["manifest_sha256"] == (desk.release.manifest_sha256 or b"").hex()
    assert said["organization"]["id"] == str(desk.organizer.organization_id)
    assert str(desk.owner.account_id) not in json.dumps(said)
    file = tmp_path / "receipts.json"
    file.write_bytes(kept.data)
    code, words = verify("--root", root_text(desk.batches.context), "receipt", file)
    assert code == 0, words
    assert f"document {first.documents[0]}: holder_destroyed at" in words
    other = "SELECT count(*) FROM custody_events WHERE document_id = :d AND step = :s"
    [(count,)] = desk.batches.rows(other, d=second.documents[0], s="holder_destroyed")
    assert count == 1
