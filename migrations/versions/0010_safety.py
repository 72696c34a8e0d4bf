"""Flags, and what they are found by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.granting import APPEND, WRITE, grant, no_way_back

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing. The web puts a sealed digest in and
# never sees it again; of the keyed ones it sees nothing at all (Q4).
WEB: dict[str, str] = {
    "safety_flags": WRITE,
    "safety_subjects": WRITE,
    "safety_acts": APPEND,
    "safety_sources": APPEND,
    "safety_sealed": "INSERT",
    "safety_marks": "",
}
WORKER: dict[str, str] = {
    "safety_flags": "SELECT, INSERT, DELETE",
    "safety_subjects": "SELECT, INSERT, DELETE",
    "safety_acts": "SELECT (id, flag_id, act, at), DELETE",
    "safety_sources": "SELECT, DELETE",
    "safety_sealed": "SELECT, DELETE",
    "safety_marks": "SELECT, INSERT, UPDATE, DELETE",
}


def _to(
    table: str, column: str, target: str, *, null: bool = False, cascade: bool = False
) -> sa.Column[object]:
    return sa.Column(
        column,
        sa.Uuid(),
        sa.ForeignKey(
            f"{target}.id",
            name=op.f(f"fk_{table}_{column}"),
            ondelete="CASCADE" if cascade else None,
        ),
        nullable=null,
    )


def _indexed(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    _flags()
    _found_by()
    grant(WEB, WORKER)


def _flags() -> None:
    moment = sa.DateTime(timezone=True)
    kinds = ("same_number", "same_file", "many_accounts", "two_networks")
    op.create_table(
        "safety_flags",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Enum(*kinds, name="flag_kind"), nullable=False),
        sa.Column(
            "state", sa.Enum("open", "cleared", "stopped", name="flag_state"), nullable=False
        ),
        _to("safety_flags", "event_id", "events", null=True),
        _to("safety_flags", "account_id", "accounts", null=True),
        sa.Column("source_index", sa.LargeBinary(), nullable=True),
        sa.Column("raised_at", moment, nullable=False),
        sa.Column("decided_at", moment, nullable=True),
        _to("safety_flags", "decided_by", "accounts", null=True),
        sa.Column("delete_after", moment, nullable=False),
        sa.CheckConstraint(
            "(state = 'open') = (decided_at IS NULL)", name=op.f("ck_safety_flags_decided")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_flags")),
    )
    op.create_index("ix_safety_flags_state", "safety_flags", ["state", "id"])
    for name, columns in (("account", ["kind", "account_id"]), ("source", ["source_index"])):
        op.create_index(
            f"uq_safety_flags_{name}",
            "safety_flags",
            columns,
            unique=True,
            postgresql_where=sa.text("state = 'open'"),
        )
    _indexed("safety_flags", "event_id", "account_id", "decided_by", "delete_after")
    op.create_table(
        "safety_subjects",
        sa.Column("id", sa.Uuid(), nullable=False),
        _to("safety_subjects", "flag_id", "safety_flags", cascade=True),
        _to("safety_subjects", "registration_id", "registrations", null=True),
        _to("safety_subjects", "account_id", "accounts", null=True),
        sa.Column("held_at", moment, nullable=True),
        _to("safety_subjects", "held_by", "accounts", null=True),
        sa.CheckConstraint(
            "num_nonnulls(registration_id, account_id) = 1",
            name=op.f("ck_safety_subjects_one_subject"),
        ),
        sa.CheckConstraint(
            "(held_at IS NULL) = (held_by IS NULL)",
            name=op.f("ck_safety_subjects_held_by_somebody"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_subjects")),
        sa.UniqueConstraint(
            "flag_id", "registration_id", name=op.f("uq_safety_subjects_flag_id_registration_id")
        ),
        sa.UniqueConstraint("flag_id", "account_id", name="uq_safety_subjects_flag_account"),
    )
    _indexed("safety_subjects", "registration_id", "account_id", "held_by")
    acts = ("hold", "resume", "ask", "tell", "clear", "stop")
    op.create_table(
        "safety_acts",
        sa.Column("id", sa.Uuid(), nullable=False),
        _to("safety_acts", "flag_id", "safety_flags", cascade=True),
        sa.Column("act", sa.Enum(*acts, name="flag_act"), nullable=False),
        _to("safety_acts", "by", "accounts"),
        sa.Column("at", moment, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_acts")),
    )
    _indexed("safety_acts", "flag_id", "by")


def _found_by() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "safety_sources",
        _to("safety_sources", "account_id", "accounts"),
        sa.Column("source_index", sa.LargeBinary(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_safety_sources")),
    )
    _indexed("safety_sources", "source_index", "at")
    op.create_table(
        "safety_sealed",
        _to("safety_sealed", "document_id", "documents"),
        _to("safety_sealed", "registration_id", "registrations"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("vault_key_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_safety_sealed")),
    )
    _indexed("safety_sealed", "registration_id")
    op.create_table(
        "safety_marks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Enum("number", "file", name="mark_kind"), nullable=False),
        _to("safety_marks", "event_id", "events"),
        _to("safety_marks", "registration_id", "registrations"),
        _to("safety_marks", "student_id", "students"),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("keyed_digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_marks")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_safety_marks_kind_subject_id")),
    )
    op.create_index(
        "ix_safety_marks_same", "safety_marks", ["event_id", "kind", "key_id", "keyed_digest"]
    )
    _indexed("safety_marks", "registration_id", "student_id")


downgrade = no_way_back
