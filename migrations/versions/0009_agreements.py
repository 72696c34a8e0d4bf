"""Agreements with organizers and providers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.granting import APPEND, WRITE, grant, no_way_back

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "agreements": WRITE,
    "agreement_documents": APPEND,
    "agreement_breaches": APPEND,
}
WORKER: dict[str, str] = {
    "agreements": "SELECT, UPDATE (reminded_days)",
    "agreement_documents": "DELETE, SELECT (agreement_id)",
    "agreement_breaches": "",
}


def _person(name: str, *, nullable: bool) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.Uuid(),
        sa.ForeignKey("accounts.id", name=f"fk_agreements_{name}"),
        nullable=nullable,
    )


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "agreements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("party", sa.String(120), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("clauses", postgresql.JSONB(), nullable=False),
        sa.Column("valid_from", moment, nullable=False),
        sa.Column("valid_until", moment, nullable=False),
        sa.Column(
            "status",
            sa.Enum("proposed", "active", "suspended", "ended", name="agreement_status"),
            nullable=False,
        ),
        _person("proposed_by", nullable=False),
        sa.Column("proposed_at", moment, nullable=False),
        _person("approved_by", nullable=True),
        sa.Column("approved_at", moment, nullable=True),
        _person("suspended_by", nullable=True),
        sa.Column("suspended_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        _person("deletion_confirmed_by", nullable=True),
        sa.Column("deletion_confirmed_at", moment, nullable=True),
        sa.Column("reminded_days", sa.SmallInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="fk_agreements_organization_id"
        ),
        sa.CheckConstraint("approved_by <> proposed_by", name=op.f("ck_agreements_two_people")),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_agreements_dates")),
        sa.CheckConstraint(
            "(kind = 'organizer') = (organization_id IS NOT NULL)",
            name=op.f("ck_agreements_party"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreements")),
    )
    op.create_index("ix_agreements_until", "agreements", ["status", "valid_until"])
    for column in (
        "organization_id",
        "proposed_by",
        "approved_by",
        "suspended_by",
        "deletion_confirmed_by",
    ):
        op.create_index(op.f(f"ix_agreements_{column}"), "agreements", [column])
    op.create_table(
        "agreement_documents",
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_by", sa.Uuid(), nullable=False),
        sa.Column("uploaded_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement_id"], ["agreements.id"], name="fk_agreement_documents_agreement_id"
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by"], ["accounts.id"], name="fk_agreement_documents_uploaded_by"
        ),
        sa.PrimaryKeyConstraint("agreement_id", name=op.f("pk_agreement_documents")),
    )
    op.create_index(
        op.f("ix_agreement_documents_uploaded_by"), "agreement_documents", ["uploaded_by"]
    )
    op.create_table(
        "agreement_breaches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("happened_at", moment, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("measures", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement_id"], ["agreements.id"], name="fk_agreement_breaches_agreement_id"
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["accounts.id"], name="fk_agreement_breaches_recorded_by"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_breaches")),
    )
    for column in ("agreement_id", "recorded_by"):
        op.create_index(op.f(f"ix_agreement_breaches_{column}"), "agreement_breaches", [column])
    grant(WEB, WORKER)


downgrade = no_way_back
