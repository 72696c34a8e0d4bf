"""Batches from claim to file, over real engines."""

from __future__ import annotations

import hashlib
import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from heyan import clock
from heyan.consent.purposes import GUARDIAN, HAND_OVER, IDENTITY_DOCUMENTS
from heyan.custody import signing
from heyan.documents.models import DocumentState
from heyan.notifications import outbox
from heyan.notifications.models import MessageChannel, Reach
from heyan.releases.models import ReleaseState
from tests.releases import Batches, Organizer
from uploads_worker.releases import build_release


def build(batches: Batches, organizer: Organizer, trigger: str = "demand") -> None:
    build_release(batches.context, organizer.event_id, trigger)


def test_a_batch_holds_what_was_handed_in_and_says_so(
    batches: Batches, organizer: Organizer
) -> None:
    """REQUIREMENTS L2, L2b: pictures, index, manifest, custody, notices, audit."""
    people = [
        batches.enrol(organizer, name=name, pictures=[b"\xff\xd8" + uuid.uuid4().bytes] * 2)
        for name in ("王小满", "李雷")
    ]
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert release.state is ReleaseState.OFFERED
    assert (release.registrations_count, release.documents_count) == (2, 4)
    opened = batches.open(organizer, release)

    root = Ed25519PublicKey.from_public_bytes(batches.context.keyring.root_public_key)
    signing.verify(opened.envelope, root, payload_type=signing.MANIFEST_TYPE)
    signing.verify_detached(
        opened.entries["index.json.sig"].decode(),
        opened.entries["index.json"],
        root,
        payload_type=signing.INDEX_TYPE,
    )
    stated = opened.manifest["file"]
    assert stated["bytes"] == len(opened.file) == release.file_bytes
    assert stated["sha256"] == hashlib.sha256(opened.file).hexdigest()
    assert stated["segments"] == [
        hashlib.sha256(opened.file[at : at + 4194304]).hexdigest()
        for at in range(0, len(opened.file), 4194304)
    ]
    index = opened.entries["index.json"]
    assert opened.manifest["index_sha256"] == hashlib.sha256(index).hexdigest()
    assert opened.manifest["recipient"] == organizer.recipient
    for person in people:
        [entry] = [one for one in opened.index["registrations"] if one["number"] == person.number]
        assert (entry["name"], entry["id_number"]) == (person.name, person.id_number)
        assert entry["fields"] == [{"key": "school", "label": "学校", "value": "第一中学"}]
        for one, data in zip(entry["documents"], person.pictures, strict=True):
            assert opened.entries[one["path"]] == data
            assert one["jpeg_sha256"] == hashlib.sha256(data).hexdigest()
    assert {row["document_id"] for row in opened.rows()} == set(opened.documents())
    for document in (one for person in people for one in person.documents):
        assert batches.state(document) is DocumentState.RELEASED
        steps = batches.rows(
            "SELECT step FROM custody_events WHERE document_id = :d ORDER BY id", d=document
        )
        assert [one for (one,) in steps] == ["prepared", "offered"]
    told = batches.rows("SELECT kind FROM notices WHERE account_id = :a", a=people[0].account_id)
    assert told == [("document_handed_over",)]
    assert batches.rows(
        "SELECT kind FROM notices WHERE account_id = :a", a=organizer.member_id
    ) == [("release_offered",)]
    assert batches.rows(
        "SELECT outcome FROM audit_entries WHERE action = 'releases.offer' AND subject_id = :r",
        r=str(release.id),
    ) == [("done",)]


def test_a_batch_is_told_by_mail_to_whom_asked_for_all_mail(
    batches: Batches, organizer: Organizer
) -> None:
    """C3, L2b: the student and the organizer's member; who did not ask finds it on the site."""
    asked, quiet = (
        batches.enrol(organizer, name=name, pictures=[b"\xff\xd8" + uuid.uuid4().bytes])
        for name in ("王小满", "李雷")
    )
    for account_id, wants_all in (
        (asked.account_id, True), (quiet.account_id, False), (organizer.member_id, True)
    ):  # fmt: skip
        address = f"{uuid.uuid4().hex}@example.com"
        with batches.session() as session:
            session.add(
                Reach(
                    account_id=account_id,
                    channel=MessageChannel.EMAIL,
                    address=address,
                    address_index=outbox.address_index(MessageChannel.EMAIL, address),
                    locale="zh_CN",
                    wants_all=wants_all,
                    verified_at=clock.now(),
                )
            )
            session.commit()
    build(batches, organizer)
    mails = batches.rows(
        "SELECT account_id, kind FROM messages WHERE account_id IN (:a, :q, :m)",
        a=asked.account_id, q=quiet.account_id, m=organizer.member_id,
    )  # fmt: skip
    assert {(row[0], row[1]) for row in mails} == {
        (asked.account_id, "document_handed_over"),
        (organizer.member_id, "release_offered"),
    }
    assert len(mails) == 2


