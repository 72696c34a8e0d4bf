"""Oversight: reports, findings, training."""

from __future__ import annotations

from migrations.granting import grant, no_way_back

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {}
WORKER: dict[str, str] = {}


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    grant(WEB, WORKER)


downgrade = no_way_back
