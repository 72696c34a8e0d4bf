"""Bodies in memory: bounded one by one and all together."""

from __future__ import annotations

import io
import threading

import pytest
from werkzeug.test import EnvironBuilder

from heyan.bodies import InFlight, MemoryRequest, TooMuchInFlight


def test_a_large_part_stays_in_memory() -> None:
    data = {"file": (io.BytesIO(b"x" * 2_000_000), "card.jpg")}
    request = MemoryRequest(EnvironBuilder(method="POST", data=data).get_environ())
    assert isinstance(request.files["file"].stream, io.BytesIO)
    assert len(request.files["file"].stream.read()) == 2_000_000


def test_what_is_held_at_once_is_bounded() -> None:
    """SECURITY 5."""
    gate = InFlight(100)
    with (
        gate.hold(60, wait_seconds=0),
        gate.hold(40, wait_seconds=0),
        pytest.raises(TooMuchInFlight),
        gate.hold(1, wait_seconds=0),
    ):
        raise AssertionError
    with gate.hold(100, wait_seconds=0):
        assert gate.held == 100
    assert gate.held == 0


def test_one_that_waits_gets_its_turn() -> None:
    gate = InFlight(100)
    entered, done = threading.Event(), threading.Event()

    def later() -> None:
        entered.set()
        with gate.hold(100, wait_seconds=5):
            done.set()

    with gate.hold(100, wait_seconds=0):
        thread = threading.Thread(target=later)
        thread.start()
        entered.wait(5)
        assert not done.is_set()
    thread.join(5)
    assert done.is_set()


def test_a_single_one_larger_than_the_bound_may_go_alone() -> None:
    gate = InFlight(100)
    with gate.hold(10_000, wait_seconds=0):
        assert gate.held == 100
