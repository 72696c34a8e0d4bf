"""The jobs: their names, what each calls, when the periodic ones come, and how one is tried again.

Every job may run twice and at any moment end in the middle. Bodies stand in their own modules;
arguments are ids.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import procrastinate
import structlog
from procrastinate import JobContext, RetryDecision
from procrastinate.jobs import Job as QueuedJob
from procrastinate.retry import BaseRetryStrategy
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from heyan.audit.service import WORKER, record
from heyan.custody.objects import ObjectStoreForbidden, ObjectStoreUnavailable
from heyan.db import transaction
from heyan.jobs import QUEUE, Job
from uploads_worker import (
    agreements,
    approvals,
    audit_chain,
    delivery_reports,
    destruction,
    messages,
    oversight,
    policy_rounds,
    receipts,
    reconcile,
    recordings,
    reminders,
    resets,
    safety,
    safety_flags,
    sweep,
    tombstones,
    vault,
    winddown,
)
from uploads_worker.context import Context

log = structlog.get_logger("worker")

# A job that fails by itself is parked after this many tries; one that waits for PostgreSQL or
# the object store is tried for days.
TRIES = 5
PATIENCE = 500
LONGEST_WAIT = 300
AWAY = (
    ObjectStoreUnavailable, ObjectStoreForbidden, OperationalError, InterfaceError, PoolTimeout,
    ConnectionError,
)  # fmt: skip


class UnknownJob(Exception):
    """A newer web asks for what this worker does not know yet: its successor will."""


class Backoff(BaseRetryStrategy):
    """Wait 1, 2, 4 … 300 seconds between tries."""

    def get_retry_decision(
        self, *, exception: BaseException, job: QueuedJob
    ) -> RetryDecision | None:
        """Return when to try again, or None when the job is to be parked."""
        if parked(exception, job.attempts):
            return None
        return RetryDecision(retry_in={"seconds": min(2 ** min(job.attempts, 10), LONGEST_WAIT)})


def parked(error: BaseException, attempts: int) -> bool:
    """Tell whether a job that failed is left alone from now on; *attempts* before this one."""
    return attempts + 1 >= (PATIENCE if isinstance(error, (*AWAY, UnknownJob)) else TRIES)


def build_release(
    context: Context, event_id: str, trigger: str, requested_by: str | None = None
) -> None:
    """Make a batch (`uploads_worker.releases`)."""
    from uploads_worker import releases

    releases.build_release(
        context, uuid.UUID(event_id), trigger, uuid.UUID(requested_by) if requested_by else None
    )


def due_releases(context: Context) -> None:
    """Start the batches whose time has come."""
    from uploads_worker import releases

    releases.due_releases(context)


def remind(context: Context) -> None:
    """Remind organizers of batches that nobody fetched or destroyed, and people of what is due."""
    from uploads_worker import releases

    releases.remind(context)
    reminders.remind_people(context)


def provision_vault_key(context: Context, event_id: str) -> None:
    """Give an event its vault key."""
    try:
        vault.provision(context, uuid.UUID(event_id))
    except (vault.EventUnknown, vault.EventOver):
        log.warning("vault.not_provisioned", event_id=event_id)


def destroy_document(context: Context, document_id: str) -> None:
    """Destroy one document for good."""
    destruction.destroy_document(context, uuid.UUID(document_id))


def build_viewing(context: Context, viewing_id: str) -> None:
    """Open what an approved request names, for the one who asked (`uploads_worker.viewings`)."""
    from uploads_worker import viewings

    viewings.build_viewing(context, uuid.UUID(viewing_id))


def tend_viewings(context: Context) -> None:
    """End viewings that are over, and make those that waited for a key."""
    from uploads_worker import viewings

    viewings.tend(context)


def destroy_recording(context: Context, recording_id: str) -> None:
    """Destroy one recording whose consent was taken back."""
    recordings.destroy_recording(context, uuid.UUID(recording_id))


def build_access_copy(context: Context, copy_id: str) -> None:
    """Make the copy of everything held that somebody asked for."""
    from uploads_worker import access_copy

    access_copy.build(context, uuid.UUID(copy_id))


def tend_rights(context: Context) -> None:
    """Remind of requests, escalate what is late, prove deletions."""
    from uploads_worker import rights_watch

    rights_watch.tend(context)


def check_duplicates(context: Context, registration_id: str) -> None:
    """Compare a registration's number and files within its event."""
    safety.check_duplicates(context, uuid.UUID(registration_id))


