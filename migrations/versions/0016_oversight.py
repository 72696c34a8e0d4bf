"""Oversight: alerts on staff, findings, internal rules, training."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.granting import APPEND, grant, no_way_back

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing. What was raised, published or
# recorded is not changed: it is only closed, or told.
WEB: dict[str, str] = {
    "staff_alerts": "SELECT, INSERT, UPDATE (closed_at, closed_by, reason)",
    "findings": "SELECT, INSERT, UPDATE (closed_at, closed_by, result)",
    "internal_rules": APPEND,
    "rule_acknowledgements": APPEND,
    "trainings": APPEND,
}
WORKER: dict[str, str] = {
    "staff_alerts": APPEND,
    "findings": "SELECT, UPDATE (told_at)",
    "internal_rules": "SELECT",
    "rule_acknowledgements": "SELECT",
    "trainings": "SELECT, UPDATE (reminded_days)",
}


def _account(table: str, column: str, *, null: bool = False) -> sa.Column[object]:
    key = sa.ForeignKey("accounts.id", name=op.f(f"fk_{table}_{column}_accounts"))
    return sa.Column(column, sa.Uuid(), key, nullable=null)


def _indexed(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    _watch()
    _know()
    grant(WEB, WORKER)


def _watch() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "staff_alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.String(24), nullable=False),
        _account("staff_alerts", "account_id", null=True),
        sa.Column("subject_id", sa.Uuid()),
        sa.Column("crossed_at", moment, nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("raised_at", moment, nullable=False),
        sa.Column("closed_at", moment),
        _account("staff_alerts", "closed_by", null=True),
        sa.Column("reason", sa.String(300)),
        sa.CheckConstraint("closed_by <> account_id", name=op.f("ck_staff_alerts_never_ones_own")),
        sa.CheckConstraint(
            "num_nonnulls(closed_at, closed_by, reason) IN (0, 3)",
            name=op.f("ck_staff_alerts_closed_by_somebody"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_alerts")),
    )
    op.create_index(
        "uq_staff_alerts_crossing",
        "staff_alerts",
        ["rule", "account_id", "crossed_at"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "ix_staff_alerts_open",
        "staff_alerts",
        ["id"],
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    _indexed("staff_alerts", "account_id", "closed_by")
    op.create_table(
        "findings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        _account("findings", "owner_id"),
        sa.Column("due_at", moment, nullable=False),
        _account("findings", "raised_by"),
        sa.Column("raised_at", moment, nullable=False),
        _account("findings", "closed_by", null=True),
        sa.Column("closed_at", moment),
        sa.Column("result", sa.String(300)),
        sa.Column("told_at", moment),
        sa.CheckConstraint(
            "num_nonnulls(closed_at, closed_by, result) IN (0, 3)",
            name=op.f("ck_findings_closed_by_somebody"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    op.create_index(
        "ix_findings_due", "findings", ["due_at"], postgresql_where=sa.text("closed_at IS NULL")
    )
    _indexed("findings", "owner_id", "raised_by", "closed_by")


def _know() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "internal_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(80), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _account("internal_rules", "published_by"),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_internal_rules")),
    )
    op.create_index(
        "uq_internal_rules_version", "internal_rules", ["title", "version"], unique=True
    )
    _indexed("internal_rules", "published_by")
    rule = sa.ForeignKey(
        "internal_rules.id", name=op.f("fk_rule_acknowledgements_rule_id_internal_rules")
    )
    op.create_table(
        "rule_acknowledgements",
        sa.Column("rule_id", sa.Uuid(), rule, nullable=False),
        _account("rule_acknowledgements", "account_id"),
        sa.Column("at", moment, nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "account_id", name=op.f("pk_rule_acknowledgements")),
    )
    _indexed("rule_acknowledgements", "account_id")
    op.create_table(
        "trainings",
        sa.Column("id", sa.Uuid(), nullable=False),
        _account("trainings", "account_id"),
        sa.Column("kind", sa.Enum("course", "exam", name="training_kind"), nullable=False),
        sa.Column("passed_at", moment, nullable=False),
        sa.Column("valid_until", moment, nullable=False),
        _account("trainings", "recorded_by", null=True),
        sa.Column("recorded_at", moment, nullable=False),
        sa.Column("reminded_days", sa.SmallInteger()),
        sa.CheckConstraint("recorded_by <> account_id", name=op.f("ck_trainings_never_ones_own")),
        sa.CheckConstraint("valid_until > passed_at", name=op.f("ck_trainings_dates")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trainings")),
    )
    op.create_index("ix_trainings_account", "trainings", ["account_id", "kind", "valid_until"])
    _indexed("trainings", "recorded_by")


downgrade = no_way_back
