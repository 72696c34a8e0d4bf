"""The keyring: the signing root, the events' private vault keys, and the pinned recipients.

It is the one thing that opens documents. It is encrypted at rest, mode 0600, and rewritten whole
on every change. Its entries stay after a key's destruction, without the key.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import threading
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from heyan import clock
from heyan.custody import signing
from uploads_worker import keyring_file as file
from uploads_worker.keyring_file import (
    CHEAP,
    STRONG,
    Kdf,
    KeyringError,
    KeyringExposed,
    KeyringLocked,
    KmsHook,
    Secret,
)

PURPOSES = ("primary", "recovery")


class KeyUnknown(KeyringError):
    """The keyring has no key of this name."""


class KeyDestroyed(KeyringError):
    """The key was destroyed: what was sealed to it opens nowhere any more."""


@dataclass(frozen=True)
class Pin:
    """An organizer's age recipient as somebody pinned it on this host."""

    recipient: str
    purpose: str
    recipient_id: str
    pinned_at: str


@dataclass(frozen=True)
class VaultEntry:
    """What is known of a vault key, without the key."""

    key_id: str
    event_id: uuid.UUID
    version: int
    suite: int
    status: str
    created_at: str
    destroyed_at: str | None


@dataclass(frozen=True)
class Copy:
    """A sealed copy of the keyring: where, since when."""

    path: str
    taken_at: str


