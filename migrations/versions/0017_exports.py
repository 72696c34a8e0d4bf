"""What exports were asked for, and what the worker may read to make one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.granting import APPEND, grant, no_way_back

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing. The web cannot change what was agreed.
WEB: dict[str, str] = {"exports": APPEND}
WORKER: dict[str, str] = {"exports": "SELECT, UPDATE (rows_built, built_at), DELETE"}
# Who was in touch when and by which way; the words of an entry stay unreadable to the worker.
CONTACTS = "at, created_at, name, phone, phone_index, channel, direction, outcome"


def upgrade() -> None:
    """Make the table and say who may touch it."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "exports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Enum("leads", "contacts", name="export_kind"), nullable=False),
        sa.Column("view", sa.String(16), nullable=False),
        sa.Column("since", moment),
        sa.Column("until", moment),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("rows_asked", sa.Integer(), nullable=False),
        sa.Column("rows_built", sa.Integer()),
        sa.Column("built_at", moment),
        sa.CheckConstraint(
            "(kind = 'leads' AND view <> '' AND since IS NULL AND until IS NULL) OR"
            " (kind = 'contacts' AND view = '' AND since < until)",
            name=op.f("ck_exports_scope"),
        ),
        sa.CheckConstraint("rows_asked > 0", name=op.f("ck_exports_rows_asked")),
        sa.CheckConstraint("rows_built <= rows_asked", name=op.f("ck_exports_no_more_than_asked")),
        sa.ForeignKeyConstraint(
            ["requester_id"], ["accounts.id"], name=op.f("fk_exports_requester_id_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    op.create_index(op.f("ix_exports_requester_id"), "exports", ["requester_id"])
    op.create_index(op.f("ix_exports_asked_at"), "exports", ["asked_at"])
    grant(WEB, WORKER)
    op.execute(f"GRANT SELECT ({CONTACTS}) ON contacts TO heyan_worker")


downgrade = no_way_back
