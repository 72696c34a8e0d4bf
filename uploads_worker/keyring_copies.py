"""Copies of the keyring: few, listed, sealed to the operator's offline key, gone after 35 days.

A copy is the encrypted keyring file inside an age file: it takes the operator's recovery identity
and the passphrase to open one. When a vault key is destroyed, every copy is written anew, so that
none holds it any more (CONTROLS Q19, C-24).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyrage

from heyan import clock
from uploads_worker import keyring_file as file
from uploads_worker.keyring import Copy, Keyring, KeyringError, moment

# A copy is listed before it is written: one that is not there yet may be on its way for so long.
BEING_MADE = timedelta(minutes=10)


@dataclass(frozen=True)
class Renewal:
    """What became of the copies: written anew, and out of reach (paths)."""

    renewed: tuple[str, ...]
    unreachable: tuple[str, ...]


def make(keyring: Keyring, folder: Path, recovery: str) -> Path:
    """Seal a copy into *folder* and list it. Raises `KeyringError`."""
    public = _recipient(recovery)
    folder = folder.absolute()
    if not folder.is_dir():
        raise KeyringError(f"{folder} is not a folder")
    stamp = clock.now().strftime("%Y%m%dT%H%M%SZ")
    target = folder / f"keyring-{stamp}.age"
    if target.exists():
        raise KeyringError(f"{target.name} is there already")
    # Listed first: a copy that nobody lists would outlive its keys.
    keyring.change_copies(add=[Copy(str(target), _now())])
    # Locked until it lies there: a key is destroyed before it is read, or `renew` finds it.
    with file.lock(keyring.path, write=False):
        file.write_whole(target, _sealed(keyring, public), wipe=False)
    return target


def _recipient(recovery: str) -> pyrage.x25519.Recipient:
    if not recovery:
        raise KeyringError("KEYRING_RECOVERY_RECIPIENT is not set")
    try:
        return pyrage.x25519.Recipient.from_str(recovery)
    except pyrage.RecipientError as error:
        raise KeyringError("KEYRING_RECOVERY_RECIPIENT is no age recipient") from error


def _sealed(keyring: Keyring, public: pyrage.x25519.Recipient) -> bytes:
    with file.lock(keyring.path, write=False):
        return bytes(pyrage.encrypt(keyring.path.read_bytes(), [public]))


def _now() -> str:
    return clock.now().isoformat(timespec="seconds")


def renew(keyring: Keyring, recovery: str) -> Renewal:
    """Write every listed copy anew, after a key was destroyed.

    A copy out of reach stays listed: the audit trail names it until it is back or has expired.
    """
    renewed, unreachable, deleted = [], [], []
    for one in keyring.copies():
        target = Path(one.path)
        if not target.parent.is_dir():
            unreachable.append(one.path)
            continue
        if not target.exists():
            if moment(one.taken_at) < clock.now() - BEING_MADE:
                deleted.append(one.path)
            continue
        try:
            file.write_whole(target, _sealed(keyring, _recipient(recovery)))
        except (OSError, KeyringError):
            unreachable.append(one.path)
        else:
            renewed.append(one.path)
    keyring.change_copies(add=[Copy(path, _now()) for path in renewed], drop=deleted)
    return Renewal(tuple(renewed), tuple(unreachable))


def expire(keyring: Keyring, days: int) -> Renewal:
    """Remove copies older than *days*; returns the removed ones as ``renewed``."""
    removed, unreachable = [], []
    limit = clock.now() - timedelta(days=days)
    for one in keyring.copies():
        if moment(one.taken_at) > limit:
            continue
        target = Path(one.path)
        if not target.parent.is_dir():
            unreachable.append(one.path)
            continue
        file.remove(target)
        removed.append(one.path)
    if removed:
        keyring.change_copies(drop=removed)
    return Renewal(tuple(removed), tuple(unreachable))


def restore(copy: Path, identity_file: Path, target: Path) -> None:
    """Open a copy with the operator's recovery identity and put it in place.

    Raises `KeyringError` when *target* exists, or the identity does not open the copy.
    """
    if target.exists():
        raise KeyringError("there is a keyring already; move it away first")
    lines = identity_file.read_text("utf-8").splitlines()
    secrets = [line.strip() for line in lines if line.startswith("AGE-SECRET-KEY-1")]
    try:
        identities = [pyrage.x25519.Identity.from_str(one) for one in secrets]
        if not identities:
            raise KeyringError("the identity file holds no age identity")
        text = pyrage.decrypt(copy.read_bytes(), identities)
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise KeyringError("the identity does not open this copy") from error
    file.parse(text)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_whole(target, text, wipe=False)
