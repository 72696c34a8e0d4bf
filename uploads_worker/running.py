"""The worker's loop: run jobs until asked to stop, whatever goes away meanwhile.

It listens nowhere. While PostgreSQL is away it says so once and tries again, ever more slowly.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time

import procrastinate
import psycopg
import structlog
from procrastinate import exceptions
from procrastinate.jobs import Job as QueuedJob
from procrastinate.jobs import Status
from psycopg_pool import PoolTimeout
from sqlalchemy import text

from heyan.jobs import QUEUE, worker_app
from uploads_worker import jobs, tombstones
from uploads_worker.context import Context

log = structlog.get_logger("worker")

HEARTBEAT = 5.0
STALLED = 30.0
TAKE_UP_EVERY = 10.0
LONGEST_PAUSE = 15.0
GRACE = 20.0
DATABASE_AWAY = (
    exceptions.ConnectorException,
    psycopg.Error,
    PoolTimeout,
    TimeoutError,
    OSError,
)


def make_app(context: Context, *, periodic: bool) -> procrastinate.App:
    """Return the job application with every task."""
    url = context.settings.database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    app = worker_app(url)
    jobs.register(app, context, periodic=periodic)
    return app


def quiet() -> None:
    """Keep the queue's own logging out: it prints traces, and those may hold values."""
    for name in ("procrastinate", "psycopg.pool", "asyncio", "botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


# --- forever ---------------------------------------------------------------------------------


def run(context: Context) -> None:
    """Run until SIGTERM or SIGINT; jobs under way get a while to end."""
    quiet()
    asyncio.run(_run(context))


async def _run(context: Context) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    log.info("worker.start", threads=context.settings.worker_threads)
    pause, away = 0.5, False
    while not stop.is_set():
        began = time.monotonic()
        error = await _until_broken(context, stop)
        if stop.is_set():
            break
        if time.monotonic() - began > 60:
            pause, away = 0.5, False
        if not away:
            # Once for each time that it goes away, not once a try.
            log.warning("worker.interrupted", error=error, retry_seconds=pause)
            away = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        pause = min(pause * 2, LONGEST_PAUSE)
    log.info("worker.stop")


async def _until_broken(context: Context, stop: asyncio.Event) -> str:
    """Work until *stop* or until something breaks; return what broke."""
    app = make_app(context, periodic=True)
    try:
        await _answers(context)
        # Before any batch is made: this may be a database that was restored just now.
        await asyncio.to_thread(_replay, context)
        async with app.open_async():
            work = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=context.settings.worker_threads,
                    install_signal_handlers=False,
                    delete_jobs="successful",
                    fetch_job_polling_interval=2.0,
                    update_heartbeat_interval=HEARTBEAT,
                    stalled_worker_timeout=STALLED,
                    shutdown_graceful_timeout=GRACE,
                )
            )
            side = asyncio.create_task(_take_up_forever(app))
            waiting = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({work, side, waiting}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (side, waiting, work):
                    task.cancel()
                together = asyncio.gather(work, side, waiting, return_exceptions=True)
                found = await asyncio.wait_for(together, GRACE + 5)
            errors = [
                one
                for one in found
                if isinstance(one, Exception) and not isinstance(one, asyncio.CancelledError)
            ]
            return type(errors[0]).__name__ if errors else "ended"
    except DATABASE_AWAY as error:
        return type(error).__name__


def _replay(context: Context) -> None:
    try:
        tombstones.replay(context)
    except jobs.AWAY as error:
        # The hourly job tries again; what waits for it is destroyed in the bucket already.
        log.warning("tombstones.not_replayed", error=type(error).__name__)


async def _answers(context: Context) -> None:
    """Ask PostgreSQL whether it answers: a pool would wait half a minute before it says no."""
    url = context.settings.database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    connection = await psycopg.AsyncConnection.connect(url, connect_timeout=3)
    await connection.close()


async def _take_up_forever(app: procrastinate.App) -> None:
    suspects: set[int] = set()
    while True:
        suspects = await take_up(app, suspects)
        await asyncio.sleep(TAKE_UP_EVERY)


async def take_up(app: procrastinate.App, suspects: set[int]) -> set[int]:
    """Put back the jobs of workers that are gone, and those whose end was lost.

    A job whose end could not be written (PostgreSQL went away just then) stands as running here
    though nobody works on it: *suspects* were found so the last time already. Returns the jobs
    that are suspect now.
    """
    await app.job_manager.prune_stalled_workers(STALLED)
    for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED):
        await _put_back(app, job)
    doing = await app.job_manager.list_jobs_async(queue=QUEUE, status=Status.DOING.value)
    lost = {job.id: job for job in doing if job.id is not None and job.id not in jobs.running}
    for job_id in suspects & lost.keys():
        # With several workers the others' jobs are theirs: only an absent heartbeat counts.
        if await _mine(app, lost[job_id]):
            await _put_back(app, lost[job_id])
    return set(lost)


async def _mine(app: procrastinate.App, job: QueuedJob) -> bool:
    rows = await app.connector.execute_query_all_async(
        "SELECT count(*) AS found FROM procrastinate_workers"
    )
    return int(rows[0]["found"]) <= 1 or job.worker_id is None


async def _put_back(app: procrastinate.App, job: QueuedJob) -> None:
    """Let a stalled job run again; one that took its worker down too often is parked."""
    if job.attempts + 1 >= jobs.TRIES * 2:
        log.warning("job.parked", job=job.task_name, id=job.id, error="stalled")
        await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
        return
    try:
        await app.job_manager.retry_job(job)
    except exceptions.ConnectorException:
        # The same job waits already (its queueing lock says so): that one will do.
        with contextlib.suppress(exceptions.ConnectorException):
            await app.job_manager.finish_job(job, Status.ABORTED, delete_job=False)
    else:
        log.info("job.taken_up", job=job.task_name, id=job.id)


# --- once ------------------------------------------------------------------------------------


def run_once(context: Context) -> None:
    """Run every waiting and due job, and what comes by itself, to the end."""
    quiet()
    asyncio.run(_drain(context, first=True))
    for call in jobs.once(context):
        call()
        if _due(context):
            asyncio.run(_drain(context))


async def _drain(context: Context, *, first: bool = False) -> None:
    app = make_app(context, periodic=False)
    async with app.open_async():
        if first:
            await take_up(app, set())
        while True:
            await app.run_worker_async(
                queues=[QUEUE],
                wait=False,
                concurrency=context.settings.worker_threads,
                install_signal_handlers=False,
                listen_notify=False,
                delete_jobs="successful",
                update_heartbeat_interval=HEARTBEAT,
                stalled_worker_timeout=STALLED,
            )
            if not await asyncio.to_thread(_due, context):
                return


def _due(context: Context) -> bool:
    """Tell whether a job could run now (not one that waits for another worker's)."""
    with context.sessions() as session:
        found = session.execute(
            text(
                "SELECT 1 FROM procrastinate_jobs AS one WHERE queue_name = :queue"
                " AND status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())"
                " AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs AS other"
                "  WHERE other.lock = one.lock AND (other.status = 'doing'"
                "   OR (other.status = 'todo' AND other.id < one.id)))"
                " LIMIT 1"
            ),
            {"queue": QUEUE},
        ).first()
    return found is not None
