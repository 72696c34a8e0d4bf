"""What a view may reach for: settings, the request's session, who is here, messages, links.

Thin on purpose: nothing here knows a feature but accounts, whose sessions say who is here.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request, url_for
from flask_login import current_user, logout_user
from sqlalchemy.orm import Session, sessionmaker

from heyan.accounts.sessions import SignedIn
from heyan.audit.ahead import Ahead
from heyan.audit.service import Actor, values
from heyan.consent.service import Evidence
from heyan.db import make_engine

if TYPE_CHECKING:
    from heyan.custody.objects import ObjectStore
    from heyan.settings import Settings
    from heyan.statics import Statics


class Heyan:
    """What the application holds for as long as it runs; ``app.extensions["heyan"]``."""

    def __init__(
        self, settings: Settings, sessions: sessionmaker[Session], statics: Statics
    ) -> None:
        self.settings = settings
        self.statics = statics
        self.sessions = sessions
        reader = sessions.kw["bind"].execution_options(isolation_level="AUTOCOMMIT")
        self.readers: sessionmaker[Session] = sessionmaker(reader, expire_on_commit=False)
        # Counting takes a second connection while the page may hold one: were both of one pool,
        # many requests at once would wait for one another.
        self.counters: sessionmaker[Session] = sessionmaker(
            make_engine(settings.database_url, pool_size=2)
        )
        # Entries of what pages show; no page holds one while it waits for another connection.
        self.ahead = make_engine(settings.database_url, ping=False)
        self._objects: ObjectStore | None = None

    @property
    def objects(self) -> ObjectStore:
        """The object store with the web's credentials, opened at first use."""
        if self._objects is None:
            from heyan.custody.objects import ObjectStore

            self._objects = ObjectStore.for_web(self.settings)
        return self._objects


def heyan() -> Heyan:
    """Return the application's holder."""
    held: Heyan = current_app.extensions["heyan"]
    return held


def settings() -> Settings:
    """Return the settings."""
    return heyan().settings


def session() -> Session:
    """Return this request's database session, closed at its end."""
    if "db" not in g:
        if "reading" in g:
            # Gives its connection back: a request that holds one and waits for another would
            # wait for ever once all threads do so. What was read stays loaded.
            g.reading.commit()
        g.db = heyan().sessions()
    found: Session = g.db
    return found


def reading() -> Session:
    """Return a session for pages that only read: no transaction, so two round trips fewer.

    Where the request has a session already, it is that one. Never pass it to a verb that writes.
    """
    if "db" in g:
        return session()
    if "reading" not in g:
        g.reading = heyan().readers()
    found: Session = g.reading
    return found


def login_session() -> SignedIn | None:
    """Return who is signed in with this request's cookie, or None."""
    person: Any = current_user._get_current_object()  # noqa: SLF001 - Werkzeug's documented way
    return person if isinstance(person, SignedIn) else None


def know_nobody() -> None:
    """Draw the rest of this request's page for a stranger, whose session has just ended."""
    logout_user()
    g.drop_session_cookie = True


def account_id() -> uuid.UUID:
    """Return the signed-in account's id; only for routes that require a permission."""
    signed_in = login_session()
    if signed_in is None:
        raise RuntimeError("no one is signed in")
    return signed_in.account_id


def client_address() -> str:
    """Return the address the request came from, past the configured proxies."""
    return request.remote_addr or "0.0.0.0"  # noqa: S104 - a placeholder, nothing binds to it


def actor() -> Actor:
    """Return who acts, for the audit."""
    signed_in = login_session()
    kind = signed_in.realm.value if signed_in else "public"
    return Actor(
        kind=kind,
        id=signed_in.account_id if signed_in else None,
        source=client_address(),
        request_id=g.get("request_id"),
    )


def shows(action: str, kind: str, subject_id: object | None = None, **details: Any) -> None:
    """Say whose data this page shows, once a page; ``details`` as `audit.service.record` has them.

    The entry is on its way from here; the door (`guard`) waits for it, and no page leaves without
    it (I4, S-092). *action* ends as one of `audit.service.LOOKS` does.
    """
    entry = values(actor(), action, kind, subject_id, **details)
    g.shown = (entry, Ahead.send(heyan().ahead, entry))


def evidence() -> Evidence:
    """Return from where this request's consent came."""
    return Evidence(client_address(), request.headers.get("User-Agent", ""))


def flash(kind: str, message: str) -> None:
    """Leave a message for the next page of a signed-in person: success, info, warning, error."""
    g.setdefault("new_flashes", []).append([kind, str(message)])


def safe_next(target: str | None, fallback: str) -> str:
    """Return *target* if it is a path on this site, else *fallback* (no open redirect)."""
    if not target or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return fallback
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or any(ord(char) < 32 for char in target):
        return fallback
    return target


def asset(path: str) -> str:
    """Return the URL of a static file, with a version in it and cacheable for a year."""
    return url_for("static", filename=heyan().statics.path(path))


def imports(path: str) -> list[str]:
    """Return the URLs of what a script imports, for the browser to fetch all at once."""
    return [asset(each) for each in heyan().statics.imports(path)]


def init_teardown(app: Flask) -> None:
    """Close the request's session when the request ends."""

    @app.teardown_appcontext
    def close(_error: BaseException | None) -> None:
        _entry, ahead = g.pop("shown", (None, None))
        if ahead is not None:
            ahead.arrived()
        for name in ("db", "reading"):
            held: Any = g.pop(name, None)
            if held is not None:
                held.close()
