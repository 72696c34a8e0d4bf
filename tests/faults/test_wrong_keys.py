"""Credentials of the object store that are wrong, over, or given to the other process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from deploy.local.processes import wait_until
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


def credentials_of(fragile: Fragile, whose: str) -> dict[str, str]:
    """Return the variables that give the web the credentials of *whose*."""
    access, secret = fragile.machine.objects.identity(whose)
    return {"S3_ACCESS_KEY": access, "S3_SECRET_KEY": secret}


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
    own = credentials_of(fragile, "web")
    changed = {
        "secret": {"S3_SECRET_KEY": "x" * 40},
        "key id": {"S3_ACCESS_KEY": "nobody"},
        "the worker's": credentials_of(fragile, "worker"),
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