def check_account(context: Context, account_id: str) -> None:
    """Look at where an account was opened and signs in from."""
    safety_flags.check_account(context, uuid.UUID(account_id))


BODIES: dict[Job, Callable[..., object]] = {
    Job.PROVISION_VAULT_KEY: provision_vault_key,
    Job.BUILD_RELEASE: build_release,
    Job.SIGN_RECEIPTS: receipts.sign_lately,
    Job.DESTROY_DOCUMENT: destroy_document,
    Job.BUILD_ACCESS_COPY: build_access_copy,
    Job.DESTROY_RECORDING: destroy_recording,
    Job.PROVISION_RECORDING_KEY: recordings.provision,
    Job.BUILD_VIEWING: build_viewing,
    Job.SEND_MESSAGE: messages.send_message,
    Job.BEGIN_RESET: resets.begin_reset,
    Job.TELL_POLICY: policy_rounds.tell_policy,
    Job.CHECK_DUPLICATES: check_duplicates,
    Job.CHECK_ACCOUNT: check_account,
}


@dataclass(frozen=True)
class Periodic:
    """A job that comes by itself: name, body, and when (cron; the sixth field is seconds)."""

    name: str
    body: Callable[[Context], object]
    cron: str
    # Part of `run --once` too.
    once: bool = True


# In the order that `run --once` takes them: what follows sees what went before.
PERIODIC = (
    Periodic("replay_tombstones", tombstones.replay, "2 * * * *"),
    Periodic("due_releases", due_releases, "* * * * *"),
    Periodic("tend_viewings", tend_viewings, "* * * * *"),
    Periodic("remind", remind, "27 * * * *"),
    Periodic("recording_keys", recordings.provision, "12 * * * *"),
    Periodic("tend_agreements", agreements.tend_agreements, "41 * * * *"),
    Periodic("tend_approvals", approvals.tend_approvals, "23 * * * *"),
    Periodic("send_messages_due", messages.send_due, "* * * * *"),
    Periodic("ask_deliveries", delivery_reports.ask_due, "* * * * *"),
    Periodic("sweep", sweep.sweep, "7 * * * *"),
    Periodic("tend_rights", tend_rights, "37 * * * *"),
    Periodic("tend_policies", policy_rounds.tend_policies, "51 * * * *"),
    Periodic("tend_winddown", winddown.tend, "44 * * * *"),
    Periodic("sign_receipts_left", receipts.sign_all, "*/5 * * * *"),
    Periodic("reconcile", reconcile.reconcile, "17 */6 * * *", once=False),
    Periodic("seal_audit", audit_chain.link_and_seal, "* * * * * */30"),
    Periodic("watch_staff", oversight.watch_staff, "* * * * *"),
    Periodic("tend_oversight", oversight.tend_oversight, "33 * * * *"),
    Periodic("anchor_audit", oversight.anchor_outside, "3 * * * *"),
)

# What this process works on at this moment.
running: set[int] = set()
_running_lock = threading.Lock()


def register(app: procrastinate.App, context: Context, *, periodic: bool) -> None:
    """Teach *app* every job; with *periodic*, when to start some by itself."""
    for job, body in BODIES.items():
        app.task(name=job.value, queue=QUEUE, retry=Backoff(), pass_context=True)(
            _wrapped(context, job.value, body)
        )
    for one in PERIODIC:
        task = app.task(
            name=one.name,
            queue=QUEUE,
            retry=Backoff(),
            pass_context=True,
            lock=one.name,
            queueing_lock=one.name,
        )(_wrapped(context, one.name, one.body))
        if periodic:
            app.periodic(cron=one.cron)(task)
    app.tasks = _Tasks(app, context)


