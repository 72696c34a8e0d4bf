"""Whether this host's clock can be believed before anything is destroyed by it (SECURITY 50).

A clock that jumps ahead would make everything look past its last day, and what is destroyed then
never comes back. PostgreSQL tells its own time; where both are one host, its time service is the
only guard there is (docs/operations.md).
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy import func, select

from heyan import clock
from uploads_worker.context import Context

log = structlog.get_logger("worker")

# How far two hosts' clocks may be apart; with a time service they differ by milliseconds.
ALLOWED = timedelta(minutes=5)


class ClocksDisagree(Exception):
    """This host and PostgreSQL name different times: nothing is destroyed before they agree."""


def require_time(context: Context) -> None:
    """Raise `ClocksDisagree`, and say so in the log, unless PostgreSQL's clock says the same."""
    with context.sessions() as session:
        theirs = session.scalars(select(func.clock_timestamp())).one()
    apart = clock.present() - theirs
    if abs(apart) > ALLOWED:
        log.error("clock.disagrees", seconds=round(apart.total_seconds()))
        raise ClocksDisagree(str(apart))
