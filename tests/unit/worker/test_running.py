"""The worker as a process: started, once, and stopped."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.engine import Engine

from deploy.local.machine import Machine


def test_a_run_with_nothing_to_do_ends(worker_once: Callable[[], str]) -> None:
    worker_once()


def test_the_root_is_pinned_for_the_web(stack: Machine, owner_engine: Engine) -> None:
    assert len(stack.variables.root_public_key) == 44
    with owner_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_seals")).scalar_one() >= 0
