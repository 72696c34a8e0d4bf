"""Read result rows: from the desk (JSON), a CSV or an XLSX file. Nothing is stored here.

A row is ``document_id, sha256, outcome, reason_code, reason_text``; any row that cannot be read
is reported with its line, none is dropped silently (REQUIREMENTS L3).
"""

from __future__ import annotations

import csv
import io
import itertools
import uuid
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heyan.decisions.models import Outcome, ReasonCode
from heyan.plain import strip

COLUMNS = ("document_id", "sha256", "outcome", "reason_code", "reason_text")
MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 50_000
MAX_RATIO = 100
REASON_LENGTH = 300


class FileRefused(Exception):
    """The file as a whole cannot be read; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class ResultRow:
    """One decision as it was handed in; ``line`` counts from 1, the header included."""

    line: int
    document_id: uuid.UUID
    sha256: bytes
    outcome: Outcome
    reason_code: ReasonCode | None
    reason_text: str


@dataclass(frozen=True)
class RowProblem:
    """A row that was not taken, and why (a code that the page turns into a sentence)."""

    line: int
    code: str
    document_id: str = ""


def read_rows(
    raw: Iterable[Mapping[str, Any]], *, first_line: int = 1
) -> tuple[list[ResultRow], list[RowProblem]]:
    """Check the form of each row; the same document twice is a problem of the later row."""
    rows: list[ResultRow] = []
    problems: list[RowProblem] = []
    seen: dict[uuid.UUID, ResultRow] = {}
    for line, cells in enumerate(raw, start=first_line):
        given = {key: str(cells.get(key) or "").strip() for key in COLUMNS}
        if not any(given.values()):
            continue
        row = _read_row(line, given)
        if isinstance(row, RowProblem):
            problems.append(row)
        elif (earlier := seen.get(row.document_id)) is not None:
            same = (earlier.outcome, earlier.reason_code) == (row.outcome, row.reason_code)
            code = "duplicate" if same else "contradiction"
            problems.append(RowProblem(line, code, str(row.document_id)))
        else:
            seen[row.document_id] = row
            rows.append(row)
    return rows, problems


def _read_row(line: int, given: Mapping[str, str]) -> ResultRow | RowProblem:
    shown = given["document_id"][:36]
    try:
        document_id = uuid.UUID(given["document_id"])
        sha256 = bytes.fromhex(given["sha256"])
    except ValueError:
        return RowProblem(line, "unreadable_id", shown)
    if len(sha256) != 32:
        return RowProblem(line, "unreadable_id", shown)
    # A guard that spreadsheets need against formulas is not part of the value.
    text = _printable(given["reason_text"].removeprefix("'"))[:REASON_LENGTH]
    if not given["outcome"]:
        return RowProblem(line, "unanswered", shown)
    try:
        outcome = Outcome(given["outcome"].lower())
    except ValueError:
        return RowProblem(line, "unknown_outcome", shown)
    if outcome is Outcome.ACCEPTED:
        return ResultRow(line, document_id, sha256, outcome, None, "")
    try:
        reason = ReasonCode(given["reason_code"].lower())
    except ValueError:
        return RowProblem(line, "unknown_reason", shown)
    if reason is ReasonCode.OTHER and not text:
        return RowProblem(line, "reason_missing", shown)
    return ResultRow(line, document_id, sha256, outcome, reason, text)


def _printable(text: str) -> str:
    """Return *text* on one line, without what no page can show: controls, half characters, bidi."""
    return strip(" ".join(text.split())) or ""


def read_file(data: bytes) -> tuple[list[ResultRow], list[RowProblem]]:
    """Read a CSV (UTF-8, or GB 18030 as Excel in China writes it) or an XLSX file.

    Raises `FileRefused`: too_large, too_many_rows, not_a_table, missing_columns.
    """
    if len(data) > MAX_BYTES:
        raise FileRefused("too_large")
    table = read_table(data)
    if not table:
        raise FileRefused("not_a_table")
    header = [str(cell or "").strip().lower().removeprefix("\ufeff") for cell in table[0]]
    if not {"document_id", "sha256", "outcome"} <= set(header):
        raise FileRefused("missing_columns")
    if len(table) > MAX_ROWS + 1:
        raise FileRefused("too_many_rows")
    return read_rows((dict(zip(header, cells, strict=False)) for cells in table[1:]), first_line=2)


def read_table(data: bytes) -> list[Sequence[Any]]:
    """Return the rows of a CSV or XLSX file that the caller has bounded; raises `FileRefused`."""
    return _xlsx(data) if data[:4] == b"PK\x03\x04" else _csv(data)


def _csv(data: bytes) -> list[Sequence[Any]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        try:
            return list(csv.reader(io.StringIO(text, newline="")))
        except csv.Error:
            break
    raise FileRefused("not_a_table")


def _xlsx(data: bytes) -> list[Sequence[Any]]:
    try:
        _look_into(data)
        rows = _sheet(data)
    except FileRefused:
        raise
    except Exception as error:
        # openpyxl raises whatever its XML meets; to the person it is one thing.
        raise FileRefused("not_a_table") from error
    if len(rows) > MAX_ROWS + 1:
        raise FileRefused("too_many_rows")
    return rows


def _look_into(data: bytes) -> None:
    """Refuse bombs, macros and document types before a parser sees them."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        infos = packed.infolist()
        size = sum(info.file_size for info in infos)
        if size > MAX_RATIO * max(len(data), 1) or size > 20 * MAX_BYTES:
            raise FileRefused("too_large")
        for info in infos:
            is_xml = info.filename.endswith((".xml", ".rels"))
            macro = info.filename.lower().endswith("vbaproject.bin")
            if macro or (is_xml and b"<!DOCTYPE" in packed.read(info)):
                raise FileRefused("not_a_table")


def _sheet(data: bytes) -> list[Sequence[Any]]:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    rows = book.worksheets[0].iter_rows(values_only=True, max_col=20)
    return list(itertools.islice(rows, MAX_ROWS + 2))
