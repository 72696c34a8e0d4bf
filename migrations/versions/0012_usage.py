"""Usage counted with consent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.granting import grant, no_way_back

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing. The web counts and forgets; it reads
# no visit, only sums.
WEB: dict[str, str] = {
    "usage_visitors": "SELECT, INSERT, DELETE",
    "usage_hits": "INSERT, DELETE, SELECT (visitor_index)",
    "usage_sums": "SELECT",
}
WORKER: dict[str, str] = {
    "usage_visitors": "SELECT, DELETE",
    "usage_hits": "SELECT, DELETE",
    "usage_sums": "SELECT, INSERT",
}


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "usage_visitors",
        sa.Column("visitor_index", sa.LargeBinary(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent_records.id"], op.f("fk_usage_visitors_consent_id")
        ),
        sa.PrimaryKeyConstraint("visitor_index", name=op.f("pk_usage_visitors")),
    )
    op.create_index(op.f("ix_usage_visitors_consent_id"), "usage_visitors", ["consent_id"])
    op.create_index(op.f("ix_usage_visitors_until"), "usage_visitors", ["until"])
    op.create_table(
        "usage_hits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visitor_index", sa.LargeBinary(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("kind", sa.Enum("view", "click", name="hit_kind"), nullable=False),
        sa.Column("page", sa.String(40), nullable=False),
        sa.Column("click", sa.String(20), nullable=False),
        sa.Column("system", sa.String(20), nullable=False),
        sa.Column("device", sa.LargeBinary(), nullable=False),
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_hits")),
    )
    op.create_index(op.f("ix_usage_hits_at"), "usage_hits", ["at"])
    op.create_index(op.f("ix_usage_hits_visitor_index"), "usage_hits", ["visitor_index"])
    op.create_table(
        "usage_sums",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column(
            "dimension",
            sa.Enum("day", "page", "click", "system", "device", name="dimension"),
            nullable=False,
        ),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("visitors", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "dimension", "name", name=op.f("pk_usage_sums")),
    )
    grant(WEB, WORKER)


downgrade = no_way_back
