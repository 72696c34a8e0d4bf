"""Passwords: what is refused and why, and their hashes (SECURITY 19; C-27 to C-30). No Flask.

A password is taken byte for byte as it was sent: nothing is trimmed, folded or cut before it is
hashed. HMAC-SHA-256 with a key outside the database (the pepper) runs first, so that a dump of
the database alone allows no guessing.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import re
import threading
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from heyan.access import Realm
from heyan.accounts import blocklist
from heyan.settings import Settings

WAIT_SECONDS = 20.0
WAITING = 16
# Words that anyone who attacks this site tries first.
SITE_WORDS = ("heyan", "核验", "qicheng", "启程", "报名", "baoming", "准考证", "zhunkaozheng")
HABITS = ("password", "passw0rd", "mima", "密码", "woaini", "iloveyou", "admin", "welcome")
_YEAR = re.compile(r"(19|20)\d\d")
_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "abcdefghijklmnopqrstuvwxyz")
_LEFT_AT_LEAST = 8


class Reason(enum.Enum):
    """Why a password is refused."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"
    PATTERN = "pattern"
    CONTEXT = "context"
    SAME = "same"


class PasswordRefused(Exception):
    """The password may not be used; ``reason`` says why, ``limit`` the length rule if any."""

    def __init__(self, reason: Reason, limit: int = 0) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.limit = limit


class Overloaded(Exception):
    """No slot for a hash came free in time."""


def check(password: str, *, realm: Realm, settings: Settings, context: Iterable[str] = ()) -> None:
    """Raise `PasswordRefused` unless *password* may be used in *realm*.

    *context* are words about the person (phone or login name, name). The length counts
    characters; there is no rule about their kinds (C-28).
    """
    shortest = settings.password_min if realm is Realm.PUBLIC else settings.password_min_staff
    if len(password) < shortest:
        raise PasswordRefused(Reason.TOO_SHORT, shortest)
    if len(password) > settings.password_max:
        raise PasswordRefused(Reason.TOO_LONG, settings.password_max)
    folded = password.casefold()
    core = _EDGES.sub("", folded)
    if blocklist.listed(password) or (
        len(folded) - len(core) <= 4 and len(core) >= 8 and blocklist.listed(core)
    ):
        raise PasswordRefused(Reason.COMMON)
    if _is_pattern(folded):
        raise PasswordRefused(Reason.PATTERN)
    if _is_context(folded, settings.site_name, context):
        raise PasswordRefused(Reason.CONTEXT)


def needs_second_factor(password: str, *, realm: Realm, settings: Settings) -> bool:
    """Tell whether *password* stands only beside a second factor (CONTROLS Q16)."""
    return realm is not Realm.PUBLIC or len(password) < settings.password_min_alone


def _is_pattern(folded: str) -> bool:
    if len(set(folded)) <= 3:
        return True
    for size in range(1, len(folded) // 2 + 1):
        unit = folded[:size]
        if size <= 6 and (unit * (len(folded) // size + 1))[: len(folded)] == folded:
            return True
    runs = sum(
        1
        for first, second in pairwise(folded)
        if any(first + second in row or second + first in row for row in _ROWS)
        or first == second
        or first + second in ("90", "01", "10", "09")
    )
    return runs >= len(folded) - 3


def _is_context(folded: str, site_name: str, context: Iterable[str]) -> bool:
    words = {site_name.casefold(), *SITE_WORDS, *HABITS}
    for word in context:
        folded_word = word.casefold().strip()
        digits = re.sub(r"\D", "", folded_word)
        if len(digits) >= 8 and digits[-8:] in folded:
            return True
        if len(folded_word) >= 2:
            words.add(folded_word)
    rest = folded
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    rest = _YEAR.sub("", rest)
    return rest != folded and len(rest) < _LEFT_AT_LEAST


class Hasher:
    """argon2id at the numbers of CONTROLS section 5, a few at once, so that memory is bounded."""

    def __init__(self, settings: Settings) -> None:
        self._pepper = settings.password_pepper.encode()
        self._slots = threading.BoundedSemaphore(settings.argon2_at_once)
        # Whoever waits holds a thread that could show a page: some wait, more are asked back.
        self._queue = threading.BoundedSemaphore(settings.argon2_at_once + WAITING)
        self._argon = PasswordHasher(
            time_cost=settings.argon2_passes,
            memory_cost=settings.argon2_memory_kib,
            parallelism=1,
            hash_len=32,
            salt_len=16,
            type=Type.ID,
        )
        # What an unknown account's password is compared with, so that both take the same time.
        self._dummy = self._argon.hash(self._peppered("no such account"))

    def hash(self, password: str) -> str:
        """Return the hash to store; raises `Overloaded` when no slot comes free."""
        with self._slot():
            return self._argon.hash(self._peppered(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether *password* belongs to *stored*; without one the same work is done."""
        with self._slot():
            try:
                matches = self._argon.verify(stored or self._dummy, self._peppered(password))
            except (VerifyMismatchError, VerificationError, InvalidHashError):
                return False
        return matches and stored is not None

    def outdated(self, stored: str) -> bool:
        """Tell whether *stored* was made with weaker numbers than today's (C-30)."""
        return self._argon.check_needs_rehash(stored)

    def digest(self, purpose: str, code: str) -> bytes:
        """Return the keyed digest under which a random code is stored."""
        return hmac.new(self._pepper, f"{purpose}:{code}".encode(), hashlib.sha256).digest()

    def _peppered(self, password: str) -> bytes:
        # surrogatepass: every string a form can hold has bytes of its own.
        raw = password.encode("utf-8", "surrogatepass")
        return base64.b64encode(hmac.new(self._pepper, raw, hashlib.sha256).digest())

    def _slot(self) -> _Slot:
        return _Slot(self._slots, self._queue)


class _Slot:
    def __init__(
        self, slots: threading.BoundedSemaphore, queue: threading.BoundedSemaphore
    ) -> None:
        self._slots, self._queue = slots, queue

    def __enter__(self) -> None:
        if not self._queue.acquire(blocking=False):
            raise Overloaded
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            self._queue.release()
            raise Overloaded

    def __exit__(self, *_details: object) -> None:
        self._slots.release()
        self._queue.release()


_making = threading.Lock()


def hasher(settings: Settings) -> Hasher:
    """Return this process's hasher for *settings*.

    Made by one thread while the others wait: each would otherwise get one of its own in the first
    rush, and with it a bound of its own.
    """
    with _making:
        return _hasher(settings)


@lru_cache(maxsize=4)
def _hasher(settings: Settings) -> Hasher:
    return Hasher(settings)
