"""A second guardian of a student: by a code from the first, ended or put in dispute by either."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.granting import WRITE, grant, no_way_back

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {"guardianships": WRITE}
WORKER: dict[str, str] = {"guardianships": "SELECT, DELETE"}


def upgrade() -> None:
    """Make the table and say who may touch it."""
    moment = sa.DateTime(timezone=True)

    def points(name: str, table: str, *, nullable: bool) -> sa.Column[object]:
        key = sa.ForeignKey(f"{table}.id", name=op.f(f"fk_guardianships_{name}_{table}"))
        return sa.Column(name, sa.Uuid(), key, nullable=nullable)

    op.create_table(
        "guardianships",
        sa.Column("id", sa.Uuid(), nullable=False),
        points("student_id", "students", nullable=False),
        points("account_id", "accounts", nullable=True),
        sa.Column(
            "state",
            sa.Enum("offered", "bound", "disputed", "ended", name="guardianship_state"),
            nullable=False,
        ),
        sa.Column("code_hash", sa.LargeBinary()),
        sa.Column("offered_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("bound_at", moment),
        points("disputed_by", "accounts", nullable=True),
        sa.Column("ended_at", moment),
        sa.CheckConstraint(
            "(state IN ('bound', 'disputed')) <= (account_id IS NOT NULL AND code_hash IS NULL)",
            name=op.f("ck_guardianships_bound_to_somebody"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guardianships")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_guardianships_code_hash")),
    )
    for column in ("student_id", "account_id", "disputed_by"):
        op.create_index(op.f(f"ix_guardianships_{column}"), "guardianships", [column])
    op.create_index(
        "uq_guardianships_live", "guardianships", ["student_id", "account_id"], unique=True,
        postgresql_where=sa.text("state IN ('bound', 'disputed')"),
    )  # fmt: skip
    grant(WEB, WORKER)


downgrade = no_way_back
