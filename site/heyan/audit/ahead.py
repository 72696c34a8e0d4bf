"""An entry that is on its way to the disk while the page it is about is still being made.

A commit waits for the disk, a page for the processor: at the same time, the entry costs next to
nothing (bench/audit_write.py). The page still waits for it before a byte of it leaves.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Self

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import PoolProxiedConnection

_ENTRY = (
    b"INSERT INTO audit_entries (at, actor_kind, actor_id, action, subject_kind, subject_id,"
    b" outcome, reason, request_id, source, details) VALUES ($1::timestamptz, $2, $3::uuid, $4,"
    b" $5, $6, $7, $8, $9, $10::inet, $11::jsonb)"
)
_COLUMNS = (
    "at", "actor_kind", "actor_id", "action", "subject_kind", "subject_id",
    "outcome", "reason", "request_id", "source", "details",
)  # fmt: skip


class Ahead:
    """One entry under way, in a transaction of its own on a connection of its own."""

    def __init__(self, connection: PoolProxiedConnection, driver: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._driver = driver
        self._arrived: bool | None = None

    @classmethod
    def send(cls, engine: Engine, entry: dict[str, Any]) -> Self | None:
        """Send an entry (`audit.service.values`) without waiting; None when it cannot be sent."""
        try:
            connection = engine.raw_connection()
        except SQLAlchemyError:
            return None
        driver: psycopg.Connection[Any] = connection.driver_connection  # type: ignore[assignment]
        try:
            # psycopg itself waits for every answer, libpq below it does not. No transaction is
            # open here, so the statement is one: its answer is the word that it is committed.
            driver.pgconn.send_query_params(_ENTRY, [_text(entry[name]) for name in _COLUMNS])
            driver.pgconn.flush()
        except psycopg.Error:
            connection.invalidate()
            return None
        return cls(connection, driver)

    def arrived(self) -> bool:
        """Wait until the entry is committed; False when it is not, or nobody knows."""
        if self._arrived is None:
            try:
                answers = self._driver.wait(generators.execute(self._driver.pgconn))
                self._arrived = [one.status for one in answers] == [ExecStatus.COMMAND_OK]
            except psycopg.Error:
                self._connection.invalidate()
                self._arrived = False
            else:
                self._connection.close()
        return self._arrived


def _text(value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return json.dumps(value).encode()
    return (value.isoformat() if isinstance(value, datetime) else str(value)).encode()
