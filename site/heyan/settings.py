"""Every setting of the web process, read once from the environment and typed.

Each declaration gives the variable, what it is and its default. What the worker alone may know
(keyring, passphrase, its own database and S3 keys) is declared in `uploads_worker.settings`; what
both need stands in `Common`. Limits stand in `heyan.settings_limits`, refusals to start in
`heyan.settings_checks`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from heyan import settings_checks
from heyan.environment import (
    SettingsError,
    age_recipient,
    choice,
    choices,
    day,
    flag,
    folder,
    key32,
    key32_text,
    key_list,
    load,
    names,
    networks,
    optional_file,
    setting,
    whole,
)
from heyan.settings_limits import CustodyLimits, MessageLimits, SafetyLimits, WebLimits

if TYPE_CHECKING:
    from heyan.access import Realm

SURFACES = ("public", "organizer", "staff")
_OPERATOR = "operator's facts, shown on the site and in the policy"
_OPERATOR_EN = "the same on English pages; empty: as on Chinese ones"


@dataclass(frozen=True, kw_only=True)
class Common(CustodyLimits, MessageLimits, SafetyLimits):
    """What web and worker both need to know."""

    env: str = setting(
        "HEYAN_ENV", "local or production", read=choice("local", "production"), default="local"
    )
    home: Path = setting(
        "HEYAN_HOME", "folder of this machine's data", read=folder, default=Path("var")
    )
    base_url: str = setting(
        "BASE_URL",
        "address people reach the site at, without a trailing slash; https in production",
        read=lambda text: text.rstrip("/"),
        default="http://127.0.0.1:8000",
        production=True,
    )
    site_name: str = setting("SITE_NAME", _OPERATOR, default="启程报名")
    hotline: str = setting("HOTLINE", _OPERATOR, default="", production=True)
    hotline_hours: str = setting("HOTLINE_HOURS", _OPERATOR, default="", production=True)
    channels: tuple[str, ...] = setting(
        "MESSAGE_CHANNELS",
        "what messages go out by besides the site itself: email, sms; set up at the worker",
        read=lambda text: choices("email", "sms")(text) if text else (),
        default=(),
    )
    clock_offset: int = setting(
        "HEYAN_CLOCK_OFFSET",
        "moves the clock in tests; refused in production",
        read=whole(-(10**10), 10**10),
        default=0,
        unit="seconds",
    )
    demo: bool = setting(
        "HEYAN_DEMO", "demo accounts exist; refused in production", read=flag, default=False
    )
    contact_keys: str = setting(
        "CONTACT_KEYS",
        "keys of contact fields as id:base64[,id:base64]; the first encrypts, all decrypt",
        read=key_list,
        secret=True,
    )
    index_key: str = setting(
        "INDEX_KEY",
        "key of the blind indexes of contact fields, 32 bytes in base64",
        read=key32_text,
        secret=True,
    )
    region: str = setting(
        "HEYAN_REGION",
        "region in which personal data is stored, such as cn-hangzhou",
        default="local",
        source="REQUIREMENTS H1",
        production=True,
    )
    allowed_regions: tuple[str, ...] = setting(
        "HEYAN_ALLOWED_REGIONS",
        "regions data may be stored in",
        read=names,
        default=settings_checks.MAINLAND_REGIONS,
        source="PIPL 40",
    )
    allowed_endpoints: tuple[str, ...] = setting(
        "S3_ALLOWED_ENDPOINTS",
        "host names of object stores in that region, besides the known ones of cloud providers",
        read=names,
        default=(),
        source="REQUIREMENTS H1",
    )
    s3_endpoint: str = setting("S3_ENDPOINT", "URL of the object store")
    s3_region: str = setting(
        "S3_REGION", "region name the object store signs with", default="local"
    )
    s3_path_style: bool = setting(
        "S3_PATH_STYLE", "bucket in the path instead of the host name", read=flag, default=True
    )
    s3_checksums: str = setting(
        "S3_CHECKSUMS",
        "when the SDK adds its own checksums; OSS, COS and OBS need when_required",
        read=choice("when_required", "when_supported"),
        default="when_required",
    )
    s3_bucket_sealed: str = setting("S3_BUCKET_SEALED", "bucket of sealed files", default="sealed")
    s3_bucket_releases: str = setting(
        "S3_BUCKET_RELEASES", "bucket of releases", default="releases"
    )

    @property
    def production(self) -> bool:
        """Whether real people's data is at stake."""
        return self.env == "production"

    @property
    def secure_cookies(self) -> bool:
        """Whether the site is served over TLS: ``__Host-`` names and Secure cookies."""
        return self.base_url.startswith("https://")


