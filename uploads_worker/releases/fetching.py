"""Get and open ahead of the writing, on threads, in order, within a bound of bytes."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from heyan.custody.objects import ObjectCorrupt, ObjectMissing, ObjectStore
from heyan.custody.sealing import SealContext
from heyan.registrations.service import ID_NUMBER
from uploads_worker.keyring import KeyDestroyed, KeyUnknown
from uploads_worker.opening import OpeningFailed, PrivateKey, open_sealed
from uploads_worker.releases.claims import Claim, Paper, Person
from uploads_worker.releases.waiting import OBJECT_MISSING, UNOPENABLE

MIB = 1024 * 1024
# Sealed bytes that may be under way or wait for the writer, one picture aside.
AHEAD_BYTES = 12 * MIB


class VaultKeys(Protocol):
    """The keyring, as far as it is needed here."""

    def vault_private_key(self, key_id: str) -> bytes:
        """Return a private key; raises `KeyUnknown`, `KeyDestroyed`."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """An opened document with the digests that the index and the ZIP need."""

    data: bytes
    sha256: str
    crc: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of one document: a picture, or the problem's code.

    ``id_number`` comes with a person's first document, so that it is opened ahead as well.
    """

    person: Person
    paper: Paper
    picture: Picture | None
    problem: str = ""
    id_number: str = ""


class Opener:
    """Opens what one claim holds. Threads share it."""

    def __init__(self, claim: Claim, objects: ObjectStore, keys: VaultKeys) -> None:
        self._claim, self._objects, self._keys = claim, objects, keys
        self._private: dict[str, PrivateKey | None] = {}
        self._lock = threading.Lock()

    def open(self, person: Person, paper: Paper) -> Opened:
        """Get and open one document. Raises only what says that the store is away."""
        opened = self._picture(person, paper)
        first = paper is person.papers[0]
        return replace(opened, id_number=self._id_number(person)) if first else opened

    def _picture(self, person: Person, paper: Paper) -> Opened:
        private = self._key(paper.key_id)
        if private is None:
            return Opened(person, paper, None, UNOPENABLE)
        try:
            sealed = self._objects.get_sealed(paper.object_key, paper.object_version)
            data = open_sealed(
                sealed,
                private_key=private,
                context=self._context(person, paper.document_id, paper.kind),
                sha256=paper.sha256,
                commitment=paper.commitment,
            )
        except ObjectMissing:
            return Opened(person, paper, None, OBJECT_MISSING)
        except (OpeningFailed, ObjectCorrupt):
            return Opened(person, paper, None, UNOPENABLE)
        return Opened(
            person, paper, Picture(data, hashlib.sha256(data).hexdigest(), zlib.crc32(data))
        )

    def _id_number(self, person: Person) -> str:
        """Return the person's ID number; empty when there is none or it does not open."""
        number = person.id_number
        private = self._key(number.key_id) if number is not None else None
        if number is None or private is None:
            return ""
        try:
            return open_sealed(
                number.sealed,
                private_key=private,
                context=self._context(person, person.registration_id, ID_NUMBER),
                sha256=number.sha256,
                commitment=number.commitment,
            ).decode()
        except (OpeningFailed, UnicodeDecodeError):
            return ""

    def _context(self, person: Person, document_id: object, kind: str) -> SealContext:
        return SealContext(
            event_id=self._claim.event_id,
            registration_id=person.registration_id,
            document_id=document_id,  # type: ignore[arg-type] # an id of either table
            kind=kind,
        )

    def _key(self, key_id: str) -> PrivateKey | None:
        with self._lock:
            if key_id not in self._private:
                try:
                    self._private[key_id] = PrivateKey(self._keys.vault_private_key(key_id))
                except (KeyUnknown, KeyDestroyed):
                    self._private[key_id] = None
            return self._private[key_id]


def opened_ahead(
    opener: Opener,
    wanted: Iterable[tuple[Person, Paper]],
    *,
    threads: int,
    ahead_bytes: int = AHEAD_BYTES,
) -> Iterator[Opened]:
    """Yield each wanted document opened, in order, while the next ones are fetched.

    Memory is bounded by *ahead_bytes* (and never less than one document), not by how many there
    are. Closing the iterator ends the threads.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="release-get")
    under_way: deque[tuple[int, Future[Opened]]] = deque()
    held = 0
    try:
        for person, paper in wanted:
            while under_way and held + paper.sealed_bytes > ahead_bytes:
                size, first = under_way.popleft()
                yield first.result()
                held -= size
            under_way.append((paper.sealed_bytes, pool.submit(opener.open, person, paper)))
            held += paper.sealed_bytes
        while under_way:
            yield under_way.popleft()[1].result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
