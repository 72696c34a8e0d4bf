"""Holds, archive, sweeps and the end of the service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.granting import WRITE, grant, no_way_back

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "legal_holds": WRITE,
    "sweep_runs": "SELECT",
    "archive_items": "INSERT, SELECT (id, account_id, sealed_at, destroy_due_at, destroyed_at)",
    "authority_queries": WRITE,
}
WORKER: dict[str, str] = {
    "legal_holds": "SELECT, INSERT, DELETE, UPDATE (released_at)",
    "sweep_runs": "SELECT, INSERT, UPDATE, DELETE",
    "archive_items": "SELECT, UPDATE (waiting, object_key, destroyed_at)",
    "authority_queries": "SELECT, DELETE, UPDATE (handed_at, handed_objects)",
}


def _people(table: str, *names: str) -> list[sa.Column[object]]:
    return [
        sa.Column(
            name,
            sa.Uuid(),
            sa.ForeignKey("accounts.id", name=op.f(f"fk_{table}_{name}")),
            nullable=not (table == "authority_queries" and name == "asked_by"),
        )
        for name in names
    ]


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "subject_kind",
            sa.Enum(
                "account",
                "student",
                "registration",
                "document",
                "lead",
                "contact",
                name="hold_subject",
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("authority", sa.String(120), nullable=False),
        sa.Column("order_number", sa.String(80), nullable=False),
        sa.Column("statute", sa.String(160), nullable=False),
        sa.Column("scope", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", moment, nullable=False),
        *_people("legal_holds", "asked_by", "approved_by", "release_asked_by", "released_by"),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("approved_at", moment, nullable=True),
        sa.Column("refused_at", moment, nullable=True),
        sa.Column("release_asked_at", moment, nullable=True),
        sa.Column("released_at", moment, nullable=True),
        sa.CheckConstraint("approved_by <> asked_by", name="two_people"),
        sa.CheckConstraint("released_by <> release_asked_by", name="two_people_release"),
        sa.PrimaryKeyConstraint("id", name="pk_legal_holds"),
    )
    for name in ("asked_by", "approved_by", "release_asked_by", "released_by"):
        op.create_index(f"ix_legal_holds_{name}", "legal_holds", [name])
    op.create_index(
        "ix_legal_holds_live",
        "legal_holds",
        ["subject_kind", "subject_id"],
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "sweep_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("done", postgresql.JSONB(), nullable=False),
        sa.Column("overdue", postgresql.JSONB(), nullable=False),
        sa.Column("failed", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sweep_runs"),
    )
    op.create_index("ix_sweep_runs_began_at", "sweep_runs", ["began_at"])
    op.create_table(
        "archive_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        *_archive_account(),
        sa.Column("statute", sa.String(160), nullable=False),
        sa.Column("waiting", sa.LargeBinary(), nullable=True),
        sa.Column("object_key", sa.String(80), nullable=True),
        sa.Column("ciphertext_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext_bytes", sa.Integer(), nullable=False),
        sa.Column("sealed_at", moment, nullable=False),
        sa.Column("destroy_due_at", moment, nullable=False),
        sa.Column("destroyed_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_archive_items"),
        sa.UniqueConstraint("object_key", name=op.f("uq_archive_items_object_key")),
    )
    op.create_index("ix_archive_items_account_id", "archive_items", ["account_id"])
    op.create_index("ix_archive_items_destroy_due_at", "archive_items", ["destroy_due_at"])
    op.create_table(
        "authority_queries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("authority", sa.String(120), nullable=False),
        sa.Column("order_number", sa.String(80), nullable=False),
        sa.Column("statute", sa.String(160), nullable=False),
        sa.Column("scope", sa.LargeBinary(), nullable=False),
        sa.Column("account_ids", postgresql.JSONB(), nullable=False),
        *_people("authority_queries", "asked_by", "approved_by"),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("approved_at", moment, nullable=True),
        sa.Column("refused_at", moment, nullable=True),
        sa.Column("handed_at", moment, nullable=True),
        sa.Column("handed_objects", sa.Integer(), nullable=True),
        sa.CheckConstraint("approved_by <> asked_by", name="two_people"),
        sa.PrimaryKeyConstraint("id", name="pk_authority_queries"),
    )
    for name in ("asked_by", "approved_by", "asked_at"):
        op.create_index(f"ix_authority_queries_{name}", "authority_queries", [name])
    grant(WEB, WORKER)


def _archive_account() -> list[sa.Column[object]]:
    return [
        sa.Column(
            "account_id",
            sa.Uuid(),
            sa.ForeignKey("accounts.id", name=op.f("fk_archive_items_account_id")),
            nullable=False,
        )
    ]


downgrade = no_way_back
