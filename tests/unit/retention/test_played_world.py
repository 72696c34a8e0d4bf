"""In a played world every stored value is as the registry says, and so are pages (DESIGN 3)."""

from __future__ import annotations

import pytest
from sqlalchemy import LargeBinary, text

from heyan.access import Role
from heyan.classification import Level, personal_columns
from heyan.db import Base, EncryptedText, contact_keys
from tests.enrolment import World, id_number
from tests.staff import colleague
from tests.worker import submit
from uploads_worker import reconcile, sweep
from uploads_worker.context import Context, load_models
from uploads_worker.keeping import record

NAME = "慕容知秋水"


@pytest.fixture
def played(world: World, context: Context) -> World:
    """A person with a student of a rare name, a registration, a document, a lead."""
    case = submit(world, context)
    person = world.person()
    person.student(name=NAME)
    assert case.document_id
    return world


def test_every_personal_column_is_stored_as_its_level_asks(played: World) -> None:
    """S-033, S-085, I2: encrypted columns open with the key of contact fields and hold no text."""
    load_models()
    looked = 0
    for column, category in personal_columns(Base.metadata):
        if category.level < Level.L2_CONTACT:
            continue
        rows = played.rows(
            f"SELECT {column.name} FROM {column.table.name}"
            f" WHERE {column.name} IS NOT NULL ORDER BY 1 DESC LIMIT 20"
        )
        for (value,) in rows:
            looked += 1
            if isinstance(column.type, EncryptedText):
                plain = contact_keys().decrypt(bytes(value), column.type.place)
                assert not plain or plain.encode() not in bytes(value), column
            elif not isinstance(column.type, LargeBinary):
                assert NAME not in str(value), column
                assert id_number() not in str(value), column
    assert looked > 20


def test_no_table_holds_a_name_or_number_readable(played: World) -> None:
    """S-033: whatever the column: a dump shows no seeded value."""
    for table in Base.metadata.sorted_tables:
        with played.owner.begin() as connection:
            found = connection.execute(
                text(
                    f'SELECT count(*) FROM "{table.name}" AS one'
                    " WHERE one::text LIKE :name OR one::text LIKE :number"
                ),
                {"name": f"%{NAME}%", "number": f"%{id_number()}%"},
            ).scalar()
        assert found == 0, table.name


def test_no_page_shows_staff_more_than_their_scenario(played: World) -> None:
    """S-091, I2: without a grant, no list or page of the back office has the seeded values."""
    for role in (Role.SERVICE, Role.OPERATIONS, Role.PRIVACY_OFFICER, Role.ADMINISTRATOR):
        person = colleague(played, role)
        for rule in played.app.url_map.iter_rules():
            if (
                not rule.rule.startswith("/staff")
                or rule.arguments
                or "GET" not in (rule.methods or ())
            ):
                continue
            shown = person.get(rule.rule)
            assert shown.status_code != 500, rule.rule
            assert NAME not in shown.text, (role, rule.rule)
            assert id_number() not in shown.text, (role, rule.rule)


def test_nothing_in_a_swept_world_is_older_than_its_period(played: World, context: Context) -> None:
    """S-075, L-11: a stored value outside the registry's rules is counted, and there is none."""
    assert played
    sweep.sweep(context)
    with context.sessions() as session:
        assert record.overdue(session) == ({}, [])


def test_a_bucket_opened_to_everyone_is_found(
    played: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-090, I5: asked as a stranger, the store refuses; if it ever answers, that is on record."""
    assert played
    assert reconcile.reconcile(context)["public"] == 0
    monkeypatch.setattr(reconcile, "_answers", lambda _address: True)
    assert reconcile.reconcile(context)["public"] >= 1
    assert played.rows("SELECT 1 FROM audit_entries WHERE action = 'objects.public'")
