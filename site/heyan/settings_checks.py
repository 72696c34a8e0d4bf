"""What keeps a process from starting: unsafe settings, each named (REQUIREMENTS H1, I1; C-69).

Every check returns faults as sentences; none of them quotes a secret. What is absent was named
already when it was read, so checks pass over empty values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from heyan.settings import Common, Settings

# Regions of cloud providers on the mainland, by the names those providers give them.
MAINLAND_REGIONS = (
    "cn-*",
    "ap-beijing",
    "ap-shanghai",
    "ap-guangzhou",
    "ap-nanjing",
    "ap-chengdu",
    "ap-chongqing",
)
ABROAD = ("cn-hongkong", "cn-north-hk")
# Object stores whose host name says the region.
KNOWN_ENDPOINTS = (
    "oss-{region}.aliyuncs.com",
    "oss-{region}-internal.aliyuncs.com",
    "cos.{region}.myqcloud.com",
    "obs.{region}.myhuaweicloud.com",
)
MIN_SECRET = 32
# An object store makes its own; the shortest in use have 20 characters and more.
MIN_GIVEN = 16
# Bits of Shannon entropy over a whole secret below which somebody typed it by hand.
MIN_ENTROPY = 96
FAMILIAR = ("secret", "change", "default", "example", "password", "insecure")


def common(found: Common, environ: Mapping[str, str]) -> list[str]:
    """Return what is wrong with settings that web and worker share."""
    faults = []
    if (
        urlsplit(found.base_url).scheme not in ("http", "https")
        or not urlsplit(found.base_url).hostname
    ):
        faults.append("BASE_URL cannot be read: expected http(s)://host")
    if found.s3_endpoint and urlsplit(found.s3_endpoint).scheme not in ("http", "https"):
        faults.append("S3_ENDPOINT cannot be read: expected http(s)://host")
    if not found.production:
        return faults
    if not found.base_url.startswith("https://"):
        faults.append("BASE_URL must be https in production")
    if found.s3_endpoint.startswith("http://"):
        faults.append("S3_ENDPOINT must be https in production")
    if found.clock_offset or environ.get("HEYAN_CLOCK_OFFSET", "").strip():
        faults.append("HEYAN_CLOCK_OFFSET must be absent in production")
    if found.demo:
        faults.append("HEYAN_DEMO must be off in production")
    for name in ("FLASK_DEBUG", "PYTHONASYNCIODEBUG"):
        if environ.get(name, "").strip() not in ("", "0", "false"):
            faults.append(f"{name} must be off in production")
    return faults + place(found)


def place(found: Common) -> list[str]:
    """Return what is wrong with where data would be stored (H1)."""
    faults: list[str] = []
    region = found.region
    if region in ABROAD or not any(fnmatchcase(region, each) for each in found.allowed_regions):
        faults.append("HEYAN_REGION is not among the regions data may be stored in")
    host = urlsplit(found.s3_endpoint).hostname or ""
    known = [pattern.format(region=region) for pattern in KNOWN_ENDPOINTS]
    if host and host not in (*known, *found.allowed_endpoints):
        faults.append("S3_ENDPOINT is not on the allow-list of HEYAN_REGION (S3_ALLOWED_ENDPOINTS)")
    if region not in found.s3_region:
        faults.append("S3_REGION is not the region that HEYAN_REGION declares")
    return faults


def database(name: str, url: str, env: str) -> list[str]:
    """Return what is wrong with a database URL; production checks the server's certificate."""
    if not url:
        return []
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgresql+psycopg") or not parts.path.strip("/"):
        return [f"{name} cannot be read: expected postgresql://user:password@host/database"]
    if env == "production" and parse_qs(parts.query).get("sslmode") != ["verify-full"]:
        return [f"{name} must say sslmode=verify-full in production"]
    return []


def work_networks(found: Settings) -> list[str]:
    """Return what is wrong with where work accounts may be: nowhere is a slip, so it is asked."""
    if not found.production:
        return []
    doors = (
        ("staff", "STAFF_NETWORKS", found.staff_networks),
        ("organizer", "ORGANIZER_NETWORKS", found.organizer_networks),
    )
    return [
        f"{name} must name the networks that {surface} accounts may be in"
        " (0.0.0.0/0,::/0 for everywhere)"
        for surface, name, named in doors
        if surface in found.surfaces and not named
    ]


def secrets(found: Settings) -> list[str]:
    """Return what is wrong with the web's own secrets."""
    values = {
        "SECRET_KEY": found.secret_key,
        "PASSWORD_PEPPER": found.password_pepper,
    }
    faults = [
        f"{name} must have {MIN_SECRET} characters or more"
        for name, value in values.items()
        if value and len(value) < MIN_SECRET
    ]
    if not found.production:
        return faults
    keys = [pair.partition(":")[2].strip() for pair in found.contact_keys.split(",")]
    values |= {"CONTACT_KEYS": keys[0], "INDEX_KEY": found.index_key}
    faults += [
        f"{name} must be random, not a default or typed by hand"
        for name, value in values.items()
        if len(value) >= MIN_SECRET and guessable(value)
    ]
    faults += same([*values.items(), ("S3_SECRET_KEY", found.s3_secret_key)])
    return faults + given("S3_SECRET_KEY", found.s3_secret_key)


def given(name: str, value: str) -> list[str]:
    """Return what is wrong with a secret of somebody else's making: that it is a placeholder."""
    typed = len(value) < MIN_GIVEN or len(set(value)) < MIN_GIVEN // 2
    if not value or not (typed or any(word in value.lower() for word in FAMILIAR)):
        return []
    return [f"{name} must be random, not a default or typed by hand"]


def same(values: list[tuple[str, str]]) -> list[str]:
    """Return a fault for each secret that serves two ends."""
    seen: dict[str, str] = {}
    faults = []
    for name, value in values:
        if value and value in seen:
            faults.append(f"{name} must differ from {seen[value]}")
        seen.setdefault(value, name)
    return faults


def guessable(value: str) -> bool:
    """Tell whether *value* looks like a placeholder: a familiar word, or little variety."""
    lowered = value.lower()
    if any(word in lowered for word in FAMILIAR):
        return True
    counts = Counter(value)
    entropy = -sum(n * math.log2(n / len(value)) for n in counts.values())
    return entropy < MIN_ENTROPY
