"""Lists by keyset: where a page starts, and the address of the next one.

Ids are UUIDv7 (or ascending numbers), so an id alone is a place in a list.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import request, url_for

T = TypeVar("T")


def after_id() -> uuid.UUID | None:
    """Return the id behind which the page starts; None for the first page or for nonsense."""
    try:
        return uuid.UUID(request.args.get("after", ""))
    except ValueError:
        return None


def after_number() -> int | None:
    """The same for lists that are numbered."""
    given = request.args.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


def page_of(
    rows: Sequence[T], size: int, key: Callable[[T], Any]
) -> tuple[Sequence[T], str | None]:
    """Cut *rows* (fetched with one more than *size*) to a page; return the next one's address."""
    if len(rows) <= size:
        return rows, None
    kept = rows[:size]
    args = {**request.args.to_dict(), **(request.view_args or {}), "after": str(key(kept[-1]))}
    return kept, url_for(str(request.endpoint), **args)
