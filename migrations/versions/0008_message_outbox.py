"""Messages by e-mail and SMS."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.granting import ALL, grant, no_way_back

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What each role may do with each new table; "" for nothing. The web never reads what a message
# says once it is queued.
WEB: dict[str, str] = {
    "reaches": ALL,
    "proofs": "SELECT, INSERT, UPDATE",
    "messages": "INSERT, SELECT (id, account_id, channel, kind, locale, address, address_index,"
    " source_index, state, reason, attempts, created_at, next_at, claimed_at, ended_at,"
    " delivery, delivery_reason, delivery_at)",
}
WORKER: dict[str, str] = {
    "reaches": "SELECT, DELETE",
    "proofs": "SELECT, UPDATE, DELETE",
    "messages": ALL,
}


def _account(nullable: bool, table: str) -> sa.Column[object]:
    return sa.Column(
        "account_id",
        sa.Uuid(),
        sa.ForeignKey("accounts.id", name=f"fk_{table}_account_id"),
        nullable=nullable,
    )


def upgrade() -> None:
    """Make the tables and say who may touch them."""
    moment = sa.DateTime(timezone=True)
    channel = sa.Enum("email", "sms", name="message_channel")
    again = postgresql.ENUM(name="message_channel", create_type=False)
    op.create_table(
        "reaches",
        _account(False, "reaches"),
        sa.Column("channel", channel, nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("address_index", sa.LargeBinary(), nullable=False),
        sa.Column("locale", sa.String(8), nullable=False),
        sa.Column("wants_all", sa.Boolean(), nullable=False),
        sa.Column("verified_at", moment, nullable=False),
        sa.Column("second_factor_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("account_id", "channel", name=op.f("pk_reaches")),
    )
    op.create_index(op.f("ix_reaches_address_index"), "reaches", ["address_index"])
    op.create_table(
        "proofs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum("verify", "reset", "sign_in", "new_number", name="proof_purpose"),
            nullable=False,
        ),
        _account(True, "proofs"),
        sa.Column(
            "session_id",
            sa.Uuid(),
            sa.ForeignKey("login_sessions.id", name="fk_proofs_session_id", ondelete="CASCADE"),
            nullable=True,
        ),
        sa.Column("channel", again, nullable=True),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_until", moment, nullable=True),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=True),
        sa.Column("link_until", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proofs")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_proofs_link_hash")),
    )
    op.create_index(op.f("ix_proofs_account_id"), "proofs", ["account_id"])
    op.create_index(op.f("ix_proofs_session_id"), "proofs", ["session_id"])
    op.create_index(op.f("ix_proofs_created_at"), "proofs", ["created_at"])
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        _account(True, "messages"),
        sa.Column("channel", again, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("locale", sa.String(8), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=True),
        sa.Column("address_index", sa.LargeBinary(), nullable=True),
        sa.Column("params", sa.LargeBinary(), nullable=True),
        sa.Column("source_index", sa.LargeBinary(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("queued", "sending", "sent", "failed", "unsent", name="message_state"),
            nullable=False,
        ),
        sa.Column("reason", sa.String(40), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("lost", sa.SmallInteger(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("receipt", sa.String(64), nullable=True),
        sa.Column(
            "delivery",
            sa.Enum("awaited", "delivered", "failed", "unknown", name="message_delivery"),
            nullable=True,
        ),
        sa.Column("delivery_reason", sa.String(40), nullable=True),
        sa.Column("delivery_at", moment, nullable=True),
        sa.Column("delivery_asks", sa.SmallInteger(), nullable=False),
        sa.Column("delivery_next_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("next_at", moment, nullable=False),
        sa.Column("claimed_at", moment, nullable=True),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(
        "ix_messages_waiting", "messages", ["next_at"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )  # fmt: skip
    op.create_index(
        "ix_messages_delivery_due", "messages", ["delivery_next_at"],
        postgresql_where=sa.text("delivery = 'awaited'"),
    )  # fmt: skip
    op.create_index("ix_messages_number_at", "messages", ["channel", "address_index", "created_at"])
    op.create_index("ix_messages_source_at", "messages", ["source_index", "created_at"])
    op.create_index("ix_messages_channel_claimed", "messages", ["channel", "claimed_at"])
    op.create_index(op.f("ix_messages_account_id"), "messages", ["account_id"])
    op.create_index(op.f("ix_messages_created_at"), "messages", ["created_at"])
    grant(WEB, WORKER)
    # Whose number a reset was asked for: found by index, never read.
    op.execute("GRANT SELECT (login_index) ON accounts TO heyan_worker")


downgrade = no_way_back
