"""Requests about one's own data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.granting import APPEND, WRITE, grant, no_way_back

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "rights_requests": WRITE,
    "rights_approvals": APPEND,
    "rights_parties": WRITE,
    "access_copies": APPEND,
}
# The worker reads no words of a request: it reminds, verifies and deletes by times and ids.
WORKER: dict[str, str] = {
    "rights_requests": "DELETE",
    "rights_approvals": "",
    "rights_parties": "SELECT, UPDATE, DELETE",
    "access_copies": "SELECT, UPDATE, DELETE",
}
WORKER_READS = (
    "id, number, kind, state, account_id, student_id, received_at, acknowledge_by,"
    " acknowledged_at, checked_at, due_at, reminded_at, escalated_at, closed_at, verified_at"
)
TIME = sa.DateTime(timezone=True)


def _id(name: str, table: str, target: str = "", *, empty: bool = True) -> sa.Column[object]:
    cascade = "CASCADE" if target == "rights_requests" else None
    keys = (
        [sa.ForeignKey(f"{target}.id", name=op.f(f"fk_{table}_{name}_{target}"), ondelete=cascade)]
        if target
        else []
    )
    return sa.Column(name, sa.Uuid(), *keys, nullable=empty)


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    _requests()
    _approvals_and_parties()
    _copies()
    grant(WEB, WORKER)
    op.execute("GRANT UPDATE (fetched_at, opener, expires_at) ON access_copies TO heyan_web")
    op.execute(f"GRANT SELECT ({WORKER_READS}) ON rights_requests TO heyan_worker")
    op.execute(
        "GRANT UPDATE (reminded_at, escalated_at, verified_at) ON rights_requests TO heyan_worker"
    )


def _requests() -> None:
    table = "rights_requests"
    op.create_table(
        table,
        _id("id", table, empty=False),
        sa.Column("number", sa.String(24), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "access", "correct", "withdraw", "delete", "close", "explain", "complaint",
                "next_of_kin", name="rights_kind",
            ),
            nullable=False,
        ),
        sa.Column(
            "channel",
            sa.Enum("web", "phone", "letter", "visit", name="rights_channel"),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum("open", "refusing", "done", "refused", name="rights_state"),
            nullable=False,
        ),
        _id("account_id", table, "accounts"),
        _id("student_id", table, "students"),
        _id("registration_id", table, "registrations"),
        sa.Column("subject", sa.String(40)),
        sa.Column(
            "ground",
            sa.Enum(
                "no_longer_needed", "consent_withdrawn", "service_over", "unlawful", "other",
                name="deletion_ground",
            ),
        ),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("reply_to", sa.LargeBinary()),
        sa.Column("wanted", sa.LargeBinary()),
        sa.Column("received_at", TIME, nullable=False),
        _id("received_by", table, "accounts"),
        sa.Column("acknowledge_by", TIME, nullable=False),
        sa.Column("acknowledged_at", TIME),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("due_provisional", sa.Boolean(), nullable=False),
        sa.Column("checked_at", TIME),
        _id("checked_by", table, "accounts"),
        sa.Column(
            "check",
            sa.Enum("signed_in", "called_back", "met", "not_needed", name="rights_check"),
        ),
        sa.Column("proof", sa.LargeBinary()),
        sa.Column("answer", sa.LargeBinary()),
        _id("answered_by", table, "accounts"),
        sa.Column(
            "refusal_ground",
            sa.Enum(
                "1_legal_duty", "2_national_security", "3_public_interest", "4_criminal_justice",
                "5_abuse_or_vital_interest", "6_harm_to_others", "7_trade_secret",
                name="refusal_ground",
            ),
        ),
        _id("refusal_by", table, "accounts"),
        _id("refusal_confirmed_by", table, "accounts"),
        sa.Column("fee_told_at", TIME),
        sa.Column("fee_fen", sa.Integer()),
        sa.Column("fee_record", sa.String(400)),
        sa.Column("reminded_at", TIME),
        sa.Column("escalated_at", TIME),
        sa.Column("closed_at", TIME),
        sa.Column("verified_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rights_requests")),
        sa.UniqueConstraint("number", name=op.f("uq_rights_requests_number")),
        sa.CheckConstraint(
            "(state = 'refused') <= (refusal_ground IS NOT NULL)",
            name=op.f("ck_rights_requests_grounded"),
        ),
        sa.CheckConstraint(
            "(state IN ('done', 'refused')) = (closed_at IS NOT NULL)",
            name=op.f("ck_rights_requests_closed"),
        ),
        sa.CheckConstraint(
            "state <> 'done' OR checked_at IS NOT NULL",
            name=op.f("ck_rights_requests_checked_first"),
        ),
        sa.CheckConstraint(
            "refusal_confirmed_by <> refusal_by", name=op.f("ck_rights_requests_two_people")
        ),
        sa.CheckConstraint(
            "fee_fen IS NULL OR fee_told_at IS NOT NULL",
            name=op.f("ck_rights_requests_told_before_fee"),
        ),
    )  # fmt: skip
    for column in (
        "student_id", "registration_id", "received_by", "checked_by", "answered_by",
        "refusal_by", "refusal_confirmed_by", "closed_at",
    ):  # fmt: skip
        op.create_index(op.f(f"ix_rights_requests_{column}"), table, [column])
    op.create_index(
        "ix_rights_requests_due",
        table,
        ["due_at", "id"],
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_rights_requests_account", table, ["account_id", "received_at"])


def _approvals_and_parties() -> None:
    op.create_table(
        "rights_approvals",
        _id("request_id", "rights_approvals", "rights_requests", empty=False),
        _id("account_id", "rights_approvals", "accounts", empty=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "account_id", name=op.f("pk_rights_approvals")),
    )
    op.create_index(op.f("ix_rights_approvals_account_id"), "rights_approvals", ["account_id"])
    table = "rights_parties"
    op.create_table(
        table,
        _id("id", table, empty=False),
        _id("account_id", table, "accounts", empty=False),
        _id("registration_id", table, "registrations", empty=False),
        _id("organization_id", table, "organizations", empty=False),
        sa.Column(
            "news",
            sa.Enum("withdrawn", "corrected", name="party_news"),
            nullable=False,
        ),
        sa.Column("told_at", TIME, nullable=False),
        sa.Column("reminded_at", TIME),
        sa.Column("confirmed_at", TIME),
        _id("confirmed_by", table, "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rights_parties")),
    )
    op.create_index(
        "ix_rights_parties_open",
        table,
        ["organization_id", "told_at"],
        postgresql_where=sa.text("confirmed_at IS NULL"),
    )
    op.create_index("ix_rights_parties_account", table, ["account_id"])
    op.create_index(op.f("ix_rights_parties_registration_id"), table, ["registration_id"])
    op.create_index(op.f("ix_rights_parties_confirmed_by"), table, ["confirmed_by"])


def _copies() -> None:
    table = "access_copies"
    op.create_table(
        table,
        _id("id", table, empty=False),
        _id("account_id", table, "accounts", empty=False),
        _id("request_id", table, "rights_requests", empty=False),
        sa.Column(
            "state",
            sa.Enum("ordered", "ready", "destroyed", name="copy_state"),
            nullable=False,
        ),
        sa.Column("facts", sa.LargeBinary()),
        sa.Column("recipient", sa.String(100), nullable=False),
        sa.Column("opener", sa.LargeBinary()),
        sa.Column("object_key", sa.String(80)),
        sa.Column("file_bytes", sa.BigInteger()),
        sa.Column("ordered_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("ready_at", TIME),
        sa.Column("fetched_at", TIME),
        sa.Column("destroyed_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_copies")),
        sa.UniqueConstraint("object_key", name=op.f("uq_access_copies_object_key")),
        sa.CheckConstraint(
            "expires_at <= ordered_at + interval '72 hours'",
            name=op.f("ck_access_copies_three_days"),
        ),
    )
    op.create_index("ix_access_copies_account", table, ["account_id", "ordered_at"])
    op.create_index(
        "ix_access_copies_live",
        table,
        ["expires_at"],
        postgresql_where=sa.text("destroyed_at IS NULL"),
    )
    op.create_index(op.f("ix_access_copies_request_id"), table, ["request_id"])


downgrade = no_way_back
