"""What lies in a release beside the pictures: names, index as JSON and CSV, the offline desk.

Entries are kept as encoded pieces, one a registration, so that an index of many thousands costs
its bytes and no more.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from babel.support import Translations

import heyan
from heyan.custody.signing import canonical
from heyan.decisions.models import ReasonCode
from heyan.decisions.reasons import reason
from heyan.documents import kinds
from heyan.events.models import DocumentKind
from uploads_worker.offline_desk import offline_desk_parts
from uploads_worker.releases.claims import Claim, Paper, Person

FORMAT = "heyan-index/1"
BOM = "\ufeff"
_TRANSLATIONS = Path(heyan.__file__).parents[2] / "translations"
# Long numbers too: a spreadsheet would round an ID number of 18 digits.
_GUARDED = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]|\d{12,}$")
_CSV_HEAD = (
    "document_id",
    "sha256",
    "outcome",
    "reason_code",
    "reason_text",
    "number",
    "name",
    "birth_date",
    "id_number",
    "kind",
    "state",
    "problem",
    "path",
    "answers",
)


def folder_name(position: int, number: str) -> str:
    """Return ``00001_NUMBER``, which every system can unpack.

    It begins with digits and ends with a letter or digit, so that it is none of the names that
    Windows keeps for itself, and no two differ by case alone.
    """
    plain = re.sub(r"[^A-Z0-9-]", "", number.upper())[:40].strip("-")
    return f"{position:05d}_{plain}" if plain else f"{position:05d}"


def picture_path(folder: str, kind: str) -> str:
    """Return a picture's place in the ZIP."""
    return f"pictures/{folder}/{kind}.jpg"


def guarded(value: str) -> str:
    """Return a CSV cell that no spreadsheet takes for a formula or rounds."""
    plain = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", value)
    return "'" + plain if _GUARDED.match(plain) else plain


@cache
def reasons() -> list[dict[str, str]]:
    """Return the return reasons for the desk: code, Chinese and English words."""
    english = Translations.load(str(_TRANSLATIONS), ["en"])
    found = []
    for code in ReasonCode:
        words = reason(code)
        text = f"{words.label}：{words.sentence}"
        label, sentence = (english.gettext(str(one)) for one in (words.label, words.sentence))
        found.append({"code": code.value, "text": text, "text_en": f"{label}: {sentence}"})
    return found


@cache
def kind_label(kind: str) -> str:
    """Return what people call a kind of document."""
    return str(kinds.label(DocumentKind(kind)))


class Contents:
    """Collects the index while the pictures go by, and makes the closing files from it."""

    def __init__(self, claim: Claim) -> None:
        self.registrations: list[bytes] = []
        self._head = {
            "format": FORMAT,
            "release_id": str(claim.release_id),
            "event": claim.event,
            "organization": claim.organization,
            "created_at": claim.created_at.isoformat(timespec="seconds"),
            "reasons": reasons(),
        }
        self._rows: list[bytes] = []
        self._row(_CSV_HEAD, bare=True)

    def add(self, person: Person, id_number: str, documents: list[dict[str, Any]]) -> None:
        """Add a registration with its documents as `document` makes them."""
        self.registrations.append(
            canonical(
                {
                    "registration_id": str(person.registration_id),
                    "number": person.number,
                    "name": person.name,
                    "birth_date": person.birth_date,
                    "id_number": id_number,
                    "fields": person.fields,
                    "documents": documents,
                }
            )
        )
        answers = "; ".join(f"{one['label']}: {one['value']}" for one in person.fields)
        for one in documents:
            self._row(
                (
                    one["document_id"],
                    one["sha256"],
                    "",
                    "",
                    "",
                    person.number,
                    person.name,
                    person.birth_date,
                    id_number,
                    one["kind_label"],
                    one["state"],
                    one["problem"],
                    one["path"],
                    answers,
                )
            )

    def _row(self, cells: tuple[str, ...], *, bare: bool = False) -> None:
        out = io.StringIO()
        csv.writer(out).writerow(cells if bare else [guarded(one) for one in cells])
        self._rows.append(out.getvalue().encode())

    def index_json(self) -> bytes:
        """Return ``index.json``, exactly the bytes that are signed."""
        head = canonical(self._head)
        return b"".join((head[:-1], b',"registrations":[', b",".join(self.registrations), b"]}"))

    def index_csv(self) -> list[bytes]:
        """Return ``index.csv`` in pieces. Its first columns are those of a result file."""
        return [BOM.encode(), *self._rows]

    def desk(self) -> list[bytes]:
        """Return ``index.html``, the offline desk, in pieces."""
        head = json.dumps(self._head, ensure_ascii=False)[:-1] + ', "registrations": ['
        return offline_desk_parts(self._pieces(head))

    def _pieces(self, head: str) -> Iterator[str]:
        yield head
        for at, one in enumerate(self.registrations):
            yield ("," if at else "") + one.decode()
        yield "]}"


def document(
    paper: Paper, *, state: str, problem: str = "", path: str = "", jpeg_sha256: str = "",
    size: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return one document's entry in the index; *sha256* is what result rows are bound to."""
    return {
        "document_id": str(paper.document_id),
        "kind": paper.kind,
        "kind_label": kind_label(paper.kind),
        "state": state,
        "problem": problem,
        "path": path,
        "sha256": paper.sha256.hex(),
        "jpeg_sha256": jpeg_sha256,
        "bytes": size,
        "width": paper.width,
        "height": paper.height,
        "pages": paper.pages,
        "warnings": list(paper.warnings),
    }


def readme(claim: Claim) -> bytes:
    """Return ``README.txt``, Chinese then English, with line ends that every editor shows."""
    here = Path(__file__).with_name("readme.txt").read_text("utf-8")
    text = here.format(
        number=claim.number,
        event=claim.event["title"],
        organization=claim.organization["name"],
        release_id=claim.release_id,
        codes=" ".join(code.value for code in ReasonCode),
    )
    return (BOM + text).replace("\n", "\r\n").encode()
