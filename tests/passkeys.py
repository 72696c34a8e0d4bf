"""A passkey in software, for tests: makes keys, signs answers, and lies when it is told to.

Written from the WebAuthn specification (authenticator data, COSE keys, "none" attestation), with
nothing of the library that the site verifies with.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.accounts import Browser

ORIGIN = "http://localhost:8000"
DOMAIN = "localhost"
_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def text(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(encoded: str) -> bytes:
    """Return what base64url stands for."""
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


@dataclass
class SoftPasskey:
    """A key pair with a counter; every field can be set to what an attacker would send."""

    origin: str = ORIGIN
    domain: str = DOMAIN
    verified: bool = True
    counter: int = 0
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    handle: bytes = b""

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def _flags(self, more: int = 0) -> int:
        return _PRESENT | more | (_VERIFIED if self.verified else 0)

    def _data(self, more: int = 0) -> bytes:
        head = hashlib.sha256(self.domain.encode()).digest()
        return head + bytes([self._flags(more)]) + self.counter.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        made = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(made).encode()

    def _answer(self, **response: bytes) -> str:
        return json.dumps(
            {
                "id": text(self.credential_id),
                "rawId": text(self.credential_id),
                "type": "public-key",
                "response": {name: text(value) for name, value in response.items()},
                "clientExtensionResults": {},
            }
        )

    def create(self, options: dict[str, Any]) -> str:
        """Answer the question of a registration."""
        self.handle = raw(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        length = len(self.credential_id).to_bytes(2, "big")
        data = self._data(_ATTESTED) + bytes(16) + length + self.credential_id + public
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"])
        return self._answer(clientDataJSON=client, attestationObject=attested)

    def get(self, options: dict[str, Any], *, step: int = 1) -> str:
        """Answer the question of a sign-in or step-up; the counter moves on by *step*."""
        self.counter += step
        client = self._client("webauthn.get", options["challenge"])
        data = self._data()
        signed = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=client, authenticatorData=data, signature=signed, userHandle=self.handle
        )


def options(browser: Browser, purpose: str, page: str) -> dict[str, Any]:
    """Ask the site for its question, as the script on *page* does."""
    answer = browser.post("/account/passkeys/options", page=page, purpose=purpose)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def register(browser: Browser, passkey: SoftPasskey, page: str = "/account/passkeys/new") -> Any:
    """Register *passkey* through the page, with a fresh second factor or as the first one."""
    answer = passkey.create(options(browser, "register", page))
    return browser.post(page, name="测试钥匙", answer=answer)


def sign_in(browser: Browser, passkey: SoftPasskey, **more: str) -> Any:
    """Give the second step of a sign-in."""
    answer = passkey.get(options(browser, "sign_in", "/account/code"))
    return browser.post("/account/code/passkey", page="/account/code", answer=answer, **more)


def step_up(browser: Browser, passkey: SoftPasskey) -> Any:
    """Prove oneself again."""
    answer = passkey.get(options(browser, "step_up", "/account/step-up"))
    return browser.post("/account/step-up/passkey", page="/account/step-up", answer=answer)
