"""The copy: complete, valid, safe to open, sealed, one account's only, gone after 72 hours."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pyrage
import pytest

from heyan.audit.service import Actor
from heyan.db import contact_keys
from heyan.rights import copies, holdings
from tests.conftest import Clock
from tests.enrolment import Person, World, words_of
from tests.rights import fresh, registered
from tests.worker import run_once
from uploads_worker import access_copy
from uploads_worker.context import Context

SCHEMA = json.loads(access_copy.SCHEMA.read_text(encoding="utf-8"))


def ordered(world: World, context: Context, person: Person) -> str:
    """Order a copy, let the worker make it, and return where it is fetched."""
    fresh(world, person)
    assert person.post("/me/data/copy").status_code == 303
    run_once(context)
    found = re.search(r"/me/data/copy/[0-9a-f-]{36}/file", person.get("/me/data/copy").text)
    assert found
    return found[0]


def unpacked(person: Person, path: str) -> dict[str, bytes]:
    sent = person.get(path)
    assert sent.status_code == 200
    assert sent.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(sent.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def part(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return next(one["rows"] for one in data["parts"] if one["key"] == key)


def test_the_copy_holds_every_row_and_validates_against_the_published_schema(
    world: World, context: Context, person: Person
) -> None:
    """G1, G8, S-046, L-05, L-19: JSON, tables and a readable page of everything held."""
    jsonschema = pytest.importorskip("jsonschema")
    registered(world, context, person)
    files = unpacked(person, ordered(world, context, person))
    data = json.loads(files["data.json"])
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    assert {one["key"] for one in data["parts"]} == {one.key for one in holdings.PARTS}
    assert part(data, "students")[0]["name"] == "王小满"
    assert part(data, "answers")[0]["answer"] == "第一中学"
    assert part(data, "account")[0]["login"].startswith("+86139")
    assert {one["purpose"] for one in part(data, "consents")} >= {"hand_over", "account"}
    assert part(data, "documents")[0]["kind"] == "id_card_front"
    assert any(one["receipt"] for one in part(data, "custody"))
    page = files["index.html"].decode()
    assert "王小满" in page
    assert "所以拿不出来" in page
    assert files["schema.json"] == person.get("/static/schemas/access-copy-1.json").data


def test_two_clicks_at_once_order_one_copy(world: World, person: Person) -> None:
    """G1, C-50: ten requests in the same moment, one copy, one request, one job."""
    start = threading.Barrier(10)

    def click(_number: int) -> uuid.UUID:
        with world.session() as session:
            start.wait()
            actor = Actor("public", person.account_id)
            return copies.order(session, world.settings, actor, person.account_id).id

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(click, range(10)))) == 1
    for table in ("access_copies", "rights_requests"):
        (row,) = world.rows(
            f"SELECT count(*) AS c FROM {table} WHERE account_id = :a",
            a=person.account_id,
        )
        assert row.c == 1, table


def test_a_formula_in_a_name_is_text_in_the_table(
    world: World, context: Context, person: Person
) -> None:
    """G8, C-55: what a person typed runs in no spreadsheet and in no browser."""
    registration = person.start(world.event().slug, person.student())
    path = f"/registrations/{registration}/fields"
    person.post(path, field_school="=2+5<script>", field_group="小学")
    files = unpacked(person, ordered(world, context, person))
    rows = list(csv.reader(io.StringIO(files["csv/answers.csv"].decode("utf-8-sig"))))
    assert "'=2+5<script>" in rows[1]
    assert "<script" not in files["index.html"].decode()


def test_nobody_else_finds_the_copy(world: World, context: Context, person: Person) -> None:
    """G1, SECURITY 35, S-046: another account gets 404, an unfresh session is asked first."""
    path = ordered(world, context, person)
    other = fresh(world, world.person())
    assert other.get(path).status_code == 404
    stale = world.app.test_client()
    assert stale.get(path).status_code == 302


def test_store_database_and_worker_cannot_open_it(
    world: World, context: Context, person: Person
) -> None:
    """G1, SECURITY 45: sealed until fetched; the row's facts are gone, the opener is the web's."""
    ordered(world, context, person)
    (row,) = world.rows(
        "SELECT object_key, facts, opener, recipient FROM access_copies WHERE account_id = :a",
        a=person.account_id,
    )
    stored = b"".join(context.objects.open_release(row.object_key).chunks)
    assert stored.startswith(b"age-encryption.org/v1")
    assert "王".encode() not in stored
    assert row.facts is None
    # The worker's keys are those of contact fields; the opener is not under them.
    with pytest.raises(Exception):  # noqa: B017 - whatever way it fails
        contact_keys().decrypt(bytes(row.opener), "access_copies.opener")
    assert b"AGE-SECRET-KEY" not in bytes(row.opener)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(stored, [pyrage.x25519.Identity.generate()])
    jobs = world.rows("SELECT args FROM procrastinate_jobs WHERE task_name = 'build_access_copy'")
    assert all(set(job.args) == {"copy_id"} for job in jobs)


def test_the_link_ends_after_72_hours_and_the_object_is_gone(
    world: World, context: Context, person: Person, clock: Clock
) -> None:
    """G1, numbers (links, exports): 72 hours, then destroyed and proven."""
    path = ordered(world, context, person)
    (row,) = world.rows(
        "SELECT object_key FROM access_copies WHERE account_id = :a", a=person.account_id
    )
    clock.move(timedelta(hours=72, seconds=1))
    again = fresh(world, _again(world, person))
    assert again.get(path).status_code == 404
    run_once(context)
    (after,) = world.rows(
        "SELECT state, opener, destroyed_at FROM access_copies WHERE account_id = :a",
        a=person.account_id,
    )
    assert after.state == "destroyed"
    assert after.opener is None
    assert after.destroyed_at is not None
    assert not [one for one in context.objects.list_releases() if one.key == row.object_key]


def _again(world: World, person: Person) -> Person:
    from heyan.accounts import sessions
    from heyan.accounts.models import Account

    with world.session() as session:
        token = sessions.begin(
            session,
            world.settings,
            session.get_one(Account, person.account_id),
            complete=True,
            source="192.0.2.1",
            user_agent="test",
        )
    client = world.app.test_client()
    client.set_cookie("heyan_session", token, domain="localhost")
    return Person(client, person.account_id, token)


def test_ordering_twice_makes_one_copy_and_one_request(
    world: World, context: Context, person: Person
) -> None:
    """G1: a double click, and a job that runs twice, change nothing."""
    path = ordered(world, context, person)
    person.client.post("/me/data/copy", data={"csrf_token": _token(person)})
    copy_id = uuid.UUID(path.split("/")[4])
    assert access_copy.build(context, copy_id) is False
    rows = world.rows("SELECT id FROM access_copies WHERE account_id = :a", a=person.account_id)
    assert len(rows) == 1
    assert "已办结" in words_of(person.get("/me/data"))


def _token(person: Person) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', person.get("/contact").text)
    assert found
    return found[1]


def test_a_copy_that_is_not_made_within_the_hour_can_be_asked_for_anew(
    world: World, context: Context, person: Person, clock: Clock
) -> None:
    """G1: a worker that was away leaves nobody without a copy, and never two that open."""
    fresh(world, person)
    person.post("/me/data/copy")
    clock.move(timedelta(minutes=61))
    again = fresh(world, _again(world, person))
    assert "上一次没有做成" in words_of(again.get("/me/data/copy"))
    assert again.post("/me/data/copy").status_code == 303
    rows = world.rows(
        "SELECT opener IS NOT NULL AS opens FROM access_copies WHERE account_id = :a",
        a=person.account_id,
    )
    assert sorted(row.opens for row in rows) == [False, True]
    run_once(context)
    assert "/file" in again.get("/me/data/copy").text
