"""A small world for tests of the student's way: events with a signed vault key, and people.

The signing root is the test's own, so nothing here needs the worker's keyring.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageDraw
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from heyan import clock
from heyan.accounts import sessions
from heyan.accounts.models import Account
from heyan.accounts.service import open_account
from heyan.audit.service import Actor
from heyan.consent.service import Evidence
from heyan.custody.sealing import vault_key_id, vault_key_message
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
from heyan.registrations.idnumbers import check_character
from heyan.settings import Settings
from tests.agreements import bind

BORN = "2008-03-04"
KINDS = (DocumentKind.ID_CARD_FRONT,)


def id_number(born: str = BORN, order: str = "003") -> str:
    """Return a sound identity number for a birth date."""
    first17 = "110105" + born.replace("-", "") + order
    return first17 + check_character(first17)


def picture(width: int = 1600, height: int = 1000, form: str = "JPEG", **options: Any) -> bytes:
    """Return a sharp picture that looks like a card full of text."""
    drawn = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(drawn)
    for row in range(20, height - 20, 24):
        for column in range(20 + row % 7, width - 20, 18):
            pen.rectangle((column, row, column + 9, row + 13), fill=(column % 200, row % 200, 40))
    out = io.BytesIO()
    drawn.save(out, form, **options)
    return out.getvalue()


class _Forms(HTMLParser):
    """Collects what a browser would send: hidden and checked fields."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("type") == "hidden" and found.get("name"):
            self.fields[str(found["name"])] = found.get("value") or ""


def hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms, the last of each name."""
    parser = _Forms()
    parser.feed(page)
    return parser.fields


def words_of(response: TestResponse) -> str:
    """Return a page's text without its tags."""
    inner = re.sub(r"<(script|style|svg).*?</\1>", " ", response.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", inner))


@dataclass
class Person:
    """A signed-in account holder with a browser that runs no script."""

    client: FlaskClient
    account_id: uuid.UUID
    token: str

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, **options)

    def post(self, path: str, *, page: str | None = None, **fields: str) -> TestResponse:
        """Open the page with the form, fill it in and send it."""
        shown = self.get(page or path)
        data = {**hidden_fields(shown.text), **fields}
        return self.client.post(path, data=data)

    def student(self, name: str = "王小满", born: str = BORN) -> str:
        """Add a student and return the id."""
        self.post("/students/new", name=name, birth_date=born, relation="child")
        found = re.findall(r"/students/([0-9a-f-]{36})/unbind", self.get("/students").text)
        return str(found[-1])

    def start(self, slug: str, student_id: str) -> str:
        """Start a registration and return its id."""
        page = f"/registrations/new?event={slug}"
        sent = self.post("/registrations/new", page=page, student=student_id)
        assert sent.status_code == 303, words_of(sent)
        return sent.headers["Location"].split("/")[2]

    def answer(self, registration: str) -> TestResponse:
        """Answer the event's questions."""
        path = f"/registrations/{registration}/fields"
        return self.post(path, field_school="第一中学", field_group="小学")

    def agree(self, registration: str) -> TestResponse:
        """Give both separate consents."""
        path = f"/registrations/{registration}/consents"
        return self.post(path, identity_documents="yes", hand_over="yes", action="agree")

    def number(self, registration: str, number: str | None = None) -> TestResponse:
        """Hand in the ID number."""
        path = f"/registrations/{registration}/identity"
        return self.post(path, id_kind="id_card", id_number=number or id_number())

    def upload(
        self,
        registration: str,
        data: bytes,
        kind: str = "id_card_front",
        *,
        name: str = "card.jpg",
        headers: dict[str, str] | None = None,
        **fields: str,
    ) -> TestResponse:
        """Open the upload page and send a file."""
        path = f"/registrations/{registration}/documents/{kind}"
        shown = hidden_fields(self.get(path).text)
        shown.setdefault("csrf_token", hidden_fields(self.get("/students/new").text)["csrf_token"])
        shown.setdefault("upload_token", uuid.uuid4().hex)
        form: dict[str, Any] = {**shown, **fields, "file": (io.BytesIO(data), name)}
        return self.client.post(path, data=form, headers=headers)

    def ready(self, slug: str, *, name: str = "王小满") -> str:
        """Bring a registration to the point where documents can be uploaded; return its id."""
        registration = self.start(slug, self.student(name))
        self.answer(registration)
        self.agree(registration)
        assert self.number(registration).status_code == 303
        return registration

    def submitted(self, slug: str, *, name: str = "王小满") -> tuple[str, str]:
        """Submit a registration with one document; return both ids."""
        registration = self.ready(slug, name=name)
        sent = self.upload(registration, picture())
        assert sent.status_code == 303, words_of(sent)
        document = sent.headers["Location"].rsplit("/", 1)[1]
        sent = self.post(f"/registrations/{registration}/check")
        assert sent.status_code == 303, words_of(sent)
        return registration, document


