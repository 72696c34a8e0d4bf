"""What the worker alone may know: keyring, passphrase, its own database and S3 credentials.

The web's environment never holds these, and the worker's never holds the web's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heyan import settings_checks
from heyan.environment import SettingsError, age_recipient, choice, folder, load, setting, whole
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
    backup_recipient: str = setting(
        "BACKUP_RECIPIENT",
        "the operator's offline age recipient that backups are sealed to",
        read=age_recipient,
        default="",
    )
    owner_database_url: str = setting(
        "OWNER_DATABASE_URL",
        "PostgreSQL as the owning role: in the environment of backup and restore alone",
        default="",
        secret=True,
    )
    anchors: Path = setting("AUDIT_ANCHORS", "folder of the audit's hourly anchors", read=folder)
    anchor_email: str = setting(
        "AUDIT_ANCHOR_EMAIL",
        "address outside the company's hosts that each hour's anchor is mailed to",
        default="",
        source="CONTROLS C-65",
    )
    smtp_host: str = setting("SMTP_HOST", "mail server that messages go out by", default="")
    smtp_port: int = setting("SMTP_PORT", "its port", read=whole(1, 65535), default=465)
    smtp_security: str = setting(
        "SMTP_SECURITY",
        "TLS from the first byte, or by STARTTLS; never without, and always verified",
        read=choice("tls", "starttls"),
        default="tls",
        source="CONTROLS C-72",
    )
    smtp_user: str = setting("SMTP_USER", "name at the mail server", default="")
    smtp_password: str = setting(
        "SMTP_PASSWORD", "password at the mail server", default="", secret=True
    )
    mail_from: str = setting("MAIL_FROM", "address that messages come from", default="")
    sms_endpoint: str = setting(
        "SMS_ENDPOINT",
        "address of Aliyun's SMS service; https only, always verified",
        default="https://dysmsapi.aliyuncs.com",
        source="CONTROLS C-72",
    )
    sms_access_key: str = setting(
        "SMS_ACCESS_KEY",
        "Aliyun key id that may SendSms and QuerySendDetails alone",
        default="",
        secret=True,
    )
    sms_secret_key: str = setting("SMS_SECRET_KEY", "its secret", default="", secret=True)
    sms_sign: str = setting("SMS_SIGN", "signature that the provider approved", default="")
    sms_templates: str = setting(
        "SMS_TEMPLATES",
        "approved templates as kind=code,…; code (takes ${code}) and notice serve every kind that"
        " has none of its own",
        default="",
    )
    message_ca: Path | None = setting(
        "MESSAGE_CA_FILE",
        "certificates trusted for mail server and SMS besides the system's",
        read=folder,
        default=None,
    )
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
        if production:
            faults += settings_checks.given("WORKER_S3_SECRET_KEY", found.s3_secret_key)
        faults += _channels(found)
        if faults:
            raise SettingsError(faults)
        return found


def _channels(found: WorkerSettings) -> list[str]:
    """Return what a channel that is switched on still lacks."""
    needs: list[tuple[str, str]] = []
    if "email" in found.channels:
        needs += [("SMTP_HOST", found.smtp_host), ("MAIL_FROM", found.mail_from)]
    if "sms" in found.channels:
        needs += [
            ("SMS_ACCESS_KEY", found.sms_access_key),
            ("SMS_SECRET_KEY", found.sms_secret_key),
            ("SMS_SIGN", found.sms_sign),
            ("SMS_TEMPLATES", found.sms_templates),
        ]
    faults = [f"{name} is needed by MESSAGE_CHANNELS" for name, value in needs if not value]
    if not found.sms_endpoint.startswith("https://"):
        faults.append("SMS_ENDPOINT must be https")
    if found.mail_from and (
        found.mail_from.count("@") != 1
        or not found.mail_from.isprintable()
        or any(char in found.mail_from for char in " <>,;")
    ):
        faults.append("MAIL_FROM cannot be read: expected one plain address")
    return faults
