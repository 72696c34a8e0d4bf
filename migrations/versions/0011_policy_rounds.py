"""Policy changes put forward by one and approved by another, told, answered; consent receipts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.granting import APPEND, WRITE, grant, no_way_back

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "policy_drafts": WRITE,
    "policy_answers": APPEND,
    "policy_notices": "SELECT",
    "consent_receipts": "SELECT",
}
WORKER: dict[str, str] = {
    "policy_drafts": "",
    "policy_answers": "SELECT",
    "policy_notices": "SELECT, INSERT, UPDATE (reminded_at)",
    "consent_receipts": APPEND,
}


def _kind() -> postgresql.ENUM:
    return postgresql.ENUM("privacy", "agreement", name="policy_kind", create_type=False)


def _words(name: str, *, default: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), server_default="" if default else None, nullable=False)


def _list(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), server_default="[]", nullable=False)


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    moment = sa.DateTime(timezone=True)
    for column in (_words("changes_en"), _list("kinds"), _words("new_owner")):
        op.add_column("policy_versions", column)
        op.alter_column("policy_versions", column.name, server_default=None)
    op.create_table(
        "policy_drafts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", _kind(), nullable=False),
        sa.Column("version", sa.String(24), nullable=False),
        sa.Column("effective_at", moment, nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("changes_en", sa.Text(), nullable=False),
        sa.Column("material", sa.Boolean(), nullable=False),
        sa.Column("kinds", postgresql.JSONB(), nullable=False),
        sa.Column("new_owner", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", moment, nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", moment, nullable=True),
        sa.CheckConstraint(
            "decided_by <> proposed_by OR NOT approved", name=op.f("ck_policy_drafts_two_people")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["accounts.id"], name=op.f("fk_policy_drafts_proposed_by")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["accounts.id"], name=op.f("fk_policy_drafts_decided_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_drafts")),
    )
    op.create_index(
        "uq_policy_drafts_open",
        "policy_drafts",
        ["kind"],
        unique=True,
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_index(op.f("ix_policy_drafts_proposed_by"), "policy_drafts", ["proposed_by"])
    op.create_index(op.f("ix_policy_drafts_decided_by"), "policy_drafts", ["decided_by"])
    op.create_table(
        "policy_answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column(
            "said", sa.Enum("agreed", "declined", "later", name="policy_said"), nullable=False
        ),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policy_versions.id"], name=op.f("fk_policy_answers_policy_id")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_policy_answers_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_answers")),
    )
    op.create_index(
        "ix_policy_answers_account", "policy_answers", ["account_id", "policy_id", "id"]
    )
    op.create_index(op.f("ix_policy_answers_policy_id"), "policy_answers", ["policy_id"])
    op.create_table(
        "policy_notices",
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("mailed", sa.Boolean(), nullable=False),
        sa.Column("texted", sa.Boolean(), nullable=False),
        sa.Column("told_at", moment, nullable=False),
        sa.Column("reminded_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policy_versions.id"], name=op.f("fk_policy_notices_policy_id")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_policy_notices_account_id")
        ),
        sa.PrimaryKeyConstraint("policy_id", "account_id", name=op.f("pk_policy_notices")),
    )
    op.create_index(op.f("ix_policy_notices_account_id"), "policy_notices", ["account_id"])
    op.create_table(
        "consent_receipts",
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("signed_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"],
            ["consent_records.id"],
            name=op.f("fk_consent_receipts_consent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("consent_id", name=op.f("pk_consent_receipts")),
    )
    op.create_index(
        "ix_consent_records_calls",
        "consent_records",
        ["details"],
        postgresql_using="gin",
        postgresql_ops={"details": "jsonb_path_ops"},
        postgresql_where=sa.text("purpose = 'call_recording'"),
    )
    grant(WEB, WORKER)


downgrade = no_way_back
