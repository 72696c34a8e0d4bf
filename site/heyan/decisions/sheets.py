"""The result template of a release, filled in as far as the site knows, as CSV and XLSX.

The site knows numbers, kinds and digests; names stand in the index that only the organizer opens.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.decisions.results import COLUMNS, MAX_BYTES, ResultRow, RowProblem, read_rows
from heyan.documents.kinds import label
from heyan.documents.models import Document
from heyan.registrations.models import Registration
from heyan.releases.models import ItemState, Release, ReleaseItem

HEADER = ("number", "kind", *COLUMNS)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class RowsRefused(Exception):
    """The rows that came back are not rows that were packed here."""


@dataclass(frozen=True)
class Line:
    """One document of a release, as the template shows it."""

    number: str
    kind: str
    document_id: str
    sha256: str

    def cells(self) -> list[str]:
        """Return the template's cells; the outcome is left for the organizer."""
        return [safe(self.number), safe(self.kind), self.document_id, self.sha256, "", "", ""]


def safe(text: str) -> str:
    """Return *text* so that a spreadsheet takes it as text (formula injection, C-55)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def lines_of(session: Session, release: Release) -> list[Line]:
    """Return the documents that the release holds, by number and kind."""
    rows = session.execute(
        select(Registration.number, Document.kind, Document.id, Document.ciphertext_sha256)
        .join(Document, Document.registration_id == Registration.id)
        .join(ReleaseItem, ReleaseItem.document_id == Document.id)
        .where(ReleaseItem.release_id == release.id, ReleaseItem.state == ItemState.INCLUDED)
        .order_by(Registration.number, Document.kind, Document.id)
    )
    return [
        Line(number or "", str(label(kind)), str(document_id), digest.hex())
        for number, kind, document_id, digest in rows
    ]


def as_csv(lines: Iterable[Line]) -> bytes:
    """Return the template as CSV that Excel opens in Chinese (UTF-8 with a mark)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADER)
    writer.writerows(line.cells() for line in lines)
    return ("\ufeff" + out.getvalue()).encode()


def as_xlsx(lines: Iterable[Line], notes: Sequence[Sequence[str]]) -> bytes:
    """Return the template as XLSX, with a second sheet that explains the values."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("results")
    for column, width in zip("ABCDEFG", (20, 16, 38, 20, 12, 18, 40), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    sheet.append(HEADER)
    for line in lines:
        sheet.append(line.cells())
    about = book.create_sheet("about")
    about.column_dimensions["A"].width = 20
    about.column_dimensions["B"].width = 80
    for note in notes:
        about.append(list(note))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def pack(rows: Iterable[ResultRow]) -> str:
    """Return *rows* as a string for the preview's hidden field."""
    plain = [
        [
            row.line,
            str(row.document_id),
            row.sha256.hex(),
            row.outcome.value,
            row.reason_code.value if row.reason_code else "",
            row.reason_text,
        ]
        for row in rows
    ]
    return base64.b64encode(zlib.compress(json.dumps(plain, ensure_ascii=False).encode())).decode()


def unpack(packed: str) -> tuple[list[ResultRow], list[RowProblem]]:
    """Return the rows of a hidden field, checked as if they came from a file.

    Raises `RowsRefused`.
    """
    try:
        opener = zlib.decompressobj()
        data = opener.decompress(base64.b64decode(packed, validate=True), 4 * MAX_BYTES)
        if opener.unconsumed_tail:
            raise RowsRefused
        plain: Any = json.loads(data)
        rows: list[ResultRow] = []
        problems: list[RowProblem] = []
        for line, *cells in plain:
            taken, refused = read_rows(
                [dict(zip(COLUMNS, cells, strict=True))], first_line=int(line)
            )
            rows += taken
            problems += refused
    except (ValueError, TypeError, OverflowError, RecursionError, zlib.error) as error:
        raise RowsRefused from error
    return rows, problems
