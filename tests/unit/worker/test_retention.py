"""What the registry promises of periods is done when the time comes (S-011, C-24, PIPL 19, 47)."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from heyan import clock as clocks
from heyan import web
from heyan.accounts.models import Account
from heyan.audit.service import OPERATOR
from heyan.classification import REGISTRY
from heyan.policies import promises
from heyan.registrations import unused
from tests.conftest import Clock
from tests.enrolment import World
from tests.worker import Case, audit_of, submit
from uploads_worker import destruction, endings, retention, sweep, tombstones
from uploads_worker.context import Context


def column(world: World, query: str, **values: Any) -> list[Any]:
    return [row[0] for row in world.rows(query, **values)]


def account_of(world: World, case: Case) -> uuid.UUID:
    found: uuid.UUID = column(
        world, "SELECT account_id FROM registrations WHERE id = :r", r=case.registration_id
    )[0]
    return found


def aged(world: World, account_id: uuid.UUID, days: int) -> None:
    """Let the account have been used last *days* ago."""
    with world.owner.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET last_seen_at = :at WHERE id = :a"),
            {"at": clocks.now() - timedelta(days=days), "a": account_id},
        )


def close_unused(world: World) -> int:
    """What the site does each hour that somebody asks how it is."""
    with world.session() as session:
        return unused.close_unused(session, OPERATOR)


ANSWERS = "SELECT count(*) FROM registration_answers WHERE registration_id = :r"
STATUS = "SELECT status FROM accounts WHERE id = :a"
WARNINGS = "SELECT count(*) FROM notices WHERE account_id = :a AND kind = 'account_unused'"


def test_answers_go_a_year_after_the_event(world: World, context: Context, clock: Clock) -> None:
    case = submit(world, context)
    ends = column(world, "SELECT ends_at FROM events WHERE id = :e", e=case.event_id)[0]
    clock.move(ends - clocks.now() + timedelta(days=364))
    retention.answers(context)
    assert column(world, ANSWERS, r=case.registration_id)[0] > 0
    clock.move(timedelta(days=2))
    assert retention.answers(context) > 0
    assert column(world, ANSWERS, r=case.registration_id) == [0]


def test_an_unused_account_is_warned_then_erased(
    world: World, context: Context, clock: Clock
) -> None:
    """24 months without signing in; a month passes between the notice and the end."""
    case = submit(world, context)
    account = account_of(world, case)
    endings.end_event(context, case.event_id)
    aged(world, account, 699)
    sweep.BROOMS["unused_warnings"](context)
    assert column(world, WARNINGS, a=account) == [0]
    aged(world, account, 2000)
    # However long the worker was away, nobody is erased without the notice and its month.
    for _again in range(2):
        close_unused(world)
        sweep.BROOMS["unused_warnings"](context)
    assert column(world, WARNINGS, a=account) == [1]
    clock.move(timedelta(days=29))
    close_unused(world)
    assert column(world, STATUS, a=account) == ["active"]
    clock.move(timedelta(days=2))
    assert close_unused(world) >= 1
    assert column(world, STATUS, a=account) == ["closed"]
    assert sweep.BROOMS["closed_accounts"](context) >= 1
    row = world.rows(
        "SELECT status, name, password_hash, login_index = uuid_send(id) FROM accounts"
        " WHERE id = :a",
        a=account,
    )[0]
    assert tuple(row) == ("closed", None, None, True)
    for table in ("totp_factors", "recovery_codes", "login_sessions", "sign_ins", "notices"):
        assert column(world, f"SELECT count(*) FROM {table} WHERE account_id = :a", a=account) == [
            0
        ]
    assert column(world, ANSWERS, r=case.registration_id) == [0]
    with context.sessions() as session:
        from heyan.students.models import Student

        students = session.query(Student).filter_by(account_id=account).all()
        assert [(one.name, one.birth_date, one.unbound_at is None) for one in students] == [
            ("", "", False)
        ]
    assert len(audit_of(world, "accounts.erase", account)) == 1
    # The consents stay as proof for three years more.
    kept = "SELECT count(*) FROM consent_records WHERE account_id = :a"
    clock.move(timedelta(days=1094))
    retention.consents(context)
    assert column(world, kept, a=account)[0] > 0
    clock.move(timedelta(days=2))
    assert retention.consents(context) > 0
    assert column(world, kept, a=account) == [0]


def test_whoever_comes_back_or_still_takes_part_keeps_the_account(
    world: World, context: Context, clock: Clock
) -> None:
    back, busy = world.person().account_id, account_of(world, submit(world, context))
    for account in (back, busy):
        aged(world, account, 720)
    retention.warn_unused(context)
    assert column(world, WARNINGS, a=back) == [1]
    assert column(world, WARNINGS, a=busy) == [0]
    aged(world, back, 0)
    clock.move(timedelta(days=40))
    close_unused(world)
    assert [column(world, STATUS, a=one) for one in (back, busy)] == [["active"], ["active"]]
    # A notice of long ago does not count for the next time.
    clock.move(timedelta(days=760))
    close_unused(world)
    assert column(world, STATUS, a=back) == ["active"]


def test_an_account_closed_at_its_owners_wish_is_emptied_by_the_next_sweep(
    world: World, context: Context
) -> None:
    """S-061, S-062: what runs is withdrawn, nobody signs in, and nothing personal is left."""
    case = submit(world, context)
    account = account_of(world, case)
    runner = world.app.test_cli_runner()
    with world.app.app_context():
        number = web.session().get_one(Account, account).login
    done = runner.invoke(
        args=["registrations", "close-account", "--phone", number, "--yes"],
    )
    assert done.exit_code == 0, done.output
    assert "withdrawn: 1" in done.output
    assert number not in done.output
    assert column(
        world, "SELECT status FROM registrations WHERE id = :r", r=case.registration_id
    ) == ["withdrawn"]
    assert sweep.BROOMS["closed_accounts"](context) >= 1
    row = world.rows(
        "SELECT status, name, password_hash, login_index = uuid_send(id) FROM accounts"
        " WHERE id = :a",
        a=account,
    )[0]
    assert tuple(row) == ("closed", None, None, True)
    assert column(world, ANSWERS, r=case.registration_id) == [0]
    assert sweep.BROOMS["closed_accounts"](context) == 0
    again = runner.invoke(args=["registrations", "close-account", "--phone", number, "--yes"])
    assert "no such account" in again.output


def test_decisions_and_custody_go_after_three_years(
    world: World, context: Context, clock: Clock
) -> None:
    case = submit(world, context)
    steps = "SELECT count(*) FROM custody_events WHERE document_id = :d"
    old = {"at": clocks.now() - timedelta(days=1100), "d": case.document_id}
    with world.owner.begin() as connection:
        connection.execute(text("UPDATE custody_events SET at = :at WHERE document_id = :d"), old)
    retention.custody(context)
    assert column(world, steps, d=case.document_id)[0] > 0, "a live document keeps its custody"
    endings.end_event(context, case.event_id)
    retention.custody(context)
    left = "SELECT step FROM custody_events WHERE document_id = :d"
    assert column(world, left, d=case.document_id) == ["destroyed"]
    clock.move(timedelta(days=1096))
    retention.custody(context)
    assert column(world, steps, d=case.document_id) == [0]


def test_the_periods_are_the_registrys(world: World) -> None:
    with world.session() as session:
        for key in ("registration.answers", "decision", "consent", "security_log", "lead.contact"):
            assert promises.kept(session, key, clocks.now()).days == REGISTRY[key].days
        with pytest.raises(ValueError, match="account"):
            promises.kept(session, "account.contact", clocks.now())


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT login FROM accounts",
        "SELECT password_hash FROM accounts",
        "SELECT secret FROM totp_factors",
        "SELECT code_hash FROM recovery_codes",
        "UPDATE accounts SET realm = realm",
        "DELETE FROM accounts",
        "UPDATE consent_records SET granted = true",
        "UPDATE decisions SET document_id = document_id",
        "UPDATE custody_events SET at = at",
    ],
)
def test_the_worker_may_empty_an_account_and_not_read_it(context: Context, statement: str) -> None:
    """C-70: the new rights are no wider than their use."""
    with context.sessions() as session, pytest.raises(ProgrammingError):
        session.execute(text(statement))


def test_what_the_sweep_found_is_in_the_audit_trail(world: World, context: Context) -> None:
    sweep.sweep(context)
    with world.owner.begin() as connection:
        rows = connection.execute(
            text("SELECT details FROM audit_entries WHERE action = 'sweep.run' ORDER BY id DESC")
        )
        details = rows.scalars().first()
    found = json.loads(details) if isinstance(details, str) else details
    assert found is None or found["failed"] == []


# --- after a restore -------------------------------------------------------------------------


def test_what_a_restored_database_forgot_is_destroyed_again(world: World, context: Context) -> None:
    """SECURITY 51, C-24: documents, keys and withdrawals of after the backup; ids only outside."""
    person = world.person()
    case = submit(world, context)
    ended = submit(world, context)
    registration, document = person.submitted(case.slug)
    number = "SELECT id_number_sealed FROM registrations WHERE id = :r"
    tables = ("documents", "registrations", "vault_keys", "events")
    backup = {
        table: world.rows(f"SELECT * FROM {table} WHERE {column} IN (:a, :b)", a=a, b=b)
        for table, column, a, b in (
            ("documents", "id", uuid.UUID(document), ended.document_id),
            ("registrations", "id", uuid.UUID(registration), ended.registration_id),
            ("vault_keys", "event_id", ended.event_id, ended.event_id),
            ("events", "id", ended.event_id, ended.event_id),
        )
    }
    assert person.post(f"/registrations/{registration}/withdraw").status_code == 303
    destruction.destroy_document(context, uuid.UUID(document))
    endings.end_event(context, ended.event_id)
    assert tombstones.replay(context) == 0
    with world.owner.begin() as connection:
        for table in tables:
            for row in backup[table]:
                values = dict(row._mapping)
                key = "key_id" if table == "vault_keys" else "id"
                names = [name for name in values if name not in (key, "warnings")]
                setting = ", ".join(f"{name} = :{name}" for name in names)
                connection.execute(
                    text(f"UPDATE {table} SET {setting} WHERE {key} = :{key}"),
                    {name: values[name] for name in (*names, key)},
                )
        connection.execute(
            text("DELETE FROM tombstones WHERE subject_id IN (:a, :b, :c)"),
            {
                "a": document,
                "b": str(ended.document_id),
                "c": backup["vault_keys"][0]._mapping["key_id"],
            },
        )
    assert column(world, number, r=registration)[0] is not None
    assert tombstones.replay(context) >= 2
    assert column(world, number, r=registration) == [None]
    assert column(world, number, r=ended.registration_id) == [None]
    status = "SELECT status FROM registrations WHERE id = :r"
    assert column(world, status, r=registration) == ["withdrawn"]
    state = "SELECT state FROM documents WHERE id = :d"
    assert column(world, state, d=uuid.UUID(document)) == ["destroyed"]
    assert column(world, state, d=ended.document_id) == ["destroyed"]
    assert column(world, "SELECT status FROM events WHERE id = :e", e=ended.event_id) == ["ended"]
    assert column(world, state, d=case.document_id) == ["sealed"], "what lives is left alone"
    assert tombstones.replay(context) == 0


def test_the_journal_is_private_bounded_and_survives_a_torn_line(
    world: World, context: Context, clock: Clock
) -> None:
    case = submit(world, context)
    destruction.destroy_document(context, case.document_id, because="event_end")
    folder = context.settings.anchors
    (path,) = folder.glob(f"tombstones-{clocks.now():%Y-%m}.jsonl")
    assert path.stat().st_mode & 0o777 == 0o600
    for line in path.read_text().splitlines():
        assert set(json.loads(line)) == {"at", "kind", "id", "reason"}
    with path.open("a") as out:
        out.write('{"at": "2026-\n')
    assert ("document", str(case.document_id), "event_end") in set(tombstones.journal(folder))
    clock.move(timedelta(days=120))
    assert set(tombstones.journal(folder)) == set()
    tombstones.replay(context)
    assert not path.exists()
