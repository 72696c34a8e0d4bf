"""What proves that two people agreed stays as it was written, whoever holds the web's password.

The web's role may write each step of a grant, an approval, a hold, an agreement, a slow change or
a reset, and nothing else of such a row; a step once written is never written again, and what is
over never begins anew (SECURITY 31, 46). The worker deletes such rows when their years are over.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# No table of its own.
WEB: dict[str, str] = {}
WORKER: dict[str, str] = {}

# By table: what the web may still write of a row that is there. Before "|" once, then freely.
STEPS: dict[str, str] = {
    "standing_grants": (
        "decided_by decided_at decision_reason ends_at revoked_by revoked_at | status"
    ),
    "access_requests": "approved_at ends_at ended_by ended_at | status",
    "viewings": "fetched_at |",
    "staff_keys": (
        "proven_at confirmed_by confirmed_at ended_at ended_reason"
        " | status challenge challenge_sha256 challenge_until"
    ),
    "account_codes": "ended_at | tries",
    "account_changes": (
        "confirmed_by confirmed_at due_at outcome ended_at | new_login new_login_index"
    ),
    "account_freezes": "ended_at |",
    "opened_accounts": "told_at agreed_at |",
    "agreements": (
        "approved_by approved_at ended_at deletion_confirmed_by deletion_confirmed_at"
        " | status suspended_by suspended_at"
    ),
    "factor_resets": "confirmed_by confirmed_at due_at ended_at | done",
    "rights_requests": (
        "acknowledged_at answered_by refusal_confirmed_by closed_at fee_told_at"
        " | state checked_at checked_by check proof answer refusal_ground refusal_by wanted"
        " escalated_at fee_fen fee_record"
    ),
    "rights_parties": "confirmed_at confirmed_by |",
    "legal_holds": (
        "approved_by approved_at refused_at release_asked_by release_asked_at released_by"
        " released_at |"
    ),
    "releases": (
        "fetched_at fetched_by acknowledged_at acknowledged_by decided_at holder_destroyed_at"
        " holder_destroyed_by | state sent"
    ),
    "policy_drafts": "decided_by decided_at | approved",
    "organization_onboardings": "approved_by approved_at |",
    "authority_queries": "approved_by approved_at refused_at |",
    "documents": "superseded_by | state destroy_due_at destroy_reason",
}
# By table: whose a row is, and what kind of person somebody is. The web writes all else of it.
WHOSE: dict[str, str] = {
    "accounts": "id realm organization_id created_at",
    "registrations": "id event_id account_id student_id",
    "recipients": "id organization_id recipient purpose proposed_by",
}
# States that a row never leaves.
LAST: dict[str, tuple[str, tuple[str, ...]]] = {
    "standing_grants": ("status", ("refused", "revoked")),
    "access_requests": ("status", ("refused", "ended")),
    "staff_keys": ("status", ("rejected", "revoked")),
    "agreements": ("status", ("ended",)),
    "rights_requests": ("state", ("done", "refused")),
}
# Whose new number it is stands until the change is over and the number is taken out.
EMPTIED_ALONE = {"account_changes": ("new_login", "new_login_index")}

FUNCTION = """
CREATE FUNCTION heyan_proof_stands() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before jsonb := to_jsonb(OLD);
  after jsonb := to_jsonb(NEW);
  word text;
BEGIN
  IF current_user <> 'heyan_web' THEN
    RETURN NEW;
  END IF;
  FOREACH word IN ARRAY string_to_array(TG_ARGV[0], ' ') LOOP
    IF before -> word <> 'null'::jsonb AND after -> word IS DISTINCT FROM before -> word THEN
      RAISE insufficient_privilege USING MESSAGE = TG_TABLE_NAME || '.' || word || ' stands';
    END IF;
  END LOOP;
  FOREACH word IN ARRAY string_to_array(TG_ARGV[1], ' ') LOOP
    IF after -> word NOT IN ('null'::jsonb, before -> word) THEN
      RAISE insufficient_privilege USING MESSAGE = TG_TABLE_NAME || '.' || word || ' stands';
    END IF;
  END LOOP;
  IF TG_ARGV[2] <> '' AND before ->> TG_ARGV[2] = ANY (string_to_array(TG_ARGV[3], ' '))
     AND after -> TG_ARGV[2] IS DISTINCT FROM before -> TG_ARGV[2] THEN
    RAISE insufficient_privilege USING MESSAGE = TG_TABLE_NAME || ' is over';
  END IF;
  RETURN NEW;
END
$$
"""


def upgrade() -> None:
    """Narrow the web's rights to the steps, and let a trigger hold each step as written."""
    names = sa.inspect(op.get_bind())
    for table, stands in WHOSE.items():
        every = [column["name"] for column in names.get_columns(table)]
        columns = ", ".join(f'"{name}"' for name in every if name not in stands.split())
        op.execute(f"REVOKE UPDATE ON {table} FROM heyan_web")
        op.execute(f"GRANT UPDATE ({columns}) ON {table} TO heyan_web")
    # A code that freezes an account is sent by the worker alone, as one for a reset is (C-32).
    op.execute("ALTER TYPE proof_purpose ADD VALUE IF NOT EXISTS 'freeze'")
    op.execute(FUNCTION)
    for table, steps in STEPS.items():
        once, _bar, freely = steps.partition("|")
        columns = ", ".join(f'"{name}"' for name in (*once.split(), *freely.split()))
        op.execute(f"REVOKE UPDATE ON {table} FROM heyan_web")
        op.execute(f"GRANT UPDATE ({columns}) ON {table} TO heyan_web")
        state, last = LAST.get(table, ("", ()))
        given = ", ".join(
            f"'{word}'"
            for word in (
                " ".join(once.split()),
                " ".join(EMPTIED_ALONE.get(table, ())),
                state,
                " ".join(last),
            )
        )
        op.execute(
            f"CREATE TRIGGER proof_stands BEFORE UPDATE ON {table} FOR EACH ROW"
            f" EXECUTE FUNCTION heyan_proof_stands({given})"
        )


def downgrade() -> None:
    """Not possible: what was proven would stop being so. Restore a backup instead."""
    raise RuntimeError("restore a backup instead of stepping back")
