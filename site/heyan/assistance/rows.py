"""Read a list of people from a CSV or XLSX file: bounded, and every fault with its line."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from heyan.decisions.results import FileRefused, read_table
from heyan.forms import normalise_phone
from heyan.plain import strip

MAX_BYTES = 1024 * 1024
MAX_ROWS = 500
NAME_LENGTH = 40
# How a column may be headed.
HEADS = {
    "phone": ("phone", "手机号", "手机", "电话"),
    "name": ("name", "姓名", "称呼"),
}


class RowsRefused(Exception):
    """The rows that came back are not rows that were packed here."""


@dataclass(frozen=True)
class PersonRow:
    """One person; ``line`` counts from 1, the header included; the phone is E.164."""

    line: int
    phone: str
    name: str


@dataclass(frozen=True)
class RowProblem:
    """A row that is not taken, and why: name, phone, twice, taken."""

    line: int
    code: str


def read(data: bytes) -> tuple[list[PersonRow], list[RowProblem]]:
    """Read a file of people; raises `FileRefused` for one that is none as a whole."""
    if len(data) > MAX_BYTES:
        raise FileRefused("too_large")
    table = read_table(data)
    if not table:
        raise FileRefused("not_a_table")
    head = [str(cell or "").strip().lower().removeprefix("\ufeff") for cell in table[0]]
    places = {
        key: next((at for at, cell in enumerate(head) if cell in names), None)
        for key, names in HEADS.items()
    }
    if any(place is None for place in places.values()):
        raise FileRefused("missing_columns")
    if len(table) > MAX_ROWS + 1:
        raise FileRefused("too_many_rows")
    lines = [
        (line, _cell(cells, places["phone"] or 0), _cell(cells, places["name"] or 0))
        for line, cells in enumerate(table[1:], start=2)
    ]
    return check(lines)


def _cell(cells: Sequence[Any], at: int) -> str:
    value = cells[at] if at < len(cells) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # A guard that spreadsheets need against formulas is not part of the value.
    return (strip("" if value is None else str(value)) or "").removeprefix("'")


def check(lines: Iterable[tuple[int, str, str]]) -> tuple[list[PersonRow], list[RowProblem]]:
    """Check each (line, phone, name); an empty line is none, the same number twice is a fault."""
    rows: list[PersonRow] = []
    problems: list[RowProblem] = []
    seen: set[str] = set()
    for line, phone, name in lines:
        if not phone and not name:
            continue
        try:
            number = normalise_phone(phone)
        except ValueError:
            problems.append(RowProblem(line, "phone"))
            continue
        if not name or len(name) > NAME_LENGTH:
            problems.append(RowProblem(line, "name"))
        elif number in seen:
            problems.append(RowProblem(line, "twice"))
        else:
            seen.add(number)
            rows.append(PersonRow(line, number, name))
    return rows, problems


def pack(rows: Iterable[PersonRow]) -> str:
    """Return *rows* for the preview's hidden field."""
    plain = json.dumps([[one.line, one.phone, one.name] for one in rows], ensure_ascii=False)
    return base64.b64encode(zlib.compress(plain.encode())).decode()


def unpack(packed: str) -> list[PersonRow]:
    """Return the rows of a hidden field, checked as if they came from a file; `RowsRefused`."""
    try:
        opener = zlib.decompressobj()
        data = opener.decompress(base64.b64decode(packed, validate=True), 4 * MAX_BYTES)
        if opener.unconsumed_tail:
            raise RowsRefused
        plain: Any = json.loads(data)
        lines = [(int(line), str(phone), strip(str(name)) or "") for line, phone, name in plain]
    except (ValueError, TypeError, OverflowError, RecursionError, zlib.error) as error:
        raise RowsRefused from error
    rows, problems = check(lines)
    if problems or len(rows) > MAX_ROWS:
        raise RowsRefused
    return rows
