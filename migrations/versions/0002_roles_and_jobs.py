"""Who may touch which table, the job queue's own tables, and shared limits.

The web's role may write but not rewrite what proves something (audit, consents, decisions,
custody), and may not make a release or a vault key. The roles themselves are made by the
operator (or by ``./dev``) before the first migration.
"""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy import text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WRITE = "SELECT, INSERT, UPDATE"
ALL = "SELECT, INSERT, UPDATE, DELETE"
APPEND = "SELECT, INSERT"
# The worker deletes what proves something when the registry's three years are over.
APPEND_UNTIL_OLD = "SELECT, INSERT, DELETE"

WEB = {
    "account_roles": ALL,
    "accounts": WRITE,
    "audit_chain": "SELECT",
    "audit_entries": APPEND,
    "audit_seals": "SELECT",
    "consent_records": APPEND,
    "custody_events": APPEND,
    "custody_receipts": "SELECT",
    "decision_drafts": ALL,
    "decisions": APPEND,
    "do_not_contact": APPEND,
    "documents": WRITE,
    "event_document_kinds": ALL,
    "event_fields": ALL,
    "events": WRITE,
    "invitations": WRITE,
    "leads": WRITE,
    "login_sessions": WRITE,
    "notices": WRITE,
    "organization_onboardings": WRITE,
    "organizations": WRITE,
    "policy_versions": APPEND,
    "rate_limits": ALL,
    "recipients": WRITE,
    "recovery_codes": ALL,
    "registration_answers": ALL,
    "registrations": WRITE,
    "release_items": "SELECT",
    "releases": "SELECT, UPDATE",
    "sign_ins": APPEND,
    "students": WRITE,
    "tombstones": "",
    "totp_factors": ALL,
    "trusted_devices": WRITE,
    "upload_counts": WRITE,
    "vault_keys": "SELECT",
}
WORKER = {
    "account_roles": "SELECT",
    # By columns: `WORKER_COLUMNS`.
    "accounts": "",
    "audit_chain": APPEND_UNTIL_OLD,
    "audit_entries": APPEND_UNTIL_OLD,
    "audit_seals": APPEND_UNTIL_OLD,
    "consent_records": "SELECT, DELETE",
    "custody_events": APPEND_UNTIL_OLD,
    "custody_receipts": APPEND_UNTIL_OLD,
    "decision_drafts": "SELECT, DELETE",
    "decisions": "SELECT, DELETE",
    "do_not_contact": "SELECT",
    "documents": "SELECT, UPDATE",
    "event_document_kinds": "SELECT",
    "event_fields": "SELECT",
    "events": "SELECT, UPDATE",
    "invitations": "SELECT, DELETE",
    "leads": "SELECT, DELETE",
    "login_sessions": "SELECT, DELETE",
    "notices": "SELECT, INSERT, DELETE",
    "organization_onboardings": "",
    "organizations": "SELECT",
    "policy_versions": "SELECT",
    "rate_limits": "SELECT, DELETE",
    "recipients": "SELECT, UPDATE",
    "recovery_codes": "DELETE",
    "registration_answers": "SELECT, DELETE",
    "registrations": "SELECT, UPDATE",
    "release_items": ALL,
    "releases": WRITE,
    "sign_ins": "SELECT, DELETE",
    "students": "SELECT, UPDATE",
    "tombstones": APPEND,
    "totp_factors": "DELETE",
    "trusted_devices": "SELECT, DELETE",
    "upload_counts": "SELECT, DELETE",
    "vault_keys": WRITE,
}
# What the worker must know of an account: that it is live, whose it is, and when it was used. It
# may empty one that nobody uses any more, and cannot read whose phone or password it was.
WORKER_COLUMNS = {
    "accounts": (
        "SELECT (id, realm, status, organization_id, created_at, last_seen_at),"
        " UPDATE (login, login_index, name, password_hash, status)"
    ),
    "recovery_codes": "SELECT (account_id)",
    "totp_factors": "SELECT (account_id)",
}


def upgrade() -> None:
    """Make the queue's tables and the shared limits, then grant table by table."""
    connection = op.get_bind()
    connection.connection.driver_connection.execute(SchemaManager.get_schema())
    op.execute(
        "CREATE UNLOGGED TABLE rate_limits ("
        " key text PRIMARY KEY, hits integer NOT NULL, expires_at timestamptz NOT NULL)"
    )
    op.execute("CREATE INDEX ix_rate_limits_expires_at ON rate_limits (expires_at)")
    for role, grants in (("heyan_web", WEB), ("heyan_worker", WORKER)):
        op.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
        for table, rights in grants.items():
            if rights:
                op.execute(text(f"GRANT {rights} ON {table} TO {role}"))
        op.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"))
    for table, rights in WORKER_COLUMNS.items():
        op.execute(text(f"GRANT {rights} ON {table} TO heyan_worker"))
    op.execute("GRANT SELECT, INSERT ON procrastinate_jobs TO heyan_web")
    op.execute("GRANT SELECT, INSERT ON procrastinate_events TO heyan_web")
    op.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON procrastinate_jobs, procrastinate_events,"
        " procrastinate_workers, procrastinate_periodic_defers TO heyan_worker"
    )


def downgrade() -> None:
    """Not possible: the queue may hold work. Restore a backup instead."""
    raise RuntimeError("restore a backup instead of stepping back below the first release")
