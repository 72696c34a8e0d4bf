"""People for a measurement: accounts with a draft registration, made over HTTP as anyone does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from deploy.local.machine import Machine
from deploy.local.rehearsal import cards, student
from deploy.local.rehearsal.play import Play
from deploy.local.rehearsal.student import Student

SLUG = "huabei-kechuang-12"


def ready(machine: Machine, count: int) -> list[Student]:
    """Return *count* account holders who may upload."""
    play = Play(machine.base_url, {}, b"", say=lambda _line: None)

    def one(_turn: int) -> Student:
        made = student.opens_an_account(play, cards.holder(datetime.now(UTC).date()))
        student.binds_a_student(play, made)
        student.fills_in(play, made, SLUG)
        return made

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, range(count)))


def cookie(someone: Student) -> str:
    """Return a browser's cookies as a header."""
    return "; ".join(f"{name}={value}" for name, value in someone.browser.cookies.items())


def custody_page(machine: Machine) -> tuple[str, str]:
    """Return the path of a custody page, and the cookies to see it with."""
    (one,) = ready(machine, 1)
    play = Play(machine.base_url, {}, b"", say=lambda _line: None)
    student.uploads(play, one, "id_card_front", cards.photograph(cards.front(one.person)))
    return f"/documents/{one.documents['id_card_front']}", cookie(one)
