"""Shared builders of batches: an organizer with a pinned key, people with sealed documents."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import uuid
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
from sqlalchemy import select, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus
from heyan.consent import service as consents
from heyan.consent.purposes import GUARDIAN, HAND_OVER, IDENTITY_DOCUMENTS
from heyan.consent.service import Evidence
from heyan.custody.objects import ObjectStore, new_key
from heyan.custody.sealing import SealContext, VaultPublicKey, seal
from heyan.db import uuid7
from heyan.documents.models import Document, DocumentState
from heyan.documents.vault import sealing_key
from heyan.events.models import (
    DocumentKind,
    Event,
    EventDocumentKind,
    EventField,
    EventKind,
    EventStatus,
)
from heyan.organizations.models import Organization
from heyan.policies.models import PolicyKind
from heyan.policies.service import NoPolicyInForce, publish, version_in_force
from heyan.registrations.models import Registration, RegistrationAnswer, RegistrationStatus
from heyan.registrations.service import ID_NUMBER
from heyan.releases.models import Recipient, RecipientStatus, Release, ReleaseItem
from heyan.students.models import Relation, Student
from tests.agreements import bind
from uploads_worker import vault
from uploads_worker.context import Context

EVIDENCE = Evidence("192.0.2.1", "test")
FRONT = (DocumentKind.ID_CARD_FRONT,)
BOTH = (DocumentKind.ID_CARD_FRONT, DocumentKind.ID_CARD_BACK)


@dataclass
class Organizer:
    """An organizer, its one event, and its key, which the worker has pinned."""

    organization_id: uuid.UUID
    event_id: uuid.UUID
    identity: Any
    member_id: uuid.UUID

    @property
    def recipient(self) -> str:
        """The public half, ``age1…``."""
        return str(self.identity.to_public())


@dataclass
class Enrolled:
    """One person's registration and what was handed in."""

    registration_id: uuid.UUID
    account_id: uuid.UUID
    number: str
    name: str
    id_number: str
    documents: list[uuid.UUID] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)


