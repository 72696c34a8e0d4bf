"""The Procrastinate application, the names of the jobs, and how a verb defers one.

The jobs' bodies stand in ``uploads_worker``; the web knows only their names. A job is deferred
on the caller's own connection, so it exists exactly when the caller's transaction does.
Arguments are ids, never personal data.
"""

from __future__ import annotations

import enum
import uuid

import procrastinate
from procrastinate import PsycopgConnector, SyncPsycopgConnector, exceptions
from sqlalchemy.orm import Session

QUEUE = "heyan"


class Job(enum.Enum):
    """What the web may ask the worker to do."""

    PROVISION_VAULT_KEY = "provision_vault_key"
    BUILD_RELEASE = "build_release"
    SIGN_RECEIPTS = "sign_receipts"
    DESTROY_DOCUMENT = "destroy_document"
    DESTROY_RECORDING = "destroy_recording"
    PROVISION_RECORDING_KEY = "provision_recording_key"
    BUILD_VIEWING = "build_viewing"
    BUILD_ACCESS_COPY = "build_access_copy"
    SEND_MESSAGE = "send_message"
    BEGIN_RESET = "begin_reset"
    TELL_POLICY = "tell_policy"
    CHECK_DUPLICATES = "check_duplicates"
    CHECK_ACCOUNT = "check_account"


# Never opened: the web only defers, on connections that SQLAlchemy already holds.
_deferring = procrastinate.App(connector=SyncPsycopgConnector())


def defer(session: Session, job: Job, *, lock: str | None = None, **arguments: object) -> None:
    """Defer *job* in the caller's transaction.

    *lock* makes jobs with the same lock run one after another; it is also their queueing lock,
    so a job that is already waiting is not put in twice.
    """
    connection = session.connection().connection.driver_connection
    plain = {
        key: str(value) if isinstance(value, uuid.UUID) else value
        for key, value in arguments.items()
    }
    session.flush()
    waiting = session.connection().begin_nested()
    try:
        _deferring.configure_task(
            job.value,
            queue=QUEUE,
            lock=lock,
            queueing_lock=lock,
            connection=connection,
            allow_unknown=True,
        ).defer(**plain)  # type: ignore[arg-type]
    except exceptions.AlreadyEnqueued:
        waiting.rollback()
    else:
        waiting.commit()


def worker_app(conninfo: str) -> procrastinate.App:
    """Return the worker's application over its own connection pool."""
    return procrastinate.App(connector=PsycopgConnector(conninfo=conninfo))
