"""Accounts opened by the company, resets by possession."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.granting import WRITE, grant, no_way_back

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "data_sources": "SELECT, INSERT",
    "opened_accounts": WRITE,
    "account_codes": WRITE,
    "account_changes": WRITE,
    "account_freezes": WRITE,
}
WORKER: dict[str, str] = {
    "data_sources": "",
    "opened_accounts": "DELETE, SELECT (account_id)",
    "account_codes": "DELETE, SELECT (id, account_id, expires_at)",
    "account_changes": "DELETE, SELECT (id, account_id, asked_at)",
    "account_freezes": "SELECT, DELETE",
}


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    moment = sa.DateTime(timezone=True)

    def refers(table: str, column: str, to: str = "accounts") -> sa.ForeignKeyConstraint:
        return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"))

    op.create_table(
        "data_sources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("party", sa.String(120), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("commitment", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", moment, nullable=False),
        refers("data_sources", "organization_id", "organizations"),
        refers("data_sources", "recorded_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_sources")),
    )
    op.create_table(
        "opened_accounts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("told_at", moment, nullable=True),
        sa.Column("agreed_at", moment, nullable=True),
        refers("opened_accounts", "account_id"),
        refers("opened_accounts", "source_id", "data_sources"),
        refers("opened_accounts", "opened_by"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_opened_accounts")),
    )
    op.create_table(
        "account_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Enum("reset", "freeze", name="code_purpose"), nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=True),
        sa.Column("issued_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        refers("account_codes", "account_id"),
        refers("account_codes", "issued_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_codes")),
    )
    op.create_table(
        "account_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Enum("phone", "factor", name="change_kind"), nullable=False),
        sa.Column("new_login", sa.LargeBinary(), nullable=True),
        sa.Column("new_login_index", sa.LargeBinary(), nullable=True),
        sa.Column("proof", sa.String(16), nullable=False),
        sa.Column("checked", sa.String(64), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", moment, nullable=True),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        refers("account_changes", "account_id"),
        refers("account_changes", "asked_by"),
        refers("account_changes", "confirmed_by"),
        sa.CheckConstraint("confirmed_by <> asked_by", name=op.f("ck_account_changes_two_people")),
        sa.CheckConstraint(
            "(confirmed_at IS NULL) = (due_at IS NULL)",
            name=op.f("ck_account_changes_due_once_confirmed"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_changes")),
    )
    op.create_table(
        "account_freezes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("reported_by", sa.String(16), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        refers("account_freezes", "account_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_freezes")),
    )
    for table, columns in {
        "data_sources": ("organization_id", "recorded_by"),
        "opened_accounts": ("source_id", "opened_by"),
        "account_codes": ("account_id", "issued_by"),
        "account_changes": ("account_id", "asked_by", "confirmed_by"),
        "account_freezes": ("account_id",),
    }.items():
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    op.create_index("ix_account_changes_new_login", "account_changes", ["new_login_index"])
    still_open = sa.text("ended_at IS NULL")
    for name, table, columns in (
        ("uq_account_codes_open", "account_codes", ["account_id", "purpose"]),
        ("uq_account_changes_open", "account_changes", ["account_id", "kind"]),
        ("uq_account_freezes_open", "account_freezes", ["account_id"]),
    ):
        op.create_index(name, table, columns, unique=True, postgresql_where=still_open)
    grant(WEB, WORKER)


downgrade = no_way_back
