"""The keyring's file: one encrypted text, mode 0600, rewritten whole, atomically, under a lock.

The text is JSON: a header (format, cipher, how the wrapping key comes about, the ids of the keys
inside) and the ciphertext. The header is authenticated. Inside is canonical JSON; what it means
knows `uploads_worker.keyring`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import importlib
import json
import os
import re
import secrets
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heyan.custody.signing import canonical

FORMAT = "heyan-keyring/1"
CIPHER = "AES-256-GCM"
KMS_SECONDS = 30


class KeyringError(Exception):
    """The keyring cannot be used; the message says why and holds no secret."""


class KeyringExposed(KeyringError):
    """The file can be read by others than its owner."""


class KeyringLocked(KeyringError):
    """The passphrase (or the KMS) does not open it, or somebody changed the file."""


@dataclass(frozen=True)
class Kdf:
    """The cost of argon2id. Memory in KiB."""

    memory_kib: int
    passes: int
    lanes: int

    def at_least(self, other: Kdf) -> bool:
        """Tell whether this costs as much as *other*."""
        return self.memory_kib >= other.memory_kib and self.passes >= other.passes


STRONG = Kdf(256 * 1024, 4, 4)
# For tests alone: `Keyring.create(…, kdf=CHEAP)`. Production refuses to open such a file.
CHEAP = Kdf(8 * 1024, 1, 1)
_MOST = Kdf(4 * 1024 * 1024, 64, 64)
_STRETCH = """
import sys
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
salt, passes, lanes, memory = sys.argv[1:]
how = Argon2id(salt=bytes.fromhex(salt), length=32, iterations=int(passes), lanes=int(lanes),
               memory_cost=int(memory))
sys.stdout.buffer.write(how.derive(sys.stdin.buffer.read()))
"""


@dataclass(frozen=True)
class KmsHook:
    """Where a key management service gives the wrapping key: ``module:function`` or a command.

    Either gets the file's header as JSON (the function as an argument, the command on its
    standard input) and returns 32 bytes; the command prints them in base64.
    """

    entry: str

    def wrapping_key(self, header: Mapping[str, Any]) -> bytes:
        """Ask for the key; raises `KeyringLocked`."""
        try:
            if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", self.entry):
                module, _, function = self.entry.partition(":")
                key = getattr(importlib.import_module(module), function)(dict(header))
            else:
                key = self._command(header)
        except KeyringLocked:
            raise
        except Exception as error:
            raise KeyringLocked("the KMS hook failed: " + type(error).__name__) from error
        if not isinstance(key, bytes) or len(key) != 32:
            raise KeyringLocked("the KMS hook did not give 32 bytes")
        return key

    def _command(self, header: Mapping[str, Any]) -> bytes:
        done = subprocess.run(  # noqa: S603 - the operator's own setting
            shlex.split(self.entry),
            input=json.dumps(header),
            capture_output=True,
            text=True,
            timeout=KMS_SECONDS,
            check=False,
        )
        if done.returncode:
            raise KeyringLocked(f"the KMS hook ended with {done.returncode}")
        try:
            return base64.b64decode(done.stdout.strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise KeyringLocked("the KMS hook did not print base64") from error


Secret = str | KmsHook


def new_wrapping(secret: Secret, kdf: Kdf) -> dict[str, Any]:
    """Return the header's part that says how the wrapping key comes about."""
    if isinstance(secret, KmsHook):
        return {"name": "kms", "id": secrets.token_hex(8)}
    return {
        "name": "argon2id",
        "memory_kib": kdf.memory_kib,
        "passes": kdf.passes,
        "lanes": kdf.lanes,
        "salt": base64.b64encode(secrets.token_bytes(16)).decode(),
    }


