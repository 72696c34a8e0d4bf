"""Releases to one person of staff: their keys, the viewings, and the steps of custody these add."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.granting import APPEND, WRITE, grant, no_way_back

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "staff_keys": WRITE,
    "viewings": APPEND,
    "viewing_items": APPEND,
}
WORKER: dict[str, str] = {
    "staff_keys": "SELECT, UPDATE",
    "viewings": "SELECT, UPDATE, DELETE",
    "viewing_items": "SELECT, UPDATE, DELETE",
}
STEPS = ("staff_copy_made", "staff_shown", "staff_copy_destroyed")


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    for step in STEPS:
        op.execute(f"ALTER TYPE custody_step ADD VALUE IF NOT EXISTS '{step}'")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "staff_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.String(100), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "proposed", "proven", "confirmed", "pinned", "rejected", "revoked",
                name="staff_key_status",
            ),
            nullable=False,
        ),
        sa.Column("challenge_sha256", sa.LargeBinary()),
        sa.Column("challenge", sa.Text()),
        sa.Column("challenge_until", moment),
        sa.Column("proposed_at", moment, nullable=False),
        sa.Column("proven_at", moment),
        sa.Column("confirmed_by", sa.Uuid()),
        sa.Column("confirmed_at", moment),
        sa.Column("pinned_at", moment),
        sa.Column("ended_at", moment),
        sa.Column("ended_reason", sa.String(24)),
        sa.CheckConstraint("confirmed_by <> account_id", name=op.f("ck_staff_keys_not_own")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_staff_keys_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["accounts.id"], name=op.f("fk_staff_keys_confirmed_by_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_keys")),
        sa.UniqueConstraint("recipient", name=op.f("uq_staff_keys_recipient")),
    )  # fmt: skip
    op.create_index(op.f("ix_staff_keys_account_id"), "staff_keys", ["account_id"])
    op.create_index(op.f("ix_staff_keys_confirmed_by"), "staff_keys", ["confirmed_by"])
    op.create_index(op.f("ix_staff_keys_status"), "staff_keys", ["status"])
    op.create_index(
        "uq_staff_keys_pinned",
        "staff_keys",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("status = 'pinned'"),
    )
    op.create_table(
        "viewings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=False),
        sa.Column("subject_kind", sa.String(16), nullable=False),
        sa.Column(
            "state",
            sa.Enum("ordered", "offered", "failed", "destroyed", name="viewing_state"),
            nullable=False,
        ),
        sa.Column("recipient", sa.String(100)),
        sa.Column("object_key", sa.String(80)),
        sa.Column("file_bytes", sa.BigInteger()),
        sa.Column("file_sha256", sa.LargeBinary()),
        sa.Column("manifest", sa.Text()),
        sa.Column("included_count", sa.SmallInteger(), nullable=False),
        sa.Column("problem", sa.String(24)),
        sa.Column("ordered_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("offered_at", moment),
        sa.Column("fetched_at", moment),
        sa.Column("destroyed_at", moment),
        sa.CheckConstraint(
            "state <> 'destroyed' OR destroyed_at IS NOT NULL", name=op.f("ck_viewings_destroyed")
        ),
        sa.CheckConstraint(
            "expires_at <= ordered_at + interval '24 hours'", name=op.f("ck_viewings_one_day")
        ),
        sa.ForeignKeyConstraint(
            ["requester_id"], ["accounts.id"], name=op.f("fk_viewings_requester_id_accounts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_viewings")),
        sa.UniqueConstraint("object_key", name=op.f("uq_viewings_object_key")),
        sa.UniqueConstraint("request_id", name=op.f("uq_viewings_request_id")),
    )
    op.create_index("ix_viewings_requester_ordered", "viewings", ["requester_id", "ordered_at"])
    op.create_index(
        "ix_viewings_live",
        "viewings",
        ["expires_at"],
        postgresql_where=sa.text("destroyed_at IS NULL"),
    )
    op.create_table(
        "viewing_items",
        sa.Column("viewing_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("problem", sa.String(24)),
        sa.ForeignKeyConstraint(
            ["viewing_id"], ["viewings.id"], name=op.f("fk_viewing_items_viewing_id_viewings")
        ),
        sa.PrimaryKeyConstraint("viewing_id", "subject_id", name=op.f("pk_viewing_items")),
    )
    op.create_index(op.f("ix_viewing_items_subject_id"), "viewing_items", ["subject_id"])
    grant(WEB, WORKER)
    # The web orders and says when it was fetched; what the file is, the worker alone says.
    op.execute("GRANT UPDATE (fetched_at) ON viewings TO heyan_web")


downgrade = no_way_back
