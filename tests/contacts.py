"""Builders for tests of the contact log: entries through the front door, sounds of every kind."""

from __future__ import annotations

import io
import os
import re
import uuid
from typing import Any

from werkzeug.test import TestResponse

from tests.enrolment import hidden_fields
from tests.staff import Colleague

LOG = "/staff/contacts"
SOUNDS = {
    "mp3": b"\xff\xfb\x90\x64" + bytes(200),
    "m4a": b"\0\0\0\x1cftypM4A \0\0\0\0M4A mp42isom\0\0\0\0" + bytes(200),
    "wav": b"RIFF\xff\xff\0\0WAVEfmt " + bytes(200),
    "amr": b"#!AMR\n" + bytes(200),
    "ogg": b"OggS\0\x02" + bytes(20) + b"\x01\x13OpusHead" + bytes(200),
}


def sound(kind: str = "wav", size: int = 0) -> bytes:
    """Return the bytes of a recording; what follows the head is noise up to *size*."""
    head = SOUNDS[kind]
    return head + os.urandom(max(0, size - len(head)))


def entry(clerk: Colleague, *, query: str = "", **fields: str) -> uuid.UUID:
    """Write an entry down as a clerk does; return its id."""
    sent = write(clerk, query=query, **fields)
    assert sent.status_code == 303, sent.text
    found = re.search(r"/staff/contacts/([0-9a-f-]{36})", sent.headers["Location"])
    assert found
    return uuid.UUID(found[1])


def write(clerk: Colleague, *, query: str = "", **fields: str) -> TestResponse:
    """Send the form of a new entry."""
    filled = {
        "channel": "call",
        "direction": "in",
        "kind": "enquiry",
        "note": "想知道什么时候出成绩",
        "consent": "not_asked",
        "way": "spoken",
        **fields,
    }
    return clerk.post(f"{LOG}/new{query}", **filled)


def act(clerk: Colleague, contact: uuid.UUID, verb: str, **fields: str) -> TestResponse:
    """Send one of the forms on an entry's page."""
    return clerk.post(f"{LOG}/{contact}/{verb}", page=f"{LOG}/{contact}", **fields)


def attach(
    clerk: Colleague,
    contact: uuid.UUID,
    data: bytes,
    name: str = "call.wav",
    *,
    token: str | None = None,
    **headers: str,
) -> TestResponse:
    """Attach a recording as the page's form does, also where the page would not show the form."""
    fields = hidden_fields(clerk.get(f"{LOG}/{contact}").text)
    body: dict[str, Any] = {
        "csrf_token": fields["csrf_token"],
        "upload_token": token or fields.get("upload_token") or uuid.uuid4().hex,
        "file": (io.BytesIO(data), name),
    }
    return clerk.client.post(
        f"{LOG}/{contact}/recordings",
        data=body,
        content_type="multipart/form-data",
        headers=headers,
    )
