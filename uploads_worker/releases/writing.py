"""Make one claimed release's file: pictures, index, desk; encrypted, hashed and stored."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heyan.custody import signing
from heyan.custody.objects import ObjectStore
from uploads_worker.releases.claims import CONSENT, Claim, Person
from uploads_worker.releases.contents import Contents, document, folder_name, picture_path, readme
from uploads_worker.releases.fetching import Opened, Opener, VaultKeys, opened_ahead
from uploads_worker.releases.sealing_out import SEGMENT_BYTES, SealedFile, encrypt_to
from uploads_worker.releases.waiting import OBJECT_MISSING
from uploads_worker.releases.zipping import ZipStream

FORMAT = "heyan-release/1"


@dataclass
class Outcome:
    """What became of each claimed document."""

    included: list[uuid.UUID] = field(default_factory=list)
    problems: dict[uuid.UUID, str] = field(default_factory=dict)
    withheld: int = 0
    registrations: int = 0
    index_sha256: str = ""

    @property
    def missing(self) -> int:
        """Documents that were not found, or whose person does not agree."""
        gone = sum(problem == OBJECT_MISSING for problem in self.problems.values())
        return self.withheld + gone

    @property
    def broken(self) -> int:
        """Documents that do not open."""
        return sum(problem != OBJECT_MISSING for problem in self.problems.values())


@dataclass(frozen=True)
class Written:
    """A release's file as it lies in the store, and the manifest that vouches for it."""

    outcome: Outcome
    file: SealedFile
    manifest: str
    recipient: str

    @property
    def manifest_sha256(self) -> bytes:
        """The digest that the organizer acknowledges."""
        return hashlib.sha256(self.manifest.encode()).digest()


def write_release(
    claim: Claim,
    objects: ObjectStore,
    keys: VaultKeys,
    root: Ed25519PrivateKey,
    recipients: Sequence[str],
    *,
    threads: int,
) -> Written:
    """Write the claim's file under its key; *recipients* are all pinned, the primary first.

    A document that is gone or does not open is named in the index, and the rest goes out. Raises
    `ObjectStoreUnavailable`; then there is no object.
    """
    outcome = Outcome()
    plaintext = _plaintext(claim, Opener(claim, objects, keys), root, outcome, threads=threads)
    with objects.release_writer(claim.object_key) as out:
        sealed = encrypt_to(out, plaintext, recipients)
    manifest = _manifest(claim, outcome, sealed, recipients)
    return Written(
        outcome,
        sealed,
        signing.sign(signing.MANIFEST_TYPE, signing.canonical(manifest), root),
        recipients[0],
    )


def _plaintext(
    claim: Claim, opener: Opener, root: Ed25519PrivateKey, outcome: Outcome, *, threads: int
) -> Iterator[bytes]:
    packed, contents = ZipStream(), Contents(claim)
    yield from packed.entry("README.txt", [readme(claim)])
    yield from _pictures(claim, opener, packed, contents, outcome, threads)
    yield from packed.entry("index.csv", contents.index_csv())
    index = contents.index_json()
    outcome.index_sha256 = hashlib.sha256(index).hexdigest()
    detached = signing.sign_detached(signing.INDEX_TYPE, index, root)
    yield from packed.entry("index.json", [index])
    del index
    yield from packed.entry("index.json.sig", [detached.encode()])
    yield from packed.entry("index.html", contents.desk())
    yield from packed.end()


def _pictures(
    claim: Claim,
    opener: Opener,
    packed: ZipStream,
    contents: Contents,
    outcome: Outcome,
    threads: int,
) -> Iterator[bytes]:
    wanted = (
        (person, paper) for person in claim.people if person.agreed for paper in person.papers
    )
    opened = opened_ahead(opener, wanted, threads=threads)
    try:
        for position, person in enumerate(claim.people, start=1):
            outcome.registrations += 1
            if not person.agreed:
                contents.add(person, "", _withheld(person))
                outcome.withheld += len(person.papers)
                continue
            folder = folder_name(position, person.number)
            documents: list[dict[str, Any]] = []
            id_number = ""
            for _paper in person.papers:
                one = next(opened)
                id_number = id_number or one.id_number
                if one.picture is None:
                    outcome.problems[one.paper.document_id] = one.problem
                    documents.append(_without_picture(one))
                    continue
                path = picture_path(folder, one.paper.kind)
                yield from packed.entry(path, [one.picture.data], crc=one.picture.crc)
                outcome.included.append(one.paper.document_id)
                documents.append(
                    document(
                        one.paper,
                        state="included",
                        path=path,
                        jpeg_sha256=one.picture.sha256,
                        size=len(one.picture.data),
                    )
                )
            contents.add(person, id_number, documents)
    finally:
        opened.close()  # type: ignore[attr-defined] # a generator


def _withheld(person: Person) -> list[dict[str, Any]]:
    return [document(one, state="missing", problem=CONSENT) for one in person.papers]


def _without_picture(one: Opened) -> dict[str, Any]:
    state = "missing" if one.problem == OBJECT_MISSING else "broken"
    return document(one.paper, state=state, problem=one.problem)


def _manifest(
    claim: Claim, outcome: Outcome, sealed: SealedFile, recipients: Sequence[str]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "release_id": str(claim.release_id),
        "number": claim.number,
        "event": claim.event,
        "organization": claim.organization,
        "created_at": claim.created_at.isoformat(timespec="seconds"),
        "recipient": recipients[0],
        "recipients": list(recipients),
        "counts": {
            "registrations": outcome.registrations,
            "documents": len(outcome.included),
            "missing": outcome.missing,
            "broken": outcome.broken,
        },
        "index_sha256": outcome.index_sha256,
        "file": {
            "bytes": sealed.length,
            "sha256": sealed.sha256.hex(),
            "segment_bytes": SEGMENT_BYTES,
            "segments": list(sealed.segments),
        },
    }
