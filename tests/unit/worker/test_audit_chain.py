"""The audit trail: chained, sealed, anchored, and found out when somebody touches it."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from heyan import clock as clocks
from heyan import db
from heyan.audit.service import Actor, record
from heyan.organizations.models import Organization
from tests.conftest import Clock
from tests.enrolment import World
from tests.worker import audit_of, root_text, verify
from uploads_worker import audit_chain, audit_expiry
from uploads_worker.context import Context

STEPS_BACK = "the chain holds, but time steps back"
FOREIGN_KEY = "fk_audit_chain_entry_id"


@pytest.fixture
def trail(world: World, context: Context) -> Iterator[list[int]]:
    """Five entries of this test, linked and sealed; whatever is done to the trail is undone."""
    mark = uuid.uuid4().hex
    with world.session() as session, db.transaction(session):
        for number in range(5):
            record(session, Actor("staff"), "tests.act", "test", mark, number=number)
    audit_chain.link_and_seal(context)
    tables = ("audit_entries", "audit_chain", "audit_seals")
    kept = {table: world.rows(f"SELECT * FROM {table}") for table in tables}
    latest = context.settings.anchors / "latest.json"
    anchored = latest.read_text()
    rows = world.rows("SELECT id FROM audit_entries WHERE subject_id = :m ORDER BY id", m=mark)
    assert audit_chain.verify(context)[1] is None
    with world.owner.begin() as connection:
        connection.execute(text(f"ALTER TABLE audit_chain DROP CONSTRAINT {FOREIGN_KEY}"))
    yield [row[0] for row in rows]
    latest.write_text(anchored)
    with world.owner.begin() as connection:
        for table in reversed(tables):
            connection.execute(text(f"DELETE FROM {table}"))
        for table in tables:
            for row in kept[table]:
                values = {
                    name: json.dumps(value) if isinstance(value, dict) else value
                    for name, value in row._mapping.items()
                }
                names = ", ".join(values)
                marks = ", ".join(f":{name}" for name in values)
                connection.execute(
                    text(f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({marks})"),
                    values,
                )
        connection.execute(
            text(
                f"ALTER TABLE audit_chain ADD CONSTRAINT {FOREIGN_KEY}"
                " FOREIGN KEY (entry_id) REFERENCES audit_entries (id)"
            )
        )
    assert audit_chain.verify(context)[1] is None


def tamper(world: World, act: Callable[[Connection], None]) -> None:
    """Touch the trail as someone who owns the database may."""
    with world.owner.begin() as connection:
        act(connection)


def seq_of(world: World, entry_id: int) -> int:
    return int(world.rows("SELECT seq FROM audit_chain WHERE entry_id = :e", e=entry_id)[0][0])


def run(statement: str, **values: Any) -> Callable[[Connection], None]:
    return lambda connection: connection.execute(text(statement), values) and None


def chain_of(root: str, export: Path) -> str:
    """What the tool says of an export whose chain holds.

    Tests that share this trail move the clock, and back: that alone may be found fault with.
    """
    code, said = verify("--root", root, "audit", export)
    assert (code == 0) is (STEPS_BACK not in said)
    assert code == 0 or STEPS_BACK in said, said
    return said


def test_an_edited_entry_is_named(world: World, context: Context, trail: list[int]) -> None:
    """I4, C-65, SECURITY 46."""
    tamper(world, run("UPDATE audit_entries SET outcome = 'x' WHERE id = :e", e=trail[2]))
    count, fault = audit_chain.verify(context)
    assert fault is not None
    assert (fault.kind, fault.entry_id) == ("changed", trail[2])
    assert count == seq_of(world, trail[2]) - 1


def test_a_deleted_entry_is_named(world: World, context: Context, trail: list[int]) -> None:
    """SECURITY 46, C-65."""
    tamper(world, run("DELETE FROM audit_entries WHERE id = :e", e=trail[1]))
    fault = audit_chain.verify(context)[1]
    assert fault is not None
    assert (fault.kind, fault.entry_id) == ("deleted", trail[1])


def test_an_entry_deleted_with_its_link_is_missed(
    world: World, context: Context, trail: list[int]
) -> None:
    """C-65."""
    place = seq_of(world, trail[1])
    tamper(world, run("DELETE FROM audit_chain WHERE entry_id = :e", e=trail[1]))
    tamper(world, run("DELETE FROM audit_entries WHERE id = :e", e=trail[1]))
    fault = audit_chain.verify(context)[1]
    assert fault is not None
    assert (fault.kind, fault.seq) == ("gap", place)


def test_a_closed_gap_is_found_too(world: World, context: Context, trail: list[int]) -> None:
    """C-65: the entry and its link deleted, the later ones moved up by one."""
    place = seq_of(world, trail[1])
    tamper(world, run("DELETE FROM audit_chain WHERE entry_id = :e", e=trail[1]))
    tamper(world, run("UPDATE audit_chain SET seq = -seq WHERE seq > :s", s=place))
    tamper(world, run("UPDATE audit_chain SET seq = -seq - 1 WHERE seq < 0"))
    fault = audit_chain.verify(context)[1]
    assert fault is not None
    assert (fault.kind, fault.entry_id) == ("order", trail[2])


def test_two_entries_that_changed_places_are_found(
    world: World, context: Context, trail: list[int]
) -> None:
    """SECURITY 46, C-65: reordered."""
    first, second = seq_of(world, trail[1]), seq_of(world, trail[2])
    move = "UPDATE audit_chain SET seq = :to WHERE seq = :since"
    tamper(world, run(move, to=-1, since=first))
    tamper(world, run(move, to=first, since=second))
    tamper(world, run(move, to=second, since=-1))
    fault = audit_chain.verify(context)[1]
    assert fault is not None
    assert (fault.kind, fault.seq) == ("order", first)


def test_a_cut_tail_is_found_by_the_seal(world: World, context: Context, trail: list[int]) -> None:
    """SECURITY 46, C-65: the last entries gone, with their links."""
    tamper(world, run("DELETE FROM audit_chain WHERE entry_id >= :e", e=trail[3]))
    tamper(world, run("DELETE FROM audit_entries WHERE id >= :e", e=trail[3]))
    fault = audit_chain.verify(context)[1]
    assert fault is not None
    assert fault.kind == "cut"
    assert fault.entry_id == trail[2]


def test_a_cut_tail_without_its_seals_is_found_by_the_anchor(
    world: World, context: Context, trail: list[int]
) -> None:
    """C-65: the anchor lies outside the database."""
    audit_chain.anchor(context)
    place = seq_of(world, trail[3])
    tamper(world, run("DELETE FROM audit_seals WHERE seq >= :s", s=place))
    tamper(world, run("DELETE FROM audit_chain WHERE seq >= :s", s=place))
    fault = audit_chain.verify(context)[1]
    assert fault is not None
    assert fault.kind == "cut"


def test_a_chain_computed_anew_is_found(world: World, context: Context, trail: list[int]) -> None:
    """C-65: hashes are public, signatures are not."""

    def forge(connection: Connection) -> None:
        connection.execute(
            text("UPDATE audit_entries SET outcome = 'x' WHERE id = :e"), {"e": trail[0]}
        )
        with Session(connection) as session:
            prev = audit_chain.GENESIS
            for link, entry in list(audit_chain.walk(session)):
                assert entry is not None
                digest = audit_chain.link_hash(prev, entry)
                connection.execute(
                    text("UPDATE audit_chain SET prev = :p, hash = :h WHERE seq = :s"),
                    {"p": prev, "h": digest, "s": link.seq},
                )
                prev = digest

    tamper(world, forge)
    fault = audit_chain.verify(context)[1]
    assert fault is not None
    assert fault.kind == "rewritten"


def test_a_forged_seal_is_found(world: World, context: Context, trail: list[int]) -> None:
    """C-65."""
    tamper(
        world,
        run('UPDATE audit_seals SET envelope = replace(envelope, \'"sig": "\', \'"sig": "A\')'),
    )
    fault = audit_chain.verify(context)[1]
    assert fault is not None
    assert fault.kind == "seal"


def test_a_cut_chain_is_noticed_by_the_next_run(
    world: World, context: Context, trail: list[int]
) -> None:
    """C-65: within a minute, not only when somebody verifies."""
    latest = context.settings.anchors / "latest.json"
    kept = latest.read_text()
    place = seq_of(world, trail[3])
    tamper(world, run("DELETE FROM audit_seals WHERE seq >= :s", s=place))
    tamper(world, run("DELETE FROM audit_chain WHERE seq >= :s", s=place))
    tamper(world, run("DELETE FROM audit_entries WHERE id >= :e", e=trail[3]))
    audit_chain.link_and_seal(context)
    assert audit_of(world, "audit.chain_behind")
    assert audit_chain.verify(context)[1] is not None
    for path in context.settings.anchors.glob("behind-*.json"):
        path.unlink()
    latest.write_text(kept)


def test_a_tail_written_anew_is_noticed_before_a_new_seal_vouches_for_it(
    world: World, context: Context, trail: list[int]
) -> None:
    """C-65, SECURITY 46: as long as before, hashes right, seals gone; the worker goes on."""

    def forge(connection: Connection) -> None:
        place = seq_of(world, trail[2])
        connection.execute(
            text("UPDATE audit_entries SET outcome = 'x' WHERE id = :e"), {"e": trail[2]}
        )
        connection.execute(text("DELETE FROM audit_seals WHERE seq >= :s"), {"s": place})
        with Session(connection) as session:
            prev = audit_chain.GENESIS
            for link, entry in list(audit_chain.walk(session)):
                assert entry is not None
                prev = audit_chain.link_hash(prev, entry)
                connection.execute(
                    text("UPDATE audit_chain SET hash = :h WHERE seq = :s"),
                    {"h": prev, "s": link.seq},
                )
                connection.execute(
                    text("UPDATE audit_chain SET prev = :h WHERE seq = :s + 1"),
                    {"h": prev, "s": link.seq},
                )

    tamper(world, forge)
    with world.session() as session, db.transaction(session):
        record(session, Actor("staff"), "tests.after", "test")
    noticed = len(audit_of(world, "audit.chain_behind"))
    try:
        audit_chain.link_and_seal(context)
        assert len(audit_of(world, "audit.chain_behind")) == noticed + 1
        fault = audit_chain.verify(context)[1]
        assert fault is not None
        assert fault.kind == "rewritten"
    finally:
        for path in context.settings.anchors.glob("behind-*.json"):
            path.unlink()


def test_entries_go_after_three_years_and_the_rest_still_verifies(
    world: World, context: Context, trail: list[int], clock: Clock, tmp_path: Path
) -> None:
    """PIPL 19, C-65: the trail may begin behind a seal that is three years old, nowhere else."""
    tables = "SELECT (SELECT count(*) FROM audit_entries), (SELECT count(*) FROM audit_chain)"
    before = world.rows(tables)[0][0]
    clock.move(timedelta(days=1094))
    assert audit_expiry.expire(context) == 0
    with world.session() as session, db.transaction(session):
        record(session, Actor("staff"), "tests.later", "test")
    audit_chain.link_and_seal(context)
    clock.move(timedelta(days=2))
    gone = audit_expiry.expire(context)
    assert gone >= before - 1
    assert audit_expiry.expire(context) == 0
    audit_chain.link_and_seal(context)
    count, fault = audit_chain.verify(context)
    assert fault is None
    assert count == gone + world.rows(tables)[0][1]
    whole = tmp_path / "audit.jsonl"
    assert audit_chain.export(context, whole) == count
    assert f"the first {gone} were sealed" in chain_of(root_text(context), whole)
    lines = whole.read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "cut").write_text("".join([lines[0], *lines[2:]]), "utf-8")
    assert verify("--root", root_text(context), "audit", tmp_path / "cut")[0] == 1


def test_a_front_cut_too_early_is_found(world: World, context: Context, trail: list[int]) -> None:
    """C-65: even exactly at a seal that the root signed."""
    place = world.rows("SELECT max(seq) FROM audit_seals")[0][0]
    with world.session() as session, db.transaction(session):
        record(session, Actor("staff"), "tests.next", "test")
    audit_chain.link_and_seal(context)
    tamper(world, run("DELETE FROM audit_chain WHERE seq <= :s", s=place))
    fault = audit_chain.verify(context)[1]
    assert fault is not None
    assert (fault.kind, fault.seq) == ("gap", 1)
    # Nor by telling the worker that the seal is old: the date that counts is signed.
    tamper(
        world,
        run("UPDATE audit_seals SET at = at - interval '9 years' WHERE seq = :s", s=place),
    )
    assert audit_chain.verify(context)[1] == fault


def test_concurrent_writers_never_break_the_chain(world: World, context: Context) -> None:
    """SECURITY 48: long transactions hold low numbers that become visible late."""
    stop = threading.Event()
    failures: list[Exception] = []

    def write(pause: float) -> None:
        try:
            with world.session() as session:
                for number in range(12):
                    record(session, Actor("staff"), "tests.late", "test", number=number)
                    stop.wait(pause)
                    if number % 5 == 4:
                        session.rollback()
                    else:
                        session.commit()
        except Exception as error:  # noqa: BLE001 - shown in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(0.004 * n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        audit_chain.link_and_seal(context)
    for thread in threads:
        thread.join()
    audit_chain.link_and_seal(context)
    assert failures == []
    count, fault = audit_chain.verify(context)
    assert fault is None
    assert count == world.rows("SELECT count(*) FROM audit_entries")[0][0]


def test_an_export_verifies_by_itself_and_names_what_was_changed(
    world: World, context: Context, tmp_path: Path
) -> None:
    """C-26: with a stand-alone tool and the root's public key."""
    with world.session() as session, db.transaction(session):
        for _ in range(3):
            record(session, Actor("staff"), "tests.export", "test", reason="导出")
    whole = tmp_path / "audit.jsonl"
    count = audit_chain.export(context, whole)
    assert whole.stat().st_mode & 0o777 == 0o600
    root = root_text(context)
    assert f"{count} entries" in chain_of(root, whole)
    lines = whole.read_text("utf-8").splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if "tests.export" in line)

    def check(changed: list[str]) -> str:
        (tmp_path / "changed").write_text("".join(changed), "utf-8")
        code, said = verify("--root", root, "audit", tmp_path / "changed")
        assert code == 1
        return said

    flipped = [*lines]
    flipped[at] = flipped[at].replace("tests.export", "tests.eyport", 1)
    assert f"line {at + 1}: entry" in check(flipped)
    assert f"line {at + 1}" in check([*lines[:at], *lines[at + 1 :]])
    assert f"line {at + 1}" in check([*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]])
    assert "tail is cut" in check(lines[:-1])
    seal = next(i for i, line in enumerate(lines) if '"seal"' in line)
    assert "unproven" in check([line for line in lines if '"seal"' not in line])
    assert f"line {seal + 1}" in check(
        [*lines[:seal], lines[seal].replace("sig", "sog"), *lines[seal + 1 :]]
    )
    other = root[:-2] + ("A=" if root[-2] != "A" else "E=")
    assert verify("--root", other, "audit", whole)[0] == 1


def test_a_failing_audit_fails_the_act(world: World) -> None:
    """C-66, SECURITY 47."""
    before = world.rows("SELECT count(*) FROM organizations")[0][0]
    with (
        world.session() as session,
        pytest.raises(DataError, match="too long"),
        db.transaction(session),
    ):
        session.add(
            Organization(
                name=uuid.uuid4().hex,
                contact="x",
                processing_role="joint",
                created_at=clocks.now(),
            )
        )
        record(session, Actor("staff"), "x" * 100, "organization")
    assert world.rows("SELECT count(*) FROM organizations")[0][0] == before