def wrapping_key(secret: Secret, wrapping: Mapping[str, Any], weakest: Kdf) -> bytes:
    """Return the key that *wrapping* describes; raises `KeyringLocked`."""
    if isinstance(secret, KmsHook):
        if wrapping.get("name") != "kms":
            raise KeyringLocked("the keyring is locked by a passphrase, not by a KMS")
        return secret.wrapping_key({"format": FORMAT, "wrapping": dict(wrapping)})
    if wrapping.get("name") != "argon2id":
        raise KeyringLocked("the keyring is locked by a KMS, not by a passphrase")
    if not secret:
        raise KeyringLocked("no passphrase was given")
    try:
        kdf = Kdf(
            int(wrapping["memory_kib"]),
            int(wrapping["passes"]),
            int(wrapping["lanes"]),
        )
        salt = base64.b64decode(wrapping["salt"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise KeyringLocked("the keyring's header is damaged") from error
    if not kdf.at_least(weakest):
        raise KeyringLocked("the keyring's passphrase is hashed too cheaply for this place")
    if not _MOST.at_least(kdf) or not 0 < kdf.lanes <= _MOST.lanes or len(salt) < 16:
        raise KeyringLocked("the keyring's header is damaged")
    return _stretched(secret.encode(), salt, kdf)


def _stretched(secret: bytes, salt: bytes, kdf: Kdf) -> bytes:
    """Return argon2id's 32 bytes, computed in a child.

    A quarter of a gibibyte that is needed once would stay the worker's high-water mark for good.
    """
    asked = [salt.hex(), str(kdf.passes), str(kdf.lanes), str(kdf.memory_kib)]
    done = subprocess.run(  # noqa: S603 - our own interpreter and the lines below
        [sys.executable, "-I", "-c", _STRETCH, *asked],
        input=secret,
        capture_output=True,
        check=False,
        env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
    )
    if done.returncode or len(done.stdout) != 32:
        raise KeyringError("the wrapping key could not be computed: is there memory for it?")
    return done.stdout


def encrypt(
    content: Mapping[str, Any], wrapping: Mapping[str, Any], key: bytes, key_ids: list[str]
) -> bytes:
    """Return the file's text."""
    header = {
        "format": FORMAT,
        "cipher": CIPHER,
        "wrapping": dict(wrapping),
        "keys": sorted(key_ids),
    }
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(key).encrypt(nonce, canonical(content), canonical(header))
    whole = {
        **header,
        "nonce": base64.b64encode(nonce).decode(),
        "ciphertext": base64.b64encode(sealed).decode(),
    }
    return json.dumps(whole, indent=1).encode() + b"\n"


def parse(text: bytes) -> dict[str, Any]:
    """Return the file's text as an object; raises `KeyringLocked`. Nothing of it is checked yet."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KeyringLocked("the keyring is damaged") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise KeyringLocked("the keyring has another format")
    if found.get("cipher") != CIPHER or not isinstance(found.get("wrapping"), dict):
        raise KeyringLocked("the keyring has another format")
    return found


def decrypt(parsed: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Return what is inside; raises `KeyringLocked`."""
    header = {name: parsed.get(name) for name in ("format", "cipher", "wrapping", "keys")}
    try:
        nonce = base64.b64decode(parsed["nonce"], validate=True)
        sealed = base64.b64decode(parsed["ciphertext"], validate=True)
        content = json.loads(AESGCM(key).decrypt(nonce, sealed, canonical(header)))
    except (KeyError, TypeError, ValueError, InvalidTag) as error:
        raise KeyringLocked("the passphrase is wrong, or the keyring was changed") from error
    if not isinstance(content, dict):
        raise KeyringLocked("the keyring is damaged")
    return content


# --- the file itself -------------------------------------------------------------------------


def check_private(path: Path) -> None:
    """Raise `KeyringExposed` unless *path* is a plain file of mode 0600 (or 0400) and ours."""
    try:
        found = path.lstat()
    except FileNotFoundError as error:
        raise KeyringError(f"{path.name} is not there") from error
    if not stat.S_ISREG(found.st_mode):
        raise KeyringExposed(f"{path.name} is not a plain file")
    if stat.S_IMODE(found.st_mode) & 0o177:
        raise KeyringExposed(f"{path.name} must have mode 0600")
    if found.st_uid not in (os.geteuid(), 0):
        raise KeyringExposed(f"{path.name} belongs to another user")


def stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when the file is rewritten."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextlib.contextmanager
def lock(path: Path, *, write: bool) -> Iterator[None]:
    """Hold the keyring's lock: many readers, or one writer."""
    beside = path.with_name(path.name + ".lock")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if write else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes, *, wipe: bool = True) -> None:
    """Replace *path* by *data* in one step, on the disk when this returns.

    What was there is overwritten afterwards: best effort, since a file system may keep old
    blocks (docs/custody.md says so).
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        old = os.open(path, os.O_WRONLY | os.O_CLOEXEC) if wipe and path.exists() else None
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    if old is not None:
        _wipe(old)


def remove(path: Path) -> None:
    """Overwrite and delete *path*; nothing happens when it is gone."""
    with contextlib.suppress(FileNotFoundError):
        old = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        path.unlink()
        sync_folder(path.parent)
        _wipe(old)


def _wipe(descriptor: int) -> None:
    with contextlib.suppress(OSError), os.fdopen(descriptor, "wb") as out:
        size = os.fstat(out.fileno()).st_size
        out.write(secrets.token_bytes(size))
        out.flush()
        os.fsync(out.fileno())


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
