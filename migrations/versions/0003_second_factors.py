"""Passkeys, lost factors, and the quarterly look at who may do what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.granting import ALL, APPEND, WRITE, grant, no_way_back

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "access_reviews": APPEND,
    "factor_resets": WRITE,
    "passkey_challenges": ALL,
    "passkeys": ALL,
}
WORKER: dict[str, str] = {
    "access_reviews": "",
    "factor_resets": "",
    "passkey_challenges": "",
    "passkeys": "DELETE",
}
ENUMS = {
    "passkey_purpose": ("register", "sign_in", "step_up"),
    "identity_proof": ("met", "called_back"),
}


def _enum(name: str) -> postgresql.ENUM:
    return postgresql.ENUM(*ENUMS[name], name=name, create_type=False)


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    for name, values in ENUMS.items():
        postgresql.ENUM(*values, name=name).create(op.get_bind())
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
    )
    op.create_index("ix_passkeys_account_id", "passkeys", ["account_id"])
    op.create_table(
        "passkey_challenges",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", _enum("passkey_purpose"), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["login_sessions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_id", "purpose"),
    )
    op.create_table(
        "factor_resets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("proof", _enum("identity_proof"), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.CheckConstraint("confirmed_by <> asked_by", name="two_people"),
        sa.CheckConstraint("account_id NOT IN (asked_by, confirmed_by)", name="not_ones_own"),
        sa.CheckConstraint("(confirmed_at IS NULL) = (due_at IS NULL)", name="due_once_confirmed"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["asked_by"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["confirmed_by"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("account_id", "asked_by", "confirmed_by"):
        op.create_index(f"ix_factor_resets_{column}", "factor_resets", [column])
    op.create_index(
        "uq_factor_resets_open",
        "factor_resets",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "access_reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reviewed_by", sa.Uuid(), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["reviewed_by"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("reviewed_by", "reviewed_at"):
        op.create_index(f"ix_access_reviews_{column}", "access_reviews", [column])
    grant(WEB, WORKER)
    op.execute("GRANT SELECT (account_id) ON passkeys TO heyan_worker")


downgrade = no_way_back
