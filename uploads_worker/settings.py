"""What the worker alone may know: keyring, passphrase, its own database and S3 credentials.

The web's environment never holds these, and the worker's never holds the web's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heyan import settings_checks
from heyan.environment import SettingsError, folder, load, setting, whole
from heyan.settings import Common


@dataclass(frozen=True, kw_only=True)
class WorkerSettings(Common):
    """Every setting of the worker. Build it with `from_env`."""

    database_url: str = setting(
        "WORKER_DATABASE_URL",
        "PostgreSQL as the worker's role; sslmode=verify-full in production",
        secret=True,
    )
    s3_access_key: str = setting("WORKER_S3_ACCESS_KEY", "the worker's S3 key id", secret=True)
    s3_secret_key: str = setting("WORKER_S3_SECRET_KEY", "the worker's S3 secret", secret=True)
    keyring: Path = setting("KEYRING", "the keyring file, mode 0600", read=folder)
    keyring_passphrase: str = setting(
        "KEYRING_PASSPHRASE",
        "the keyring's passphrase itself; a file or the prompt is better",
        default="",
        secret=True,
    )
    keyring_passphrase_file: Path | None = setting(
        "KEYRING_PASSPHRASE_FILE",
        "file with the keyring's passphrase, mode 0600, kept apart from the keyring",
        read=folder,
        default=None,
    )
    keyring_kms: str = setting(
        "KEYRING_KMS",
        "instead of a passphrase: module:function or a command that gives the wrapping key",
        default="",
    )
    keyring_recovery: str = setting(
        "KEYRING_RECOVERY_RECIPIENT",
        "the operator's offline age recipient that copies of the keyring are sealed to",
        default="",
        production=True,
    )
    keyring_copy_days: int = setting(
        "KEYRING_COPY_DAYS",
        "a copy of the keyring is kept at most",
        read=whole(1, 35),
        default=35,
        unit="days",
        source="backups",
    )
    anchors: Path = setting("AUDIT_ANCHORS", "folder of the audit's hourly anchors", read=folder)
    worker_threads: int = setting(
        "WORKER_THREADS",
        "jobs that run at once",
        read=whole(1, 64),
        default=4,
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> WorkerSettings:
        """Return the settings that *environ* holds.

        Raises `SettingsError`, naming every fault at once.
        """
        production = environ.get("HEYAN_ENV", "").strip() == "production"
        found, faults = load(cls, environ, production=production)
        faults += settings_checks.common(found, environ)
        faults += settings_checks.database("WORKER_DATABASE_URL", found.database_url, found.env)
        if faults:
            raise SettingsError(faults)
        return found
