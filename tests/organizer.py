"""Organizer's people and drawn cards, for tests and pictures of the desk."""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageDraw, ImageFont
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from heyan.access import Realm, Role
from heyan.accounts import people, sessions
from heyan.accounts.models import Account
from heyan.audit.service import OPERATOR
from heyan.releases.models import Release
from heyan.settings import Settings
from tests.enrolment import hidden_fields
from tests.releases import BOTH, Batches, Enrolled, Organizer
from uploads_worker.releases import build_release

PASSPHRASE = "six plain words for a test"
NAMES = ("王小满", "李知行", "陈一诺", "赵清和", "阿依古丽·买买提")
FONT = Path(__file__).parents[1] / "site/heyan/custody/assets/NotoSansSC-mark.otf"


@dataclass
class Member:
    """A member of an organizer, signed in, second factor given a moment ago."""

    app: Flask
    account_id: uuid.UUID
    login: str
    token: str

    def __post_init__(self) -> None:
        self.client: FlaskClient = self.app.test_client()
        self.client.set_cookie("heyan_session", self.token, domain="localhost")

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, **options)

    def post(self, path: str, *, page: str | None = None, **fields: Any) -> TestResponse:
        """Open the page with the form, fill it in and send it."""
        token = hidden_fields(self.get(page or path).text)["csrf_token"]
        return self.client.post(path, data={"csrf_token": token, **fields})

    def json(self, path: str, body: Any) -> TestResponse:
        """Send JSON as the desk does."""
        token = self.get(path).json["csrf_token"]
        return self.client.post(path, json=body, headers={"X-CSRF-Token": token})

    def enter(self, context: Any, url: str) -> None:
        """Give a real browser's context this member's session."""
        context.add_cookies([{"name": "heyan_session", "value": self.token, "url": url}])


def member(
    app: Flask,
    settings: Settings,
    session: Session,
    organization_id: uuid.UUID,
    role: Role = Role.ORGANIZER_OWNER,
    *,
    step_up: bool = True,
) -> Member:
    """Let someone in for an organization."""
    login = f"o{uuid.uuid4().hex[:12]}"
    issued = people.invite(
        session, OPERATOR, realm=Realm.ORGANIZER, login=login, name="周核验", roles=(role,),
        organization_id=organization_id,
    )  # fmt: skip
    account = session.get_one(Account, issued.account_id)
    token = sessions.begin(
        session, settings, account, complete=True, source="192.0.2.7", user_agent="test"
    )
    if step_up:
        entered = sessions.load(session, settings, token)
        assert entered is not None
        token = sessions.rotate(session, entered.id, complete=True, step_up=True)
    return Member(app, issued.account_id, login, token)


def card(name: str, number: str, *, back: bool = False, width: int = 1500) -> bytes:
    """Draw an invented card with the mark of its purpose over it, as JPEG."""
    height = int(width * 0.63)
    drawn = Image.new("RGB", (width, height), "#e9efe9")
    pen = ImageDraw.Draw(drawn)
    for row in range(height):
        shade = row * 14 // height
        pen.line((0, row, width, row), fill=(224 + shade, 233 - shade // 3, 240 - shade))
    small, large = _font(width // 46), _font(width // 32)
    if back:
        pen.text(
            (width // 2, height // 2), "样本证件 · 国徽面", font=large, fill="#1d2521", anchor="mm"
        )
    else:
        for at, line in enumerate(
            (f"姓名    {name}", "性别    女      民族    汉", "出生    2008 年 3 月 4 日",
             "住址    样本省样本市样本路 1 号")
        ):  # fmt: skip
            pen.text((width * 0.06, height * (0.13 + at * 0.12)), line, font=large, fill="#1d2521")
        pen.text(
            (width * 0.06, height * 0.84), f"公民身份号码    {number}", font=large, fill="#1d2521"
        )
        pen.rounded_rectangle(
            (width * 0.7, height * 0.12, width * 0.94, height * 0.68), 16, fill="#c3ced3"
        )
        pen.ellipse((width * 0.76, height * 0.2, width * 0.88, height * 0.42), fill="#a5b4bb")
        pen.pieslice(
            (width * 0.72, height * 0.45, width * 0.92, height * 0.9), 180, 360, fill="#a5b4bb"
        )
    mark = Image.new("RGBA", (width * 2, height * 2), (0, 0, 0, 0))
    writer = ImageDraw.Draw(mark)
    for row in range(0, height * 2, height // 6):
        for column in range(-(row % 300), width * 2, width // 3):
            writer.text(
                (column, row), "仅供华北青少年科创赛身份核验", font=small, fill=(168, 40, 30, 70)
            )
    turned = mark.rotate(18).crop(
        (width // 2, height // 2, width // 2 + width, height // 2 + height)
    )
    drawn.paste(turned, mask=turned)
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=82)
    return out.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size)


def batch(
    batches: Batches, organizer: Organizer, names: tuple[str, ...] = NAMES, *, backs: bool = False
) -> tuple[Release, list[Enrolled]]:
    """Enrol people with drawn cards and let the worker build the batch."""
    enrolled = []
    for at, name in enumerate(names):
        number = f"11010520080304{at:03d}1"
        pictures = [card(name, number)] + ([card(name, number, back=True)] if backs else [])
        enrolled.append(
            batches.enrol(
                organizer, name=name, pictures=pictures, id_number=number,
                number=f"HB-2026-{uuid.uuid4().int % 10**5:05d}",
            )
        )  # fmt: skip
    assert len(BOTH) == 2
    build_release(batches.context, organizer.event_id, "demand", None)
    return batches.releases(organizer)[-1], enrolled


def identity_file(identity: Any, passphrase: str = PASSPHRASE) -> bytes:
    """Return an organizer's locked key file, as the browser would have made it (cheaper)."""
    plain = f"# public key: {identity.to_public()}\n{identity}\n".encode()
    locked: bytes = pyrage.passphrase.encrypt(plain, passphrase)
    return locked
