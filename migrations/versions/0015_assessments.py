"""Impact assessments, the minors' audit, and the end of the service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.granting import APPEND, WRITE, grant, no_way_back

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "assessments": "SELECT, INSERT, DELETE, UPDATE (confirmed_by, confirmed_at)",
    "service_endings": "SELECT, INSERT, UPDATE (approved_by, approved_at, cancel_asked_by,"
    " cancel_asked_at, cancelled_by, cancelled_at, archived_at)",
    "ending_notices": "",
    "minors_audits": APPEND,
}
WORKER: dict[str, str] = {
    "assessments": "SELECT",
    "service_endings": "SELECT, UPDATE (begun_at, ended_at, certificate)",
    "ending_notices": WRITE,
    "minors_audits": "",
}


def _people(table: str, *names: str) -> list[sa.Column[object]]:
    return [
        sa.Column(
            name,
            sa.Uuid(),
            sa.ForeignKey("accounts.id", name=op.f(f"fk_{table}_{name}")),
            nullable=name not in ("written_by", "proposed_by"),
        )
        for name in names
    ]


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "assessments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "event_id",
            sa.Uuid(),
            sa.ForeignKey("events.id", name=op.f("fk_assessments_event_id")),
            nullable=True,
        ),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("covers", postgresql.JSONB(), nullable=False),
        sa.Column("necessity", sa.Text(), nullable=False),
        sa.Column("risks", sa.Text(), nullable=False),
        sa.Column("measures", sa.Text(), nullable=False),
        sa.Column("conclusion", sa.Text(), nullable=False),
        sa.Column("high_risk", sa.Boolean(), nullable=False),
        *_people("assessments", "written_by"),
        sa.Column("written_at", moment, nullable=False),
        *_people("assessments", "confirmed_by"),
        sa.Column("confirmed_at", moment, nullable=True),
        sa.Column("review_at", moment, nullable=False),
        sa.CheckConstraint("confirmed_by <> written_by", name="two_people"),
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed_by_somebody"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_assessments"),
    )
    for name in ("event_id", "written_by", "confirmed_by"):
        op.create_index(f"ix_assessments_{name}", "assessments", [name])
    # The register takes its place: a reference typed by hand proved nothing.
    op.drop_column("events", "assessment_ref")
    op.create_table(
        "service_endings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ends_at", moment, nullable=False),
        *_people(
            "service_endings", "proposed_by", "approved_by", "cancel_asked_by", "cancelled_by"
        ),
        sa.Column("proposed_at", moment, nullable=False),
        sa.Column("approved_at", moment, nullable=True),
        sa.Column("cancel_asked_at", moment, nullable=True),
        sa.Column("cancelled_at", moment, nullable=True),
        sa.Column("archived_at", moment, nullable=True),
        sa.Column("begun_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.CheckConstraint("approved_by <> proposed_by", name="two_people"),
        sa.CheckConstraint("cancelled_by <> cancel_asked_by", name="two_people_cancel"),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (certificate IS NULL)", name="ended_with_certificate"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_service_endings"),
    )
    for name in ("proposed_by", "approved_by", "cancel_asked_by", "cancelled_by"):
        op.create_index(f"ix_service_endings_{name}", "service_endings", [name])
    op.create_index(
        "uq_service_endings_standing",
        "service_endings",
        [sa.text("(true)")],
        unique=True,
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )
    op.create_table(
        "ending_notices",
        sa.Column(
            "ending_id",
            sa.Uuid(),
            sa.ForeignKey("service_endings.id", name=op.f("fk_ending_notices_ending_id")),
            nullable=False,
        ),
        sa.Column(
            "account_id",
            sa.Uuid(),
            sa.ForeignKey("accounts.id", name=op.f("fk_ending_notices_account_id")),
            nullable=False,
        ),
        sa.Column("told_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("ending_id", "account_id", name="pk_ending_notices"),
    )
    op.create_index("ix_ending_notices_account_id", "ending_notices", ["account_id"])
    op.create_table(
        "minors_audits",
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        *_people("minors_audits", "written_by"),
        sa.Column("written_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("year", name="pk_minors_audits"),
    )
    op.create_index("ix_minors_audits_written_by", "minors_audits", ["written_by"])
    grant(WEB, WORKER)
    # At the end of the service nobody is called any more.
    op.execute("GRANT DELETE ON do_not_contact TO heyan_worker")


downgrade = no_way_back
