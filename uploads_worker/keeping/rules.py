"""The rules of keeping: which rows are past their last day, and what of the sweep ends them.

A table with personal columns that no rule names fails the build, and so does a category. A
feature adds its rules as ``RULES: tuple[Rule, ...]`` in a module of its own, named in `SOURCES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from heyan.policies import promises

# Counts what is past its last day and neither gone nor held, at a moment.
Due = Callable[[Session, datetime], int]
NONE = timedelta()


@dataclass(frozen=True)
class Rule:
    """What ends some categories: the broom of `uploads_worker.sweep` and the count it must leave 0.

    ``name`` is the broom's. ``tables`` are those whose personal columns it empties or deletes.
    ``grace`` is said in docs only by whoever needs it: a sweep comes every hour.
    """

    name: str
    categories: frozenset[str]
    tables: frozenset[str]
    due: Due


def rule(name: str, categories: str, tables: str, due: Due) -> Rule:
    """Return a rule; *categories* and *tables* as words with blanks between."""
    return Rule(name, frozenset(categories.split()), frozenset(tables.split()), due)


def overdue(table: type[Any], condition: Callable[[datetime], ColumnElement[bool]]) -> Due:
    """Return the count of rows of *table* that *condition* finds past their last day."""

    def due(session: Session, moment: datetime) -> int:
        counted = select(func.count()).select_from(table).where(condition(moment))
        return session.scalar(counted) or 0

    return due


def outlived(table: type[Any], category: str, collected: Any, *, grace: timedelta = NONE) -> Due:
    """Return the count of rows past the period of *category* that was promised for their day."""

    def due(session: Session, moment: datetime) -> int:
        limit = promises.cutoff(session, category, moment - grace)
        counted = select(func.count()).select_from(table).where(collected <= limit)
        return session.scalar(counted) or 0

    return due


def ended(
    table: type[Any], category: str, collected: Any, counted_from: Any, *more: Callable[[], Any]
) -> Due:
    """Return the same for a period that counts from another moment than the collection."""

    def due(session: Session, moment: datetime) -> int:
        over = promises.past(session, category, collected, counted_from, moment)
        counted = select(func.count()).select_from(table).where(over, *(one() for one in more))
        return session.scalar(counted) or 0

    return due


def never(_session: Session, _moment: datetime) -> int:
    """Return nothing: what ends only with something else is not overdue by itself."""
    return 0


# Modules with `RULES`; each room adds its own here.
SOURCES = (
    "uploads_worker.approvals",
    "uploads_worker.keeping.first_rules",
    "uploads_worker.contact_rules",
    "uploads_worker.message_rules",
    "uploads_worker.usage",
    "uploads_worker.agreements",
    "uploads_worker.assisting",
    "uploads_worker.rights_rules",
    "uploads_worker.safety",
)


def all_rules() -> list[Rule]:
    """Return every rule, in the order of `SOURCES`; `ValueError` when two have one name."""
    found: list[Rule] = [one for source in SOURCES for one in vars(import_module(source))["RULES"]]
    names = [one.name for one in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two rules are called {', '.join(sorted(twice))}")
    return found
