"""The environment of each process on one machine: who is told what.

The web never gets the worker's secrets and the worker never the web's; the owner's database URL
goes to migrations alone. The same text lies in ``HEYAN_HOME/env/{web,worker,owner}.env`` (0600)
for operators: ``set -a; . var/env/web.env; flask --app wsgi --help``.
"""

from __future__ import annotations

import base64
import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from deploy.local import credentials
from deploy.local.postgres import Postgres
from deploy.local.seaweedfs import REGION, RELEASES, SEALED, SeaweedFS
from heyan.environment import declarations
from heyan.settings import Settings
from uploads_worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
# Nothing else of the caller's environment reaches the processes.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "HEYAN_CLOCK_OFFSET")
DEMO_OPERATOR = {
    "COMPANY_NAME": "启程考试服务（演示）有限公司",
    "COMPANY_ADDRESS": "北京市海淀区示例路 1 号（演示地址）",
    "HOTLINE": "400-000-0000",
    "HOTLINE_HOURS": "周一至周五 9:00 至 18:00",
    "HOTLINE_HOURS_EN": "Monday to Friday, 9:00 to 18:00",
    "CONTACT_EMAIL": "privacy@example.com",
    "ICP_NUMBER": "京ICP备00000000号-1",
    "POLICE_NUMBER": "京公网安备 00000000000000 号",
    "PRIVACY_OFFICER": "李明（演示）",
    "PRIVACY_CONTACT": "privacy@example.com",
    "COURT": "北京市海淀区人民法院",
    "COURT_EN": "the Haidian District People's Court of Beijing",
    "HOSTING_PLACES": "北京（演示）",
}


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _web_secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PASSWORD_PEPPER": secrets.token_urlsafe(48),
        "CONTACT_KEYS": f"k1:{_random_key()}",
        "INDEX_KEY": _random_key(),
    }


class Variables:
    """Every process's variables for one HEYAN_HOME."""

    def __init__(self, home: Path, base_url: str, postgres: Postgres, objects: SeaweedFS) -> None:
        self.home = home
        self.base_url = base_url
        self.postgres = postgres
        self.objects = objects
        self._secrets = credentials.remember(home / "secrets" / "site.json", _web_secrets)
        self._passphrase = home / "secrets" / "keyring-passphrase"
        if not self._passphrase.exists():
            credentials.write_private(self._passphrase, secrets.token_urlsafe(32) + "\n")
        self._root = home / "secrets" / "root-public-key"

    @property
    def keyring(self) -> Path:
        """The worker's keyring file."""
        return self.home / "keyring" / "keyring"

    @property
    def root_public_key(self) -> str:
        """The pinned root, in base64; empty before the keyring was made."""
        return self._root.read_text("utf-8").strip() if self._root.exists() else ""

    def pin_root(self, public_key: str) -> None:
        """Remember the root the web trusts from now on."""
        credentials.write_private(self._root, public_key + "\n")

    def _common(self) -> dict[str, str]:
        return {
            "HEYAN_ENV": "local",
            "HEYAN_HOME": str(self.home),
            "HEYAN_DEMO": "1",
            "HOTLINE": DEMO_OPERATOR["HOTLINE"],
            "BASE_URL": self.base_url,
            "CONTACT_KEYS": self._secrets["CONTACT_KEYS"],
            "INDEX_KEY": self._secrets["INDEX_KEY"],
            "S3_ENDPOINT": self.objects.endpoint,
            "S3_REGION": REGION,
            "S3_BUCKET_SEALED": SEALED,
            "S3_BUCKET_RELEASES": RELEASES,
        }

    def web(self) -> dict[str, str]:
        """Return the web's variables."""
        access, secret = self.objects.identity("web")
        return self._common() | {
            **DEMO_OPERATOR,
            "SECRET_KEY": self._secrets["SECRET_KEY"],
            "PASSWORD_PEPPER": self._secrets["PASSWORD_PEPPER"],
            "DATABASE_URL": self.postgres.url("web"),
            "S3_ACCESS_KEY": access,
            "S3_SECRET_KEY": secret,
            "ROOT_PUBLIC_KEY": self.root_public_key,
        }

    def worker(self) -> dict[str, str]:
        """Return the worker's variables."""
        access, secret = self.objects.identity("worker")
        return self._common() | {
            "WORKER_DATABASE_URL": self.postgres.url("worker"),
            "WORKER_S3_ACCESS_KEY": access,
            "WORKER_S3_SECRET_KEY": secret,
            "KEYRING": str(self.keyring),
            "KEYRING_PASSPHRASE_FILE": str(self._passphrase),
            "AUDIT_ANCHORS": str(self.home / "anchors"),
        }

    def owner(self) -> dict[str, str]:
        """Return the variables of migrations."""
        return {"OWNER_DATABASE_URL": self.postgres.url("owner")}

    def write_files(self) -> None:
        """Write the three files that operators read."""
        for name, variables in (
            ("web", self.web()),
            ("worker", self.worker()),
            ("owner", self.owner()),
        ):
            lines = [f"{key}={shlex.quote(value)}\n" for key, value in variables.items()]
            credentials.write_private(self.home / "env" / f"{name}.env", "".join(lines))

    def process(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return a process's whole environment: *variables*, and what the caller may change.

        A limit or another harmless setting given to the caller holds for this run; what is
        computed here does not.
        """
        offered = {d.name for kind in (Settings, WorkerSettings) for _i, d in declarations(kind)}
        fixed = {*self._common(), *self.web(), *self.worker()} - set(DEMO_OPERATOR)
        passed = {
            name: value
            for name, value in os.environ.items()
            if name in KEPT or (name in offered and name not in fixed)
        }
        return {
            **variables,
            **passed,
            "PYTHONPATH": f"{ROOT / 'site'}{os.pathsep}{ROOT}",
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self.home),
        }
