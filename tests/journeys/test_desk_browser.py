"""The desk's modules in a real browser, over releases built here with pyrage and cryptography."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pty
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask, Response, request
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from heyan.releases.fingerprint import recipient_fingerprint

STATIC = Path(__file__).parents[2] / "static"
SEGMENT = 4194304
MANIFEST = "application/vnd.heyan.release-manifest+json"
INDEX = "application/vnd.heyan.release-index+json"
CSP = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' blob:; "
    "require-trusted-types-for 'script'"
)


def pae(kind: str, body: bytes) -> bytes:
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(body), body)


def signatures(root: Ed25519PrivateKey, kind: str, body: bytes) -> list[dict[str, str]]:
    key_id = hashlib.sha256(root.public_key().public_bytes_raw()).hexdigest()[:16]
    return [{"keyid": key_id, "sig": base64.b64encode(root.sign(pae(kind, body))).decode()}]


def stored_zip(entries: dict[str, bytes]) -> bytes:
    local = struct.Struct("<4s5H3I2H")
    out = b""
    for name, data in entries.items():
        sizes = (zlib.crc32(data), len(data), len(data), len(name), 0)
        out += local.pack(b"PK\x03\x04", 20, 0x0800, 0, 0, 33, *sizes) + name.encode() + data
    return out + b"PK\x01\x02" + bytes(42)


class Release:
    """A release of two pictures; its parts can be replaced before the page asks for them."""

    def __init__(self) -> None:
        self.root = Ed25519PrivateKey.generate()
        self.identity = pyrage.x25519.Identity.generate()
        self.recipient = str(self.identity.to_public())
        self.recovery = pyrage.x25519.Identity.generate()
        pictures = {
            "pictures/00001_A/front.jpg": b"\xff\xd8" + bytes(6_000_000),
            "pictures/00001_A/back.jpg": b"\xff\xd8picture",
        }
        documents = [
            {
                "document_id": f"d{at}",
                "path": path,
                "state": "included",
                "jpeg_sha256": hashlib.sha256(data).hexdigest(),
            }
            for at, (path, data) in enumerate(pictures.items())
        ]
        index = json.dumps(
            {
                "format": "heyan-index/1",
                "release_id": "r1",
                "registrations": [{"documents": documents}],
            }
        ).encode()
        detached = {"payloadType": INDEX, "signatures": signatures(self.root, INDEX, index)}
        zipped = stored_zip(
            {
                "README.txt": b"x",
                **pictures,
                "index.json": index,
                "index.json.sig": json.dumps(detached).encode(),
            }
        )
        self.file = pyrage.encrypt(zipped, [self.identity.to_public(), self.recovery.to_public()])
        self.index_sha256 = hashlib.sha256(index).hexdigest()
        self.manifest = self.envelope(self.root)

    def envelope(self, root: Ed25519PrivateKey) -> str:
        pieces = [self.file[at : at + SEGMENT] for at in range(0, len(self.file), SEGMENT)]
        body = json.dumps(
            {
                "format": "heyan-release/1",
                "release_id": "r1",
                "recipient": self.recipient,
                "recipients": [self.recipient, str(self.recovery.to_public())],
                "index_sha256": self.index_sha256,
                "file": {
                    "bytes": len(self.file),
                    "segment_bytes": SEGMENT,
                    "segments": [hashlib.sha256(one).hexdigest() for one in pieces],
                },
            }
        ).encode()
        return json.dumps(
            {
                "payloadType": MANIFEST,
                "payload": base64.b64encode(body).decode(),
                "signatures": signatures(root, MANIFEST, body),
            }
        )


@pytest.fixture
def release() -> Release:
    return Release()


@pytest.fixture
def page(release: Release, browser: Browser) -> Iterator[Page]:
    app = Flask(__name__, static_folder=str(STATIC))
    app.add_url_rule("/", "home", view_func=lambda: "<!doctype html><title>desk</title>")
    app.add_url_rule("/manifest", "manifest", view_func=lambda: release.manifest)

    @app.get("/file")
    def file() -> Response:
        answer = Response(release.file, mimetype="application/octet-stream")
        return answer.make_conditional(
            request, accept_ranges=True, complete_length=len(release.file)
        )

    @app.after_request
    def policy(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = CSP
        return answer

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}"
    context = browser.new_context()
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda one: asked.append(one.url))
    tab.goto(origin + "/")
    yield tab
    assert all(url.startswith(origin) for url in asked)
    stored = "localStorage.length + sessionStorage.length"
    assert tab.evaluate(stored) == 0
    assert tab.evaluate("indexedDB.databases()") == []
    context.close()
    server.shutdown()


def opened(page: Page, release: Release, **other: str) -> dict[str, Any]:
    values = {
        "root": release.root.public_key().public_bytes_raw().hex(),
        "releaseId": "r1",
        "recipient": release.recipient,
        "identity": str(release.identity),
        **other,
    }
    result: dict[str, Any] = page.evaluate(
        """async (wanted) => {
          const { openRelease } = await import("/static/js/organizer/release.js");
          const root = Uint8Array.from(wanted.root.match(/../g), (two) => parseInt(two, 16));
          try {
            const done = await openRelease({
              ...wanted, root, manifestUrl: "/manifest", fileUrl: "/file" });
            return { pictures: [...done.pictures.keys()], broken: [...done.broken.keys()],
                     sha256: done.manifestSha256 };
          } catch (error) { return { code: error.code ?? String(error), values: error.values }; }
        }""",
        values,
    )
    return result


def test_a_release_opens_whole(page: Page, release: Release) -> None:
    digest = hashlib.sha256(release.manifest.encode()).hexdigest()
    expected = {"pictures": ["d0", "d1"], "broken": [], "sha256": digest}
    assert opened(page, release) == expected


def test_a_recovery_key_that_the_manifest_names_opens_it_too(page: Page, release: Release) -> None:
    """L4: the key that was printed and locked away."""
    recovery = release.recovery
    done = opened(page, release, recipient=str(recovery.to_public()), identity=str(recovery))
    assert done["pictures"] == ["d0", "d1"]


def test_a_flipped_bit_names_its_segment(page: Page, release: Release) -> None:
    at = SEGMENT + 100
    release.file = release.file[:at] + bytes([release.file[at] ^ 1]) + release.file[at + 1 :]
    assert opened(page, release) == {"code": "segment", "values": {"number": 2, "all": 2}}


def test_another_valid_age_file_is_refused_before_it_is_opened(
    page: Page, release: Release
) -> None:
    release.file = Release().file
    assert opened(page, release)["code"] == "segment"


def test_a_manifest_signed_by_another_root_is_refused(page: Page, release: Release) -> None:
    release.manifest = release.envelope(Ed25519PrivateKey.generate())
    assert opened(page, release)["code"] == "manifest_signature"


def test_a_manifest_for_another_recipient_or_release_is_refused(
    page: Page, release: Release
) -> None:
    assert opened(page, release, recipient="age1other")["code"] == "manifest_other_recipient"
    assert opened(page, release, releaseId="r2")["code"] == "manifest_other_release"


def test_an_identity_made_here_opens_only_with_its_passphrase(page: Page) -> None:
    made = page.evaluate(
        """async () => {
          const it = await import("/static/js/organizer/identity.js");
          const phrase = await it.suggestPassphrase();
          const made = await it.makeIdentity(phrase);
          const bytes = new TextEncoder().encode(made.file);
          const again = await it.openIdentity(bytes, phrase);
          const wrong = await it.openIdentity(bytes, "not it").catch((error) => error.code);
          return { ...made, phrase, again: again.recipient, wrong };
        }"""
    )
    assert made["again"] == made["recipient"]
    assert made["wrong"] == "passphrase_wrong"
    assert len(made["phrase"].split()) == 6
    assert made["fingerprint"] == recipient_fingerprint(made["recipient"])
    plain = pyrage.passphrase.decrypt(made["file"].encode(), made["phrase"])
    assert b"AGE-SECRET-KEY-1" in plain


def test_debian_age_opens_a_release_with_the_identity_made_here(page: Page, tmp_path: Path) -> None:
    made = page.evaluate(
        """async () => (await import("/static/js/organizer/identity.js"))
             .makeIdentity("six plain words for a test")"""
    )
    (tmp_path / "key.txt").write_text(made["file"])
    recipient = pyrage.x25519.Recipient.from_str(made["recipient"])
    (tmp_path / "release.age").write_bytes(pyrage.encrypt(b"a release", [recipient]))
    command = ["/usr/bin/age", "-d", "-i", "key.txt", "-o", "opened", "release.age"]
    # age asks for the passphrase on a terminal only.
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execv(command[0], command)  # noqa: S606 - age must be the terminal's own process
    os.read(terminal, 1024)
    os.write(terminal, b"six plain words for a test\n")
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / "opened").read_bytes() == b"a release"
