"""The registry of personal data against the tables, and the tables against their migrations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, LargeBinary, create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from deploy.local import bootstrap
from deploy.local.machine import Machine
from heyan.classification import REGISTRY, Level, personal_columns
from heyan.db import Base, EncryptedText

SITE = Path(__file__).resolve().parents[2] / "site" / "heyan"
for _models in sorted(SITE.glob("*/models.py")):
    import_module(f"heyan.{_models.parent.name}.models")

# Names under which people's values are kept somewhere; a column with one names its category.
PERSONAL_NAME = re.compile(
    r"(^|_)(name|phone|email|mail|address|birth|birth_date|guardian|login|password|secret|note|"
    r"user_agent|source|ip|id_number|answer|value|contact|relation)(_|$)"
)
# Columns that only sound like it: an organizer's or the site's own facts, never a person's.
NOT_PERSONAL = {
    "accounts.password_changed_at": "a time",
    "decisions.source": "by which way a decision came: desk, file",
    "decision_drafts.source": "by which way a decision came: desk, file",
    "usage_sums.name": "of a page, a button, a system or a model that many use",
    "organizations.name": "an organizer's name stands on every page",
    "organizations.contact": "an office's contact, published with the event",
    "event_document_kinds.note": "what the event tells everyone",
    "registrations.id_number_sha256": "digest of the HPKE envelope, not of the number",
    "registrations.id_number_commitment": "salted; the salt lies inside the envelope",
    "registrations.id_number_key_id": "names a vault key",
}
# Plain digests that may stand beside sensitive data, and what they are of.
DIGESTS = {
    "agreement_documents.sha256": "a signed agreement with a company",
    "documents.ciphertext_sha256": "ciphertext",
    "registrations.id_number_sha256": "ciphertext",
    "recording_parts.ciphertext_sha256": "ciphertext",
    "recipients.challenge_sha256": "32 random bytes",
    "releases.file_sha256": "ciphertext",
    "staff_keys.challenge_sha256": "32 random bytes",
    "viewings.file_sha256": "ciphertext",
    "releases.manifest_sha256": "manifest",
    "decisions.ciphertext_sha256": "ciphertext",
    "decision_drafts.ciphertext_sha256": "ciphertext",
    "policy_versions.content_sha256": "public text",
    "policy_drafts.content_sha256": "public text",
    "consent_records.policy_sha256": "public text",
    "audit_chain.hash": "chain",
    "archive_items.ciphertext_sha256": "ciphertext",
    "safety_sealed.ciphertext_sha256": "ciphertext",
    "safety_marks.keyed_digest": "keyed by an event's vault key, which the web never has",
}

# Tables without a model: the job queue's own, and the counters that `limits` writes by SQL.
OTHERS = ("procrastinate_", "rate_limits")


def columns() -> Iterator[tuple[str, Column[object]]]:
    """Every column as ``table.column``."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            yield f"{table.name}.{column.name}", column


def test_every_personal_column_names_a_category_of_the_registry() -> None:
    """DESIGN 3: unknown categories raise; F, S-011."""
    assert len(list(personal_columns(Base.metadata))) > 20


def test_a_column_that_sounds_personal_is_classified_or_excused() -> None:
    """S-011: an unregistered column fails the build."""
    silent = [
        name
        for name, column in columns()
        if PERSONAL_NAME.search(column.name)
        and "category" not in column.info
        and name not in NOT_PERSONAL
        and not column.foreign_keys
    ]
    assert silent == []


def test_every_encrypted_column_is_classified() -> None:
    """DESIGN 3: what is worth encrypting is worth a category."""
    silent = [
        name
        for name, column in columns()
        if isinstance(column.type, EncryptedText) and "category" not in column.info
    ]
    assert silent == []


def test_an_encrypted_column_is_bound_to_its_own_place() -> None:
    """DESIGN 3: a value moved to another column does not decrypt."""
    wrong = [
        (name, column.type.place)
        for name, column in columns()
        if isinstance(column.type, EncryptedText) and column.type.place != name
    ]
    assert wrong == []


def test_contact_values_are_never_kept_readable() -> None:
    """C-67: DESIGN 3: L2 and above are encrypted, sealed, hashed under a key, or no text at all."""
    readable = [
        f"{column.table.name}.{column.name}"
        for column, category in personal_columns(Base.metadata)
        if category.level >= Level.L2_CONTACT
        and not isinstance(column.type, EncryptedText | LargeBinary)
        and category.key not in ("security_log", "audit", "decision", "consent")
        and column.name not in ("password_hash", "birth_date", "relation", "text_shown")
    ]
    assert readable == []


def test_no_plain_digest_of_anything_sensitive_is_kept() -> None:
    """C-18, DESIGN 2 rule 2: as far as the tables can tell, digests are of what is named here."""
    unknown = [
        name
        for name, column in columns()
        if re.search(r"(sha256|sha1|md5|digest|checksum)$", column.name) and name not in DIGESTS
    ]
    assert unknown == []


def test_no_index_of_id_numbers_is_kept() -> None:
    """C-19, Q4: blind indexes are for contact values only."""
    indexed = [
        name
        for name, column in columns()
        if column.name.endswith("_index")
        and REGISTRY[column.info["category"]].level > Level.L2_CONTACT
    ]
    assert indexed == []


@pytest.fixture
def fresh(engines: Machine) -> Iterator[Engine]:
    """The database as the migrations leave it."""
    bootstrap.migrate(engines)
    engine = create_engine(engines.postgres.url("owner").replace("://", "+psycopg://", 1))
    yield engine
    engine.dispose()


def test_migrations_from_empty_make_what_the_models_say(fresh: Engine) -> None:
    """STYLE 21: nothing is left for Alembic to add or to take away."""

    def ours(_object: object, name: str | None, kind: str, _back: bool, _other: object) -> bool:
        return not (kind == "table" and name and name.startswith(OTHERS))

    def same_type(
        _context: object, _seen: object, _meant: object, there: object, model: object
    ) -> bool | None:
        # Encrypted text lies in the database as bytes.
        return False if isinstance(model, EncryptedText) else None

    with fresh.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": ours, "compare_type": same_type, "target_metadata": None},
        )
        found = compare_metadata(context, Base.metadata)
    assert found == []


def test_every_table_says_who_may_touch_it(fresh: Engine) -> None:
    """SECURITY 46, C-70: no table is left without a word on both roles' rights."""
    web: set[str] = set()
    worker: set[str] = set()
    for path in sorted((Path(__file__).parents[2] / "migrations/versions").glob("0*.py"))[1:]:
        migration = import_module(f"migrations.versions.{path.stem}")
        web |= set(migration.WEB)
        worker |= set(migration.WORKER)
    tables = {table.name for table in Base.metadata.sorted_tables} | {"rate_limits"}
    assert tables <= web
    assert tables <= worker
    with Session(fresh) as session:
        held = session.execute(
            text(
                "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
                " WHERE grantee = 'heyan_web' AND table_name IN"
                " ('audit_entries', 'consent_records', 'custody_events', 'decisions')"
                " AND privilege_type NOT IN ('SELECT', 'INSERT')"
            )
        ).all()
    assert held == []