@dataclass
class Opened:
    """A release as the organizer sees it after opening."""

    manifest: dict[str, Any]
    envelope: str
    file: bytes
    entries: dict[str, bytes]
    index: dict[str, Any]

    def documents(self) -> dict[str, dict[str, Any]]:
        """Return the index's documents by id."""
        return {
            one["document_id"]: one
            for person in self.index["registrations"]
            for one in person["documents"]
        }

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of ``index.csv``."""
        lines = io.StringIO(self.entries["index.csv"].decode("utf-8-sig"), newline="")
        return list(csv.DictReader(lines))


class Batches:
    """Makes organizers, people and documents, and opens what comes out."""

    def __init__(self, context: Context, web: Engine, owner: Engine, uploads: ObjectStore) -> None:
        self.context, self.web, self.owner, self.uploads = context, web, owner, uploads
        with self.session() as session:
            try:
                version_in_force(session)
            except NoPolicyInForce:
                since = clock.now() - timedelta(days=1)
                publish(session, PolicyKind.PRIVACY, "trial", since, {"zh": [], "en": []})

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session as the web's role."""
        with Session(self.web, expire_on_commit=False) as session:
            yield session

    def account(self, realm: Realm, organization_id: uuid.UUID | None = None) -> uuid.UUID:
        """Make an account that nobody signs in to."""
        with self.session() as session:
            row = Account(
                realm=realm,
                login=uuid.uuid4().hex,
                login_index=uuid.uuid4().bytes,
                second_factor_required=False,
                status=AccountStatus.ACTIVE,
                organization_id=organization_id,
                created_at=clock.now(),
            )
            session.add(row)
            session.commit()
            return row.id

    def organizer(self, *, pinned: bool = True, bound: bool = True, **changes: Any) -> Organizer:
        """Make an organizer with a published event, a vault key, and a pinned key."""
        moment, mark = clock.now(), uuid.uuid4().hex[:10]
        facts: dict[str, Any] = {
            "slug": f"event-{mark}",
            "number_prefix": mark[:6].upper(),
            "kind": EventKind.EXAM,
            "status": EventStatus.PUBLISHED,
            "title": "第十二届华北青少年科创赛",
            "opens_at": moment - timedelta(days=1),
            "closes_at": moment + timedelta(days=5),
            "documents_until": moment + timedelta(days=10),
            "starts_at": moment + timedelta(days=20),
            "ends_at": moment + timedelta(days=21),
            "destroy_at": moment + timedelta(days=51),
            "created_at": moment,
            **changes,
        }
        with self.session() as session:
            organization = Organization(
                name=f"华北科教协会{mark}",
                contact="010-88880000",
                processing_role="independent",
                active=True,
                created_at=moment,
            )
            session.add(organization)
            session.flush()
            if bound:
                bind(session, organization.id)
            event = Event(organization_id=organization.id, **facts)
            session.add(event)
            session.flush()
            session.add(
                EventField(
                    event_id=event.id, key="school", label="学校", input="text", position=1,
                    purpose="排考场", category="registration.answers",
                )
            )  # fmt: skip
            session.add_all(
                EventDocumentKind(event_id=event.id, kind=kind, position=at)
                for at, kind in enumerate(BOTH)
            )
            session.commit()
        member = self.account(Realm.ORGANIZER, organization.id)
        vault.provision(self.context, event.id)
        made = Organizer(organization.id, event.id, pyrage.x25519.Identity.generate(), member)
        if pinned:
            self.pin(made)
        return made

    def pin(self, organizer: Organizer, identity: Any | None = None) -> None:
        """Pin the organizer's key (another with *identity*), in the keyring and in the row."""
        organizer.identity = identity or organizer.identity
        with Session(self.owner) as session:
            session.execute(
                update(Recipient)
                .where(
                    Recipient.organization_id == organizer.organization_id,
                    Recipient.status == RecipientStatus.PINNED,
                )
                .values(status=RecipientStatus.REVOKED)
            )
            session.add(
                Recipient(
                    organization_id=organizer.organization_id,
                    recipient=organizer.recipient,
                    purpose="primary",
                    status=RecipientStatus.PINNED,
                    proposed_by=organizer.member_id,
                    proposed_at=clock.now(),
                    pinned_at=clock.now(),
                )
            )
            session.commit()
        self.context.keyring.pin(organizer.organization_id, organizer.recipient)

    def pin_recovery(self, organizer: Organizer, identity: Any) -> None:
        """Pin a second key: every batch is sealed to both."""
        recipient = str(identity.to_public())
        with Session(self.owner) as session:
            session.add(
                Recipient(
                    organization_id=organizer.organization_id,
                    recipient=recipient,
                    purpose="recovery",
                    status=RecipientStatus.PINNED,
                    proposed_by=organizer.member_id,
                    proposed_at=clock.now(),
                    pinned_at=clock.now(),
                )
            )
            session.commit()
        self.context.keyring.pin(organizer.organization_id, recipient, "recovery")

    def enrol(
        self,
        organizer: Organizer,
        *,
        name: str = "王小满",
        pictures: Sequence[bytes] = (b"\xff\xd8picture",),
        born: str = "2008-03-04",
        consenting: Sequence[str] = (IDENTITY_DOCUMENTS, HAND_OVER),
        answer: str = "第一中学",
        id_number: str = "110105200803040031",
        number: str | None = None,
    ) -> Enrolled:
        """Make a submitted registration whose documents are sealed and stored."""
        account_id = self.account(Realm.PUBLIC)
        moment = clock.now()
        number = number or f"N{uuid.uuid4().hex[:10].upper()}"
        with self.session() as session:
            key = self._key(session, organizer.event_id)
            event = session.get_one(Event, organizer.event_id)
            student = Student(
                account_id=account_id, name=name, birth_date=born, relation=Relation.CHILD,
                created_at=moment,
            )  # fmt: skip
            session.add(student)
            session.flush()
            registration_id = uuid7()
            sealed = seal(
                id_number.encode(),
                key,
                SealContext(event.id, registration_id, registration_id, ID_NUMBER),
            )
            session.add(
                Registration(
                    id=registration_id, number=number, event_id=event.id, account_id=account_id,
                    student_id=student.id, status=RegistrationStatus.SUBMITTED,
                    id_number_sealed=sealed.ciphertext, id_number_sha256=sealed.sha256,
                    id_number_commitment=sealed.commitment, id_number_key_id=key.key_id,
                    created_at=moment, updated_at=moment, submitted_at=moment,
                )
            )  # fmt: skip
            session.flush()
            session.add(
                RegistrationAnswer(
                    registration_id=registration_id, field_key="school", value=answer
                )
            )
            session.commit()
            made = Enrolled(registration_id, account_id, number, name, id_number)
            for purpose in consenting:
                self.consent(session, organizer, made, purpose)
            for kind, data in zip(DocumentKind, pictures, strict=False):
                made.documents.append(self._store(session, key, event, registration_id, kind, data))
                made.pictures.append(data)
            session.commit()
        return made

    def consent(
        self, session: Session, organizer: Organizer, person: Enrolled, purpose: str
    ) -> None:
        """Let the person agree to *purpose* as things are now."""
        organization = session.get_one(
            Organization, organizer.organization_id, populate_existing=True
        )
        details = {
            "organization_id": str(organization.id),
            "organization_version": organization.version,
        }
        guardian = {"name": "王大满"} if purpose == GUARDIAN else None
        consents.grant(
            session, purpose, EVIDENCE, text_shown=purpose, account_id=person.account_id,
            registration_id=person.registration_id, guardian=guardian,
            details=details if purpose == HAND_OVER else None,
        )  # fmt: skip

    def withdraw(self, person: Enrolled, purpose: str = HAND_OVER) -> None:
        """Let the person take a consent back."""
        with self.session() as session:
            consents.withdraw(
                session, purpose, EVIDENCE, text_shown="", account_id=person.account_id,
                registration_id=person.registration_id,
            )  # fmt: skip

    def _key(self, session: Session, event_id: uuid.UUID) -> VaultPublicKey:
        return sealing_key(session, event_id, self.context.keyring.root_public_key)

    def _store(
        self,
        session: Session,
        key: VaultPublicKey,
        event: Event,
        registration_id: uuid.UUID,
        kind: DocumentKind,
        data: bytes,
    ) -> uuid.UUID:
        document_id, object_key = uuid7(), new_key()
        sealed = seal(data, key, SealContext(event.id, registration_id, document_id, kind.value))
        version = self.uploads.put_sealed(object_key, sealed.ciphertext)
        session.add(
            Document(
                id=document_id, registration_id=registration_id, event_id=event.id, kind=kind,
                state=DocumentState.SEALED, upload_token=uuid.uuid4().hex, object_key=object_key,
                object_version=version, vault_key_id=key.key_id,
                ciphertext_sha256=sealed.sha256, commitment=sealed.commitment,
                ciphertext_bytes=len(sealed.ciphertext), picture_bytes=len(data),
                width=1600, height=1000, pages=1, spec_version=1, warnings=[],
                received_at=clock.now(), destroy_due_at=event.destroy_at,
                destroy_reason="event_end",
            )
        )  # fmt: skip
        return document_id

    def many(
        self,
        organizer: Organizer,
        documents: int,
        picture: Callable[[int], bytes],
        *,
        each: int = 1,
        threads: int = 4,
    ) -> list[Enrolled]:
        """Enrol people with *each* documents (7 at most) until there are so many, on threads."""

        def one(first: int) -> Enrolled:
            numbers = range(first, min(first + each, documents))
            return self.enrol(organizer, pictures=[picture(number) for number in numbers])

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, range(0, documents, each)))

    def releases(self, organizer: Organizer) -> list[Release]:
        """Return the event's releases, the earliest first."""
        with self.session() as session:
            query = select(Release).where(Release.event_id == organizer.event_id)
            return list(session.scalars(query.order_by(Release.number)))

    def items(self, release: Release) -> dict[uuid.UUID, tuple[str, str | None]]:
        """Return what became of each document of a release."""
        with self.session() as session:
            rows = session.scalars(select(ReleaseItem).where(ReleaseItem.release_id == release.id))
            return {one.document_id: (one.state.value, one.problem) for one in rows}

    def state(self, document_id: uuid.UUID) -> DocumentState:
        """Return where a document is."""
        with self.session() as session:
            return session.get_one(Document, document_id).state

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Look into the database as its owner."""
        with self.owner.connect() as connection:
            return list(connection.execute(text(query), values))

    def change(self, query: str, **values: Any) -> None:
        """Change the database as its owner: what an attacker or an accident would do."""
        with self.owner.begin() as connection:
            connection.execute(text(query), values)

    def file(self, release: Release) -> bytes:
        """Fetch a release as the web would."""
        assert release.object_key is not None
        return b"".join(self.uploads.open_release(release.object_key).chunks)

    def open(self, organizer: Organizer, release: Release, identity: Any = None) -> Opened:
        """Open a release with pyrage and zipfile."""
        file = self.file(release)
        plain = pyrage.decrypt(file, [identity or organizer.identity])
        with zipfile.ZipFile(io.BytesIO(plain)) as packed:
            assert packed.testzip() is None
            entries = {one.filename: packed.read(one) for one in packed.infolist()}
        assert release.manifest is not None
        return Opened(
            manifest_of(release.manifest),
            release.manifest,
            file,
            entries,
            json.loads(entries["index.json"]),
        )


def manifest_of(envelope: str) -> dict[str, Any]:
    """Return a manifest's payload, unverified."""
    import base64

    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    return found


def age(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run Debian's `age`."""
    return subprocess.run(["/usr/bin/age", *arguments], cwd=cwd, capture_output=True, check=False)
