"""Grants, requests and their decisions; and the mark by which two accounts are one human's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.granting import APPEND, WRITE, grant, no_way_back

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "standing_grants": WRITE,
    "access_requests": WRITE,
    "access_request_subjects": APPEND,
    "access_decisions": APPEND,
}
# The worker reads who approved what until when, reminds, and deletes; never the words.
_REQUEST = (
    "id, level, scenario, subject_kind, requester_id, purpose, hours, status, asked_at,"
    " approved_at, ends_at, ended_at, reminded_at"
)
WORKER: dict[str, str] = {
    "standing_grants": "SELECT, UPDATE (reminded_days)",
    "access_requests": f"SELECT ({_REQUEST}), UPDATE (reminded_at), DELETE",
    "access_request_subjects": "SELECT, DELETE",
    "access_decisions": "SELECT (id, request_id, approver_id, role, approved, at), DELETE",
}
SCENARIO = ("leads", "contacts", "accounts", "registrations", "rights")


def _enum(name: str, *values: str) -> postgresql.ENUM:
    return postgresql.ENUM(*values, name=name, create_type=False)


def _role() -> postgresql.ENUM:
    return _enum(
        "role", "student", "organizer_member", "organizer_owner", "service", "operations",
        "privacy_officer", "administrator", "auditor",
    )  # fmt: skip


def _people(table: str, *columns: str) -> None:
    for column in columns:
        op.create_foreign_key(
            op.f(f"fk_{table}_{column}_accounts"), table, "accounts", [column], ["id"]
        )


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    moment = sa.DateTime(timezone=True)
    op.add_column("accounts", sa.Column("person_index", sa.LargeBinary(), nullable=True))
    op.create_index(op.f("ix_accounts_person_index"), "accounts", ["person_index"])
    for name, values in (
        ("scenario", SCENARIO),
        ("grant_status", ("proposed", "approved", "refused", "revoked")),
        ("request_status", ("waiting", "approved", "refused", "ended")),
    ):
        sa.Enum(*values, name=name).create(op.get_bind())
    op.create_table(
        "standing_grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("role", _role(), nullable=False),
        sa.Column("scenario", _enum("scenario", *SCENARIO), nullable=False),
        sa.Column("purpose", sa.String(300), nullable=False),
        sa.Column("days", sa.SmallInteger(), nullable=False),
        sa.Column("status", _enum("grant_status"), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", moment, nullable=False),
        sa.Column("decided_by", sa.Uuid()),
        sa.Column("decided_at", moment),
        sa.Column("decision_reason", sa.String(300)),
        sa.Column("ends_at", moment),
        sa.Column("revoked_by", sa.Uuid()),
        sa.Column("revoked_at", moment),
        sa.Column("reminded_days", sa.SmallInteger()),
        sa.CheckConstraint("decided_by <> proposed_by", name=op.f("ck_standing_grants_two_people")),
        sa.CheckConstraint("days BETWEEN 1 AND 90", name=op.f("ck_standing_grants_days")),
        sa.CheckConstraint(
            "status <> 'approved' OR ends_at IS NOT NULL", name=op.f("ck_standing_grants_ends")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_grants")),
    )
    _people("standing_grants", "proposed_by", "decided_by", "revoked_by")
    for column in ("proposed_by", "decided_by", "revoked_by"):
        op.create_index(op.f(f"ix_standing_grants_{column}"), "standing_grants", [column])
    op.create_index(
        "uq_standing_grants_waiting",
        "standing_grants",
        ["role", "scenario"],
        unique=True,
        postgresql_where=sa.text("status = 'proposed'"),
    )
    op.create_index(
        "ix_standing_grants_live", "standing_grants", ["scenario", "role", "status", "ends_at"]
    )
    op.create_table(
        "access_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("scenario", _enum("scenario", *SCENARIO), nullable=False),
        sa.Column("subject_kind", sa.String(16), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(24), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("hours", sa.SmallInteger(), nullable=False),
        sa.Column("status", _enum("request_status"), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("approved_at", moment),
        sa.Column("ends_at", moment),
        sa.Column("ended_by", sa.Uuid()),
        sa.Column("ended_at", moment),
        sa.Column("reminded_at", moment),
        sa.CheckConstraint(
            "(level = 3 AND hours BETWEEN 1 AND 8) OR (level = 4 AND hours BETWEEN 1 AND 24)",
            name=op.f("ck_access_requests_hours"),
        ),
        sa.CheckConstraint(
            "status <> 'approved' OR ends_at IS NOT NULL", name=op.f("ck_access_requests_ends")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_requests")),
    )
    _people("access_requests", "requester_id", "ended_by")
    op.create_index(op.f("ix_access_requests_ended_by"), "access_requests", ["ended_by"])
    op.create_index("ix_access_requests_status", "access_requests", ["status", "id"])
    op.create_index("ix_access_requests_requester", "access_requests", ["requester_id", "id"])
    op.create_table(
        "access_request_subjects",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["access_requests.id"],
            name=op.f("fk_access_request_subjects_request_id_access_requests"),
        ),
        sa.PrimaryKeyConstraint(
            "request_id", "subject_id", name=op.f("pk_access_request_subjects")
        ),
    )
    op.create_index(
        op.f("ix_access_request_subjects_subject_id"), "access_request_subjects", ["subject_id"]
    )
    op.create_table(
        "access_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=False),
        sa.Column("role", _role(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["access_requests.id"],
            name=op.f("fk_access_decisions_request_id_access_requests"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_decisions")),
    )
    _people("access_decisions", "approver_id")
    op.create_index(op.f("ix_access_decisions_approver_id"), "access_decisions", ["approver_id"])
    for name, column in (
        ("uq_access_decisions_person", "approver_id"),
        ("uq_access_decisions_role", "role"),
    ):
        op.create_index(name, "access_decisions", ["request_id", column], unique=True)
    grant(WEB, WORKER)


downgrade = no_way_back