class Keyring:
    """An open keyring. Threads may share it; it reads itself again when the file was changed."""

    def __init__(
        self, path: Path, wrapping: dict[str, Any], key: bytes, content: dict[str, Any]
    ) -> None:
        self.path = path
        self._wrapping = wrapping
        self._key = key
        self._content = content
        self._stamp = (0, 0, 0)
        self._mutex = threading.RLock()

    @classmethod
    def create(cls, path: Path | str, passphrase: Secret, *, kdf: Kdf = STRONG) -> Keyring:
        """Make a keyring with a new signing root. Raises `KeyringError` when one is there."""
        path = Path(path)
        wrapping = file.new_wrapping(passphrase, kdf)
        key = file.wrapping_key(passphrase, wrapping, CHEAP)
        root = Ed25519PrivateKey.generate()
        content: dict[str, Any] = {
            "root": {
                "key_id": signing.key_id(root.public_key()),
                "private": _text(root.private_bytes_raw()),
                "created_at": _now(),
            },
            "vault": {},
            "pins": {},
            "copies": [],
        }
        keyring = cls(path, wrapping, key, content)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with file.lock(path, write=True):
            if path.exists():
                raise KeyringError("there is a keyring already")
            keyring._write()
        return keyring

    @classmethod
    def open(cls, path: Path | str, passphrase: Secret, *, weakest: Kdf = CHEAP) -> Keyring:
        """Open the keyring. Raises `KeyringExposed`, `KeyringLocked`, `KeyringError`.

        *weakest* is the least that a passphrase must cost; production asks for `STRONG`.
        """
        path = Path(path)
        file.check_private(path)
        with file.lock(path, write=False):
            when, text = file.stamp(path), path.read_bytes()
        parsed = file.parse(text)
        key = file.wrapping_key(passphrase, parsed["wrapping"], weakest)
        keyring = cls(path, parsed["wrapping"], key, file.decrypt(parsed, key))
        keyring._stamp = when
        return keyring

    # Reading.

    @property
    def root(self) -> Ed25519PrivateKey:
        """The signing root."""
        return Ed25519PrivateKey.from_private_bytes(_bytes(self._now_content()["root"]["private"]))

    @property
    def root_public_key(self) -> bytes:
        """The root's public half, 32 bytes, which the web pins."""
        return signing.raw_public(self.root.public_key())

    @property
    def earlier_roots(self) -> tuple[Ed25519PublicKey, ...]:
        """The public halves of the roots before this one: what they signed still counts."""
        found = self._now_content().get("earlier_roots", [])
        return tuple(Ed25519PublicKey.from_public_bytes(_bytes(one)) for one in found)

    def vault_private_key(self, key_id: str) -> bytes:
        """Return a vault key's private half; raises `KeyUnknown`, `KeyDestroyed`."""
        entry = self._now_content()["vault"].get(key_id)
        if entry is None:
            raise KeyUnknown(key_id)
        if entry["private"] is None:
            raise KeyDestroyed(key_id)
        return _bytes(entry["private"])

    def vault_keys(self, event_id: uuid.UUID | None = None) -> list[VaultEntry]:
        """Return what is known of the vault keys (of one event), the oldest version first."""
        found = [
            VaultEntry(
                key_id,
                uuid.UUID(one["event_id"]),
                one["version"],
                one["suite"],
                one["status"],
                one["created_at"],
                one["destroyed_at"],
            )
            for key_id, one in self._now_content()["vault"].items()
        ]
        found = [one for one in found if event_id is None or one.event_id == event_id]
        return sorted(found, key=lambda one: (str(one.event_id), one.version))

    def recipients(self, organization_id: uuid.UUID) -> tuple[Pin, ...]:
        """Return the organization's pinned recipients, the primary one first."""
        found = self._now_content()["pins"].get(str(organization_id), [])
        pins = [Pin(**one) for one in found]
        return tuple(sorted(pins, key=lambda pin: PURPOSES.index(pin.purpose)))

    def all_pins(self) -> dict[uuid.UUID, tuple[Pin, ...]]:
        """Return every organization's pins."""
        return {
            uuid.UUID(one): self.recipients(uuid.UUID(one))
            for one in list(self._now_content()["pins"])
        }

    def copies(self) -> tuple[Copy, ...]:
        """Return the listed copies of this keyring."""
        return tuple(Copy(**one) for one in self._now_content()["copies"])

    # Writing: each rewrites the file whole.

    def pin(
        self,
        organization_id: uuid.UUID,
        recipient: str,
        purpose: str = "primary",
        *,
        recipient_id: uuid.UUID | str = "",
    ) -> None:
        """Pin an age recipient; one of the same purpose that was pinned before goes."""
        if purpose not in PURPOSES:
            raise ValueError("a pin is primary or recovery")
        with self._edit() as content:
            pins = content["pins"].setdefault(str(organization_id), [])
            pins[:] = [one for one in pins if one["purpose"] != purpose]
            pins.append(
                {
                    "recipient": recipient.strip(),
                    "purpose": purpose,
                    "recipient_id": str(recipient_id),
                    "pinned_at": _now(),
                }
            )

    def unpin(self, organization_id: uuid.UUID, recipient: str) -> bool:
        """Take a pin away; tell whether there was one."""
        with self._edit() as content:
            pins = content["pins"].get(str(organization_id), [])
            kept = [one for one in pins if one["recipient"] != recipient.strip()]
            content["pins"][str(organization_id)] = kept
            if not kept:
                del content["pins"][str(organization_id)]
            return len(kept) != len(pins)

    def add_vault_key(
        self, key_id: str, event_id: uuid.UUID, version: int, suite: int, private_key: bytes
    ) -> None:
        """Keep a new vault key; the event's earlier ones are retired."""
        with self._edit() as content:
            if key_id in content["vault"]:
                raise KeyringError("the keyring has this key already")
            for one in content["vault"].values():
                if one["event_id"] == str(event_id) and one["status"] == "active":
                    one["status"] = "retired"
            content["vault"][key_id] = {
                "event_id": str(event_id),
                "version": version,
                "suite": suite,
                "private": _text(private_key),
                "status": "active",
                "created_at": _now(),
                "destroyed_at": None,
            }

    def destroy_vault_key(self, key_id: str) -> bool:
        """Destroy a vault key's private half here; tell whether it was there.

        Raises `KeyUnknown`. The copies are rewritten by `uploads_worker.keyring_copies`.
        """
        with self._edit() as content:
            entry = content["vault"].get(key_id)
            if entry is None:
                raise KeyUnknown(key_id)
            if entry["private"] is None:
                return False
            entry |= {"private": None, "status": "destroyed", "destroyed_at": _now()}
            return True

    def change_passphrase(self, passphrase: Secret, *, kdf: Kdf = STRONG) -> None:
        """Lock the keyring by another passphrase (or a KMS), under a new salt."""
        wrapping = file.new_wrapping(passphrase, kdf)
        key = file.wrapping_key(passphrase, wrapping, CHEAP)
        with self._edit():
            self._wrapping, self._key = wrapping, key

    def replace_root(self, private: Ed25519PrivateKey) -> None:
        """Take another signing root; what the old one signed verifies with the old public key."""
        with self._edit() as content:
            old = Ed25519PrivateKey.from_private_bytes(_bytes(content["root"]["private"]))
            content.setdefault("earlier_roots", []).append(
                _text(signing.raw_public(old.public_key()))
            )
            content["root"] = {
                "key_id": signing.key_id(private.public_key()),
                "private": _text(private.private_bytes_raw()),
                "created_at": _now(),
            }

    def change_copies(self, *, add: Iterable[Copy] = (), drop: Iterable[str] = ()) -> None:
        """List the copies *add*, strike the paths *drop*; what is listed meanwhile stays."""
        with self._edit() as content:
            new = [{"path": one.path, "taken_at": one.taken_at} for one in add]
            gone = {*drop, *(one["path"] for one in new)}
            content["copies"] = [one for one in content["copies"] if one["path"] not in gone] + new

    # Sections that other modules keep here (`uploads_worker.people`).

    def section(self, name: str) -> dict[str, Any]:
        """Return a section's content, to be read only; empty when nobody wrote to it yet."""
        found: dict[str, Any] = self._now_content().get(name, {})
        return found

    @contextlib.contextmanager
    def edit_section(self, name: str) -> Iterator[dict[str, Any]]:
        """Change a section; the file is rewritten whole when the block ends."""
        with self._edit() as content:
            yield content.setdefault(name, {})

    # The file.

    @contextlib.contextmanager
    def _edit(self) -> Iterator[dict[str, Any]]:
        with self._mutex, file.lock(self.path, write=True):
            self._refresh()
            before = copy.deepcopy(self._content), self._wrapping, self._key
            try:
                yield self._content
                self._write()
            except BaseException:
                self._content, self._wrapping, self._key = before
                raise

    def _write(self) -> None:
        ids = [self._content["root"]["key_id"], *self._content["vault"]]
        file.write_whole(self.path, file.encrypt(self._content, self._wrapping, self._key, ids))
        self._stamp = file.stamp(self.path)

    def _now_content(self) -> dict[str, Any]:
        with self._mutex:
            if self._stamp != _stamp_or_none(self.path):
                with file.lock(self.path, write=False):
                    self._refresh()
            return self._content

    def _refresh(self) -> None:
        """Read the file again if it was changed; the caller holds its lock."""
        when = file.stamp(self.path)
        if when == self._stamp:
            return
        file.check_private(self.path)
        parsed = file.parse(self.path.read_bytes())
        if parsed["wrapping"] != self._wrapping:
            raise KeyringLocked("the passphrase was changed: start again with the new one")
        self._content = file.decrypt(parsed, self._key)
        self._stamp = when


def _stamp_or_none(path: Path) -> tuple[int, int, int] | None:
    try:
        return file.stamp(path)
    except FileNotFoundError as error:
        raise KeyringError("the keyring is gone") from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _now() -> str:
    return clock.now().isoformat(timespec="seconds")


def moment(text: str) -> datetime:
    """Read a time as the keyring writes it."""
    return datetime.fromisoformat(text)


__all__ = [
    "CHEAP",
    "STRONG",
    "Copy",
    "Kdf",
    "KeyDestroyed",
    "KeyUnknown",
    "Keyring",
    "KeyringError",
    "KeyringExposed",
    "KeyringLocked",
    "KmsHook",
    "Pin",
    "VaultEntry",
    "moment",
]
