"""Contacts, recordings, the grown queue of leads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.granting import ALL, APPEND, WRITE, grant, no_way_back

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing.
WEB: dict[str, str] = {
    "contacts": WRITE,
    "contact_notes": APPEND,
    "recording_keys": "SELECT",
    "recordings": WRITE,
    "recording_parts": APPEND,
}
# The worker reads no entry's words; it deletes by times and ids.
WORKER: dict[str, str] = {
    "contacts": "DELETE",
    "contact_notes": "DELETE",
    "recording_keys": WRITE,
    "recordings": ALL,
    "recording_parts": "SELECT, DELETE",
}
WORKER_READS = "id, kind, state, lead_id, account_id, registration_id, closed_at, delete_after"


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name)


def _time(name: str, *, empty: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=empty)


def _id(name: str, target: str = "", *, empty: bool = False, gone: str = "") -> sa.Column[object]:
    keys = [sa.ForeignKey(target, ondelete=gone or None)] if target else []
    return sa.Column(name, sa.Uuid(), *keys, nullable=empty)


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    _contacts()
    _recordings()
    _leads()
    grant(WEB, WORKER)
    op.execute(f"GRANT SELECT ({WORKER_READS}) ON contacts TO heyan_worker")
    op.execute("GRANT SELECT (id, contact_id) ON contact_notes TO heyan_worker")


def _contacts() -> None:
    channel = ("call", "chat", "visit", "letter", "email")
    op.create_table(
        "contacts",
        _id("id"),
        sa.Column("channel", _enum("contact_channel", *channel), nullable=False),
        sa.Column("direction", _enum("contact_direction", "in", "out"), nullable=False),
        sa.Column(
            "kind",
            _enum("contact_kind", "enquiry", "opinion", "complaint", "dispute"),
            nullable=False,
        ),
        sa.Column("state", _enum("contact_state", "open", "waiting", "closed"), nullable=False),
        _time("at"),
        _id("lead_id", "leads.id", empty=True, gone="SET NULL"),
        _id("account_id", "accounts.id", empty=True),
        _id("registration_id", "registrations.id", empty=True),
        sa.Column("name", sa.LargeBinary()),
        sa.Column("phone", sa.LargeBinary()),
        sa.Column("phone_index", sa.LargeBinary()),
        sa.Column("reply_to", sa.LargeBinary()),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column(
            "recording_consent",
            _enum("recording_consent", "not_asked", "given", "refused"),
            nullable=False,
        ),
        _id("owner_id", "accounts.id", empty=True),
        _time("due_at"),
        sa.Column(
            "outcome",
            _enum(
                "contact_outcome",
                "answered",
                "resolved",
                "agreed",
                "refused",
                "passed_on",
                "no_answer",
            ),
        ),
        sa.Column("outcome_note", sa.LargeBinary()),
        _time("feedback_at", empty=True),
        sa.Column(
            "feedback_channel",
            sa.dialects.postgresql.ENUM(*channel, name="contact_channel", create_type=False),
        ),
        _id("created_by", "accounts.id"),
        _time("created_at"),
        _time("updated_at"),
        _time("closed_at", empty=True),
        _time("delete_after"),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.CheckConstraint("(state = 'closed') = (outcome IS NOT NULL)", name="closed_has_outcome"),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_is_dated"),
        sa.CheckConstraint("lead_id IS NULL OR account_id IS NULL", name="bound_once"),
    )
    live, closed = sa.text("state <> 'closed'"), sa.text("state = 'closed'")
    disputes = sa.text("state <> 'closed' AND kind = 'dispute'")
    for name, columns, where in (
        ("live_due", ["due_at", "id"], live),
        ("live_owner", ["owner_id", "due_at", "id"], live),
        ("live_disputes", ["due_at", "id"], disputes),
        ("closed", ["closed_at", "id"], closed),
        ("lead_at", ["lead_id", "at", "id"], None),
        ("account_at", ["account_id", "at", "id"], None),
        ("phone_at", ["phone_index", "at", "id"], None),
        ("registration_id", ["registration_id"], None),
        ("delete_after", ["delete_after"], None),
        ("created_by", ["created_by"], None),
    ):
        op.create_index(f"ix_contacts_{name}", "contacts", columns, postgresql_where=where)
    op.create_table(
        "contact_notes",
        _id("id"),
        _id("contact_id", "contacts.id", gone="CASCADE"),
        _id("author_id", "accounts.id"),
        _time("at"),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contact_notes"),
    )
    op.create_index("ix_contact_notes_contact_id", "contact_notes", ["contact_id", "id"])
    op.create_index("ix_contact_notes_author_id", "contact_notes", ["author_id"])


def _recordings() -> None:
    op.create_table(
        "recording_keys",
        sa.Column("key_id", sa.String(32), nullable=False),
        _id("vault_id"),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("suite", sa.SmallInteger(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        _time("not_before"),
        _time("not_after"),
        sa.Column("status", _enum("recording_key_status", "active", "destroyed"), nullable=False),
        _time("destroy_after"),
        _time("destroyed_at", empty=True),
        sa.PrimaryKeyConstraint("key_id", name="pk_recording_keys"),
        sa.UniqueConstraint("vault_id", "version", name="uq_recording_keys_vault_id_version"),
    )
    op.create_index("ix_recording_keys_destroy_after", "recording_keys", ["destroy_after"])
    op.create_table(
        "recordings",
        _id("id"),
        _id("contact_id", "contacts.id", empty=True, gone="SET NULL"),
        sa.Column("state", _enum("recording_state", "sealed", "destroyed"), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("plain_bytes", sa.BigInteger(), nullable=False),
        sa.Column("part_count", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(32), sa.ForeignKey("recording_keys.key_id"), nullable=False),
        sa.Column("upload_token", sa.String(64), nullable=False),
        _id("received_by", "accounts.id"),
        _time("received_at"),
        _time("destroy_due_at"),
        sa.Column("destroy_reason", sa.String(24), nullable=False),
        _time("destroyed_at", empty=True),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
        sa.UniqueConstraint(
            "contact_id", "upload_token", name="uq_recordings_contact_id_upload_token"
        ),
    )
    op.create_index("ix_recordings_contact_id", "recordings", ["contact_id"])
    op.create_index("ix_recordings_key_id", "recordings", ["key_id"])
    op.create_index("ix_recordings_received_by", "recordings", ["received_by"])
    op.create_index(
        "ix_recordings_due",
        "recordings",
        ["destroy_due_at"],
        postgresql_where=sa.text("state = 'sealed'"),
    )
    op.create_table(
        "recording_parts",
        _id("recording_id", "recordings.id"),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("object_key", sa.String(64), nullable=False),
        sa.Column("object_version", sa.String(128)),
        sa.Column("ciphertext_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("recording_id", "number", name="pk_recording_parts"),
        sa.UniqueConstraint("object_key", name="uq_recording_parts_object_key"),
    )


def _leads() -> None:
    op.execute("ALTER TYPE lead_outcome ADD VALUE 'duplicate'")
    op.execute("ALTER TYPE lead_outcome ADD VALUE 'account_opened'")
    op.add_column("leads", _id("duplicate_of", "leads.id", empty=True, gone="SET NULL"))
    op.add_column("leads", _id("account_id", "accounts.id", empty=True))
    live = sa.text("status <> 'closed'")
    free = sa.text("status <> 'closed' AND assigned_to IS NULL")
    for name, columns, where in (
        ("duplicate_of", ["duplicate_of"], None),
        ("account_id", ["account_id"], None),
        # All of a number's, and the queue's views by owner.
        ("phone_index", ["phone_index", "id"], None),
        ("live_mine", ["assigned_to", "due_at", "id"], live),
        ("live_free", ["due_at", "id"], free),
    ):
        op.create_index(f"ix_leads_{name}", "leads", columns, postgresql_where=where)


downgrade = no_way_back