@dataclass(frozen=True, kw_only=True)
class Settings(Common, WebLimits):
    """Every setting of the web process. Build it with `from_env`."""

    surfaces: tuple[str, ...] = setting(
        "HEYAN_SURFACES", "surfaces this process serves", read=choices(*SURFACES), default=SURFACES
    )
    extra_hosts: tuple[str, ...] = setting(
        "EXTRA_HOSTS", "host names answered besides BASE_URL's", read=names, default=()
    )
    trusted_proxies: int = setting(
        "TRUSTED_PROXIES", "proxies in front whose X-Forwarded-* count", read=whole(0, 5), default=0
    )
    staff_networks: tuple[str, ...] = setting(
        "STAFF_NETWORKS",
        "networks (CIDR) that colleagues may be in, such as the office's and the VPN's; needed in"
        " production where staff are served, `0.0.0.0/0,::/0` for everywhere; empty elsewhere for"
        " this machine alone",
        read=networks,
        default=(),
        source="CONTROLS S-077",
    )
    organizer_networks: tuple[str, ...] = setting(
        "ORGANIZER_NETWORKS",
        "networks (CIDR) that organizers' members may be in; as STAFF_NETWORKS, where organizers"
        " are served",
        read=networks,
        default=(),
        source="CONTROLS S-077",
    )
    secret_key: str = setting(
        "SECRET_KEY", "key of form tokens, 32 characters or more", secret=True
    )
    password_pepper: str = setting(
        "PASSWORD_PEPPER",
        "key of password hashes outside the database, 32 or more",
        secret=True,
        source="numbers: argon2id",
    )
    database_url: str = setting(
        "DATABASE_URL",
        "PostgreSQL as the web's role; sslmode=verify-full in production",
        secret=True,
    )
    s3_access_key: str = setting("S3_ACCESS_KEY", "the web's S3 key id", secret=True)
    s3_secret_key: str = setting("S3_SECRET_KEY", "the web's S3 secret", secret=True)
    root_public_key: bytes = setting(
        "ROOT_PUBLIC_KEY",
        "pinned public key of the signing root, Ed25519, 32 bytes in base64",
        read=key32,
    )

    scan_command: str = setting(
        "SCAN_COMMAND",
        "program that reads an uploaded file on standard input; exit code 0 is clean, 1 infected,"
        " anything else refuses the file",
        default="",
        source="CONTROLS C-14",
    )

    company_name: str = setting("COMPANY_NAME", _OPERATOR, default="", production=True)
    company_address: str = setting("COMPANY_ADDRESS", _OPERATOR, default="", production=True)
    hotline_hours_en: str = setting("HOTLINE_HOURS_EN", _OPERATOR_EN, default="")
    contact_email: str = setting("CONTACT_EMAIL", _OPERATOR, default="", production=True)
    icp_number: str = setting("ICP_NUMBER", _OPERATOR, default="", production=True)
    police_number: str = setting(
        "POLICE_NUMBER",
        "public security filing number, shown in the footer",
        default="",
        production=True,
    )
    privacy_officer: str = setting(
        "PRIVACY_OFFICER",
        "name of the personal information protection lead",
        default="",
        production=True,
        source="PIPL 52",
    )
    privacy_contact: str = setting(
        "PRIVACY_CONTACT",
        "how to reach the personal information protection lead",
        default="",
        production=True,
        source="PIPL 52",
    )
    court: str = setting("COURT", "court that disputes go to", default="", production=True)
    court_en: str = setting("COURT_EN", _OPERATOR_EN, default="")
    governing_law: str = setting("GOVERNING_LAW", _OPERATOR, default="中华人民共和国法律")
    governing_law_en: str = setting(
        "GOVERNING_LAW_EN", _OPERATOR_EN, default="the law of the People's Republic of China"
    )
    hosting_places: tuple[str, ...] = setting(
        "HOSTING_PLACES",
        "where data is stored, as told in the policy",
        read=names,
        default=(),
        production=True,
    )
    archive_recipient: str = setting(
        "ARCHIVE_RECIPIENT",
        "offline age recipient that the legal archive is sealed to; empty: nothing is archived",
        default="",
        read=age_recipient,
    )
    holidays_file: Path | None = setting(
        "HOLIDAYS_FILE",
        "JSON of days off and worked weekends by year, added to the program's own",
        read=optional_file,
        default=None,
    )
    policy_version: str = setting("POLICY_VERSION", "version of the policy", default="1.0")
    policy_effective: date = setting(
        "POLICY_EFFECTIVE", "first day the policy is in force", read=day, default=date(2026, 11, 1)
    )

    @property
    def trusted_hosts(self) -> list[str]:
        """Host names this site answers to: BASE_URL's and the extra ones (on loopback, both)."""
        own = [urlsplit(self.base_url).hostname or "", *self.extra_hosts]
        if not self.production:
            own += ["127.0.0.1", "localhost"]
        return list(dict.fromkeys(filter(None, own)))

    def fact(self, name: str, *, english: bool) -> str:
        """Return an operator's fact in the page's language; Chinese where no English is set."""
        chinese, other = {
            "hotline_hours": (self.hotline_hours, self.hotline_hours_en),
            "court": (self.court, self.court_en),
            "governing_law": (self.governing_law, self.governing_law_en),
        }[name]
        return other if english and other else chinese

    def session_limits(self, realm: Realm) -> tuple[timedelta, timedelta]:
        """Return how long a session of *realm* may be unused, and may live at most."""
        idle, absolute = {
            "public": (self.student_idle_minutes, self.student_session_hours),
            "organizer": (self.organizer_idle_minutes, self.organizer_session_hours),
            "staff": (self.staff_idle_minutes, self.staff_session_hours),
        }[realm.value]
        return timedelta(minutes=idle), timedelta(hours=absolute)

    def concurrent_sessions(self, realm: Realm) -> int:
        """Return how many sessions an account of *realm* may hold at once."""
        return {
            "public": self.student_sessions,
            "organizer": self.organizer_sessions,
            "staff": self.staff_sessions,
        }[realm.value]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings that *environ* holds.

        Raises `SettingsError`, naming every fault at once, when one is missing, unreadable or,
        in production, unsafe.
        """
        production = environ.get("HEYAN_ENV", "").strip() == "production"
        found, faults = load(cls, environ, production=production)
        faults += settings_checks.common(found, environ)
        faults += settings_checks.secrets(found)
        faults += settings_checks.work_networks(found)
        faults += settings_checks.database("DATABASE_URL", found.database_url, found.env)
        if faults:
            raise SettingsError(faults)
        return found


__all__ = ["Common", "Settings", "SettingsError"]
