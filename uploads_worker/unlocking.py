"""Where the keyring's passphrase comes from: a KMS, a file, the environment, or the prompt."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path

from uploads_worker import keyring_file as file
from uploads_worker.keyring import STRONG, Keyring, KeyringLocked, KmsHook
from uploads_worker.keyring_file import CHEAP, Secret
from uploads_worker.settings import WorkerSettings

HARD = "six generated words, or twenty characters, at least"


def read_passphrase_file(path: Path) -> str:
    """Return the passphrase in *path*; raises `KeyringExposed` when others could read it."""
    file.check_private(path)
    return path.read_text("utf-8").strip()


def secret(
    settings: WorkerSettings,
    ask: Callable[[str], str] = getpass.getpass,
    *,
    interactive: bool | None = None,
) -> Secret:
    """Return what unlocks the keyring; raises `KeyringLocked` when there is nothing."""
    if settings.keyring_kms:
        return KmsHook(settings.keyring_kms)
    if settings.keyring_passphrase_file is not None:
        found = read_passphrase_file(settings.keyring_passphrase_file)
    elif settings.keyring_passphrase:
        found = settings.keyring_passphrase
    elif sys.stdin.isatty() if interactive is None else interactive:
        found = ask("Passphrase of the keyring: ")
    else:
        found = ""
    if not found:
        raise KeyringLocked(
            "no passphrase: set KEYRING_PASSPHRASE_FILE (mode 0600) or KEYRING_KMS, "
            "or start from a terminal"
        )
    if settings.production and not hard_to_guess(found):
        raise KeyringLocked(f"KEYRING_PASSPHRASE is easy to guess: {HARD}")
    return found


def hard_to_guess(passphrase: str) -> bool:
    """Tell whether *passphrase* has the length and variety of six words that a program drew."""
    return len(passphrase) >= 20 and len(set(passphrase)) >= 8


def open_keyring(settings: WorkerSettings) -> Keyring:
    """Open the keyring that *settings* name, as strictly as the place asks for."""
    weakest = STRONG if settings.production else CHEAP
    return Keyring.open(settings.keyring, secret(settings), weakest=weakest)