def test_the_next_batch_holds_only_what_is_new(batches: Batches, organizer: Organizer) -> None:
    """C-76: a document is in exactly one batch; nothing new makes no batch."""
    first = batches.enrol(organizer)
    build(batches, organizer)
    build(batches, organizer)
    second = batches.enrol(organizer)
    build(batches, organizer)
    releases = batches.releases(organizer)
    assert [one.number for one in releases] == [1, 2]
    held = [set(batches.items(one)) for one in releases]
    assert held == [set(first.documents), set(second.documents)]


def test_without_consent_a_document_is_left_out_and_named(
    batches: Batches, organizer: Organizer
) -> None:
    """S-006, A7: each separate consent counts, and a guardian's for a child under 14."""
    agreed = batches.enrol(organizer)
    lacking = [
        batches.enrol(organizer, consenting=(IDENTITY_DOCUMENTS,)),
        batches.enrol(organizer, consenting=(HAND_OVER,)),
        batches.enrol(organizer, born="2020-01-01"),
    ]
    child = batches.enrol(
        organizer, born="2020-01-01", consenting=(IDENTITY_DOCUMENTS, HAND_OVER, GUARDIAN)
    )
    taken_back = batches.enrol(organizer)
    batches.withdraw(taken_back)
    build(batches, organizer)
    [release] = batches.releases(organizer)
    documents = batches.open(organizer, release).documents()
    for person in (agreed, child):
        assert documents[str(person.documents[0])]["state"] == "included"
    for person in (*lacking, taken_back):
        entry = documents[str(person.documents[0])]
        assert (entry["state"], entry["problem"], entry["path"]) == ("missing", "consent", "")
        assert batches.state(person.documents[0]) is DocumentState.SEALED
    assert release.missing_count == 4
    # Nothing of a person who does not agree is in the file but the number of the registration.
    plain = batches.open(organizer, release).entries["index.json"].decode()
    [entry] = [
        one
        for one in batches.open(organizer, release).index["registrations"]
        if one["number"] == taken_back.number
    ]
    assert (entry["name"], entry["id_number"], entry["fields"]) == ("", "", [])
    assert plain.count(agreed.name) == 2


def test_a_renamed_organizer_gets_nothing_until_people_agree_again(
    batches: Batches, organizer: Organizer
) -> None:
    """S-006, CONTROLS L-03: a consent to hand over names the organizer as it was then."""
    person = batches.enrol(organizer)
    batches.change(
        "UPDATE organizations SET name = name || '新', version = version + 1 WHERE id = :o",
        o=organizer.organization_id,
    )
    build(batches, organizer)
    assert batches.releases(organizer) == []
    with batches.session() as session:
        batches.consent(session, organizer, person, HAND_OVER)
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert batches.items(release) == {person.documents[0]: ("included", None)}


def test_more_than_one_batch_may_hold_makes_several_at_once(
    batches: Batches, organizer: Organizer
) -> None:
    """release_max_documents and release_max_bytes; a registration is never split."""
    import dataclasses

    for _ in range(4):
        batches.enrol(organizer, pictures=[b"\xff\xd8a", b"\xff\xd8b"])
    small = dataclasses.replace(batches.context.settings, release_max_documents=5)
    build_release(dataclasses.replace(batches.context, settings=small), organizer.event_id, "size")
    assert [one.documents_count for one in batches.releases(organizer)] == [4, 4]


def test_nobody_without_a_key_gets_a_batch(batches: Batches) -> None:
    """L1: before the pin nothing is made, and nothing is alarming about it."""
    organizer = batches.organizer(pinned=False)
    batches.enrol(organizer)
    build(batches, organizer)
    assert batches.releases(organizer) == []


def test_an_organizer_that_was_switched_off_gets_nothing(
    batches: Batches, organizer: Organizer
) -> None:
    batches.enrol(organizer)
    batches.change(
        "UPDATE organizations SET active = false WHERE id = :o", o=organizer.organization_id
    )
    build(batches, organizer)
    assert batches.releases(organizer) == []