class _Tasks(dict[str, Any]):
    """The tasks by name; a name that is none waits instead of being given up (SECURITY 50).

    Procrastinate fails a job whose task it does not find, without a word to us and for good.
    """

    def __init__(self, app: procrastinate.App, context: Context) -> None:
        super().__init__(app.tasks)
        self._app, self._context = app, context

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - dict's own
        """Return the task of that name, or one that waits for a worker that has it."""
        if name not in self:
            made = procrastinate.App(connector=self._app.connector).task(
                name=name, queue=QUEUE, retry=Backoff(), pass_context=True
            )
            return made(_wrapped(self._context, name, _unknown))
        return self[name]


def _unknown(_context: Context, **_arguments: Any) -> None:
    raise UnknownJob


def _wrapped(context: Context, name: str, body: Callable[..., object]) -> Callable[..., None]:
    def run(job_context: JobContext, **arguments: Any) -> None:
        arguments.pop("timestamp", None)
        job = job_context.job
        began = time.monotonic()
        with _running_lock:
            running.add(job.id or 0)
        try:
            body(context, **arguments)
        except Exception as error:
            if _another_waits(context, job):
                log.info("job.left_to_next", job=name, id=job.id, error=type(error).__name__)
                return
            _tell(context, name, job, error, arguments)
            raise
        finally:
            with _running_lock:
                running.discard(job.id or 0)
        if name in {each.value for each in Job}:
            seconds = round(time.monotonic() - began, 3)
            log.info("job.done", job=name, id=job.id, seconds=seconds, **arguments)

    run.__name__ = name
    return run


def _another_waits(context: Context, job: QueuedJob) -> bool:
    """Tell whether the same job waits already: putting this one back would collide with it."""
    if job.queueing_lock is None:
        return False
    try:
        with context.sessions() as session:
            found = session.execute(
                text(
                    "SELECT 1 FROM procrastinate_jobs"
                    " WHERE queueing_lock = :lock AND status = 'todo'"
                ),
                {"lock": job.queueing_lock},
            ).first()
    except AWAY:
        return False
    return found is not None


def _tell(
    context: Context, name: str, job: QueuedJob, error: Exception, arguments: dict[str, Any]
) -> None:
    """Log a failure by its kind and place: a message might hold a value, so it is left out."""
    last = parked(error, job.attempts)
    known = {"job": name, "id": job.id, "attempt": job.attempts + 1, **arguments}
    log.warning("job.failed", error=type(error).__name__, at=place(error), parked=last, **known)
    if not last:
        return
    try:
        with context.sessions() as session, transaction(session):
            record(
                session,
                WORKER,
                "jobs.park",
                "job",
                job.id,
                outcome="failed",
                job=name,
                error=type(error).__name__,
                arguments=sorted(str(value) for value in arguments.values()),
            )
    except AWAY:
        log.warning("job.park_not_audited", job=name, id=job.id)


def place(error: BaseException) -> str:
    """Return where *error* arose, the last places first, without any value."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{PurePath(one.filename).name}:{one.lineno}" for one in frames[:-5:-1])


def once(context: Context) -> list[Callable[[], None]]:
    """Return the periodic jobs as calls, for `run --once`; each logs its own failure."""
    return [_call(context, one) for one in PERIODIC if one.once]


def _call(context: Context, one: Periodic) -> Callable[[], None]:
    def call() -> None:
        try:
            one.body(context)
        except Exception as error:  # noqa: BLE001 - the rest goes on
            log.warning("job.failed", job=one.name, error=type(error).__name__, at=place(error))

    return call
