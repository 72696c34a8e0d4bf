"""Credentials of the object store that are wrong, over, or given to the other process."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text

from deploy.local.processes import wait_until
from deploy.local.variables import ROOT
from tests.fragile import Fragile, fragile_site, send, told_with_a_number
from tests.ops import ask

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture(scope="module")
def fragile() -> Iterator[Fragile]:
    yield from fragile_site()


@contextlib.contextmanager
def web_with(fragile: Fragile, changed: Mapping[str, str]) -> Iterator[None]:
    """Run the web with other credentials, then as it was."""
    machine = fragile.machine
    before = machine.running.pop("web")
    before.stop()
    try:
        program = before.program
        machine.launch(replace(program, environment={**program.environment, **changed}))
        assert wait_until(lambda: ask(machine.port, "/healthz") == 200, 60)
        yield
    finally:
        machine.running.pop("web").stop()
        machine.launch(before.program)
        machine.wait_web()


def log_of(fragile: Fragile, name: str = "web") -> str:
    return (fragile.machine.home / "log" / f"{name}.log").read_text("utf-8", "replace")


def names(fragile: Fragile, who: str, whose: str) -> dict[str, str]:
    """Return the variables that give *who* the credentials of *whose*."""
    access, secret = fragile.machine.objects.identity(whose)
    before = "" if who == "web" else "WORKER_"
    return {f"{before}S3_ACCESS_KEY": access, f"{before}S3_SECRET_KEY": secret}


def worker(fragile: Fragile, changed: Mapping[str, str]) -> str:
    """Run the worker once with some variables changed; returns what it printed."""
    variables = fragile.machine.variables
    done = subprocess.run(
        [sys.executable, "-m", "uploads_worker", "run", "--once"],
        env={**variables.process(variables.worker()), **changed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return done.stdout + done.stderr


def rows(fragile: Fragile, query: str, **values: object) -> list[tuple[object, ...]]:
    url = fragile.machine.postgres.url("owner").replace("://", "+psycopg://", 1)
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            found = connection.execute(text(query), values)
            return [tuple(row) for row in found] if found.returns_rows else []
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("secret", "ObjectStoreKeysRefused"),
        ("key id", "ObjectStoreKeysRefused"),
        ("the worker's", "ObjectStoreTooOpen"),
    ],
)
def test_a_web_with_other_credentials_takes_nothing_and_says_why_in_its_log(
    fragile: Fragile, what: str, said: str
) -> None:
    """SECURITY 50, DESIGN 2.1: not ready, no upload acknowledged, nothing lost, no key shown."""
    someone = fragile.enrolled()
    own = names(fragile, "web", "web")
    changed = {
        "secret": {"S3_SECRET_KEY": "x" * 40},
        "key id": {"S3_ACCESS_KEY": "nobody"},
        "the worker's": names(fragile, "web", "worker"),
    }[what]
    with web_with(fragile, changed):
        assert ask(fragile.machine.port, "/readyz") == 503
        assert ask(fragile.machine.port, "/events") == 200
        told_with_a_number(send(someone))
        assert fragile.rows(someone.registration) == 0
        log = log_of(fragile)
        assert said in log
        for secret in (*own.values(), *changed.values()):
            assert secret not in log
    assert send(someone).path.startswith("/documents/")
    assert fragile.rows(someone.registration) == 1


@pytest.mark.parametrize("mode", ["expired", "denied"])
def test_credentials_that_end_while_the_site_runs_cost_a_second_try(
    fragile: Fragile, mode: str
) -> None:
    """SECURITY 50: at run time, without a restart on either side."""
    someone = fragile.enrolled()
    with fragile.store.being(mode):
        told_with_a_number(send(someone))
        assert fragile.rows(someone.registration) == 0
        # A refusal to put is seen at the first put; credentials that are over, at once.
        assert ask(fragile.machine.port, "/readyz") == (503 if mode == "expired" else 200)
    assert send(someone).path.startswith("/documents/")
    assert fragile.rows(someone.registration) == 1


@pytest.mark.parametrize("what", ["wrong", "the web's"])
def test_a_worker_with_other_credentials_waits_with_everything(fragile: Fragile, what: str) -> None:
    """SECURITY 50, H2: nothing is called missing, destroyed or done; no job is given up."""
    someone = fragile.enrolled()
    answer = send(someone)
    document = answer.path.rsplit("/", 1)[1]
    # Replaced: the first picture's destruction is ordered, and needs the store.
    assert send(someone).path != answer.path
    changed = (
        {"WORKER_S3_SECRET_KEY": "x" * 40} if what == "wrong" else names(fragile, "worker", "web")
    )
    due = "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"
    job = (
        "SELECT status FROM procrastinate_jobs WHERE task_name = 'destroy_document'"
        " AND args->>'document_id' = :d"
    )
    state = "SELECT state, destroyed_at FROM documents WHERE id = :d"
    # More often than a job that fails by itself is tried.
    for _turn in range(6):
        said = worker(fragile, changed)
        assert "ObjectStoreKeysRefused" in said or "ObjectStoreForbidden" in said, said[-2000:]
        assert rows(fragile, job, d=document) == [("todo",)]
        rows(fragile, due)
    assert rows(fragile, state, d=document) == [("superseded", None)]
    worker(fragile, {})
    assert rows(fragile, job, d=document) == []
    assert rows(fragile, state, d=document)[0][0] == "destroyed"
