"""How long a door takes to say no: as long for a name it knows as for one it does not."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from flask import Flask

from heyan.settings import Settings
from tests.accounts import Browser, registered, some_phone

WRONG = "not the password at all"


class Stopwatch:
    """How many times as long one way takes as another: pairs in turn, the median of their ratios.

    What else the machine does falls on both of a pair alike, and on some pairs only; with more
    pairs the median closes in on what the code itself does, so `within` looks up to five times.
    """

    PAIRS = 24

    def __init__(self, one: Callable[[], float], other: Callable[[], float]) -> None:
        self.ways = (one, other)
        self.ratios: list[float] = []

    def within(self, share: float) -> bool:
        """Tell whether both take the same time within *share* (0.05 for five percent)."""
        for _look in range(5):
            for turn in range(self.PAIRS):
                # Who goes first changes, so that neither always finds things warm.
                order = (0, 1) if turn % 2 else (1, 0)
                took = {way: self.ways[way]() for way in order}
                self.ratios.append(took[0] / took[1])
            if abs(self.median - 1) < share:
                return True
        return False

    @property
    def median(self) -> float:
        """The ratio that half of the pairs lie above."""
        return statistics.median(self.ratios)


def failing(app: Flask, login: str, before: Callable[[], None] = lambda: None) -> float:
    """Fail to sign in from a new address; returns the seconds of *before* and of the answer."""
    browser = Browser(app)
    form = {"csrf_token": browser.token("/account/login"), "phone": login, "password": WRONG}
    where = {"REMOTE_ADDR": browser.address}
    began = time.perf_counter()
    before()
    answer = browser.client.post("/account/login", data=form, environ_base=where)
    took = time.perf_counter() - began
    assert answer.status_code == 422
    return took


def test_known_and_unknown_take_the_same_time(settings: Settings, site: Flask) -> None:
    """SECURITY 21, C-32: the median within five percent, with hashes that cost what they do in
    production. Four tries a name, so that no throttle takes part.
    """
    from heyan import create_app

    real = create_app(settings)
    known = [registered(real).login for _ in range(30)] * 4
    watch = Stopwatch(lambda: failing(real, known.pop()), lambda: failing(real, some_phone()))
    assert watch.within(0.05), f"known/unknown {watch.median:.3f} of {len(watch.ratios)} pairs"


def test_the_stopwatch_sees_a_fifth(site: Flask) -> None:
    """C-32: a door that does a little more for names it knows would not pass."""
    usual = statistics.median(failing(site, some_phone()) for _ in range(9))

    def a_fifth() -> None:
        end = time.perf_counter() + usual / 5
        while time.perf_counter() < end:
            pass

    watch = Stopwatch(
        lambda: failing(site, some_phone(), a_fifth), lambda: failing(site, some_phone())
    )
    assert not watch.within(0.05), f"a fifth went unseen: {watch.median:.3f}"
    assert watch.median > 1