class World:
    """Events and people over real engines."""

    def __init__(
        self, app: Flask, settings: Settings, web: Engine, owner: Engine, root: Ed25519PrivateKey
    ) -> None:
        self.app = app
        self.settings = settings
        self.web = web
        self.owner = owner
        self.root = root
        with self.session() as session:
            try:
                version_in_force(session)
            except NoPolicyInForce:
                since = clock.now() - timedelta(days=1)
                publish(session, PolicyKind.PRIVACY, "trial", since, {"zh": [], "en": []})

    def session(self) -> Session:
        """Return a session with the web's own rights."""
        return Session(self.web, expire_on_commit=False)

    def event(
        self,
        *,
        kinds: tuple[DocumentKind, ...] = KINDS,
        optional: tuple[DocumentKind, ...] = (),
        fields: bool = True,
        with_key: bool = True,
        **changes: Any,
    ) -> Event:
        """Make a published event whose window is open."""
        moment, mark = clock.now(), uuid.uuid4().hex[:10]
        facts: dict[str, Any] = {
            "slug": f"event-{mark}",
            "number_prefix": mark[:6].upper(),
            "kind": EventKind.COMPETITION,
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
            bind(session, organization.id)
            event = Event(organization_id=organization.id, **facts)
            session.add(event)
            session.flush()
            if fields:
                session.add_all(_questions(event.id))
            for position, kind in enumerate((*kinds, *optional)):
                session.add(
                    EventDocumentKind(
                        event_id=event.id,
                        kind=kind,
                        required=kind in kinds,
                        marked=kind is not DocumentKind.PORTRAIT,
                        position=position,
                    )
                )
            session.commit()
        if with_key:
            self.vault_key(event.id)
        return event

    def vault_key(
        self,
        event_id: uuid.UUID,
        *,
        root: Ed25519PrivateKey | None = None,
        signed_for: uuid.UUID | None = None,
        not_after: datetime | None = None,
        version: int = 1,
    ) -> str:
        """Give an event a vault key; the arguments make bad ones."""
        public = (
            MLKEM768PrivateKey.generate().public_key().public_bytes_raw()
            + X25519PrivateKey.generate().public_key().public_bytes_raw()
        )
        since = clock.now() - timedelta(hours=1)
        until = not_after or since + timedelta(days=90)
        key_id = vault_key_id(public)
        message = vault_key_message(
            key_id=key_id,
            event_id=signed_for or event_id,
            version=version,
            suite=1,
            public_key=public,
            not_before=since,
            not_after=until,
        )
        with self.owner.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO vault_keys (key_id, event_id, version, suite, public_key,"
                    " signature, not_before, not_after, status)"
                    " VALUES (:k, :e, :v, 1, :p, :s, :a, :b, 'active')"
                ),
                {
                    "k": key_id,
                    "e": event_id,
                    "v": version,
                    "p": public,
                    "s": (root or self.root).sign(message),
                    "a": since,
                    "b": until,
                },
            )
        return key_id

    def person(self) -> Person:
        """Open an account and sign it in."""
        phone = f"+86139{uuid.uuid4().int % 10**8:08d}"
        with self.session() as session:
            account_id = open_account(
                session,
                self.settings,
                phone=phone,
                password=uuid.uuid4().hex,
                evidence=Evidence("192.0.2.1", "test"),
                actor=Actor("public"),
            )
            assert account_id is not None
            account = session.get_one(Account, account_id)
            token = sessions.begin(
                session,
                self.settings,
                account,
                complete=True,
                source="192.0.2.1",
                user_agent="test",
            )
        client = self.app.test_client()
        client.set_cookie("heyan_session", token, domain="localhost")
        return Person(client, account_id, token)

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Look into the database as its owner."""
        with self.owner.connect() as connection:
            return list(connection.execute(text(query), values))


def _questions(event_id: uuid.UUID) -> list[EventField]:
    common = {"event_id": event_id, "purpose": "分组和排考场", "category": "registration.answers"}
    return [
        EventField(key="school", label="学校", input="text", position=1, **common),
        EventField(
            key="group",
            label="组别",
            input="choice",
            choices=["小学", "初中"],
            position=2,
            **common,
        ),
        EventField(
            key="size", label="衣服尺码", input="number", required=False, position=3, **common
        ),
    ]


def with_root(settings: Settings, root: Ed25519PrivateKey) -> Settings:
    """Return *settings* with the test's own root pinned."""
    return dataclasses.replace(settings, root_public_key=root.public_key().public_bytes_raw())


def pinned(root: Ed25519PrivateKey) -> str:
    """Return a root's public half as the settings read it."""
    return base64.b64encode(root.public_key().public_bytes_raw()).decode()
