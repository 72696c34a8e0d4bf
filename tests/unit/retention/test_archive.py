"""What the law keeps after a closing: sealed off the site, out on an order of two people alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest

from deploy.local.machine import Machine
from heyan import web
from heyan.access import Role
from heyan.accounts.models import Account
from heyan.retention import archiving
from heyan.retention import views as retention_views
from tests.conftest import Clock
from tests.enrolment import World, words_of
from tests.keeping import ORDER, pair
from tests.staff import colleague
from tests.worker import age_key, audit_of, command, submit
from uploads_worker import endings, retention, sweep
from uploads_worker.context import Context


@pytest.fixture
def offline() -> Iterator[str]:
    """The operator's offline identity; the site knows its public half."""
    secret, public = age_key()
    archiving.use_recipient(public)
    yield secret
    archiving.use_recipient("")


def closed(world: World, context: Context) -> tuple[object, str]:
    """An account with a submitted registration, closed by its owner; its id and number."""
    case = submit(world, context)
    account = world.rows(
        "SELECT account_id FROM registrations WHERE id = :r", r=case.registration_id
    )[0][0]
    with world.app.app_context():
        phone = web.session().get_one(Account, account).login
    runner = world.app.test_cli_runner()
    done = runner.invoke(args=["registrations", "close-account", "--phone", phone, "--yes"])
    assert done.exit_code == 0, done.output
    return account, phone


def test_what_the_law_keeps_of_an_unused_account_is_sealed_too(
    world: World, context: Context, clock: Clock, offline: str
) -> None:
    """G6, E4, S-064: two years without a visit end like a closing."""
    case = submit(world, context)
    account = world.rows(
        "SELECT account_id FROM registrations WHERE id = :r", r=case.registration_id
    )[0][0]
    endings.end_event(context, case.event_id)
    clock.move(timedelta(days=701))
    retention.warn_unused(context)
    clock.move(timedelta(days=31))
    retention_views._closed["at"] = -retention_views.EVERY
    assert world.app.test_client().get("/readyz").status_code == 200
    sweep.BROOMS["closed_accounts"](context)
    ((login, status),) = world.rows(
        "SELECT login_index = uuid_send(id), status FROM accounts WHERE id = :a", a=account
    )
    assert (login, status) == (True, "closed")
    ((sealed,),) = world.rows("SELECT waiting FROM archive_items WHERE account_id = :a", a=account)
    opened = json.loads(pyrage.decrypt(bytes(sealed), [pyrage.x25519.Identity.from_str(offline)]))
    assert opened["registrations"][0]["student"]


FIELDS = {
    "authority": ORDER.authority,
    "order_number": ORDER.order_number,
    "statute": ORDER.statute,
    "scope": ORDER.scope,
    "mainland": "yes",
}


def test_only_an_order_of_two_people_hands_out_ciphertexts_in_its_scope(
    world: World, context: Context, stack: Machine, tmp_path: Path, offline: str
) -> None:
    """G6, S-064, S-065, L-35: neither database, bucket nor keyring opens it; its key does."""
    account, phone = closed(world, context)
    other, other_phone = closed(world, context)
    sweep.BROOMS["archive_move"](context)
    sweep.BROOMS["closed_accounts"](context)
    rows = world.rows(
        "SELECT object_key, waiting FROM archive_items WHERE account_id IN (:a, :b)",
        a=account, b=other,
    )  # fmt: skip
    assert len(rows) == 2
    for key, waiting in rows:
        assert waiting is None
        sealed = context.objects.get_sealed(key)
        assert sealed.startswith(b"age-encryption.org/v1")
        assert phone.encode() not in sealed
    # The sweep for objects without a row leaves it.
    sweep.BROOMS["orphans"](context)
    assert context.objects.get_sealed(rows[0][0])

    officer, administrator = pair(world)
    page = "/staff/retention/orders/new"
    assert officer.post(page, accounts=str(account), **FIELDS).status_code == 303
    query_id = world.rows("SELECT max(id::text) FROM authority_queries")[0][0]
    folder = tmp_path / "out"
    refused = command(stack, "archive", "hand-out", query_id, str(folder))
    assert refused.returncode == 1
    one = f"/staff/retention/orders/{query_id}"
    assert officer.post(one, action="approve").status_code == 403
    assert colleague(world, Role.PRIVACY_OFFICER).post(one, action="approve").status_code == 403
    assert administrator.post(one, action="approve").status_code == 303
    done = command(stack, "archive", "hand-out", query_id, str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    sealed_files = list(folder.glob("*.age"))
    assert len(sealed_files) == 1
    identity = pyrage.x25519.Identity.from_str(offline)
    content = json.loads(pyrage.decrypt(sealed_files[0].read_bytes(), [identity]))
    assert content["account"] == str(account)
    assert content["login"] == phone
    assert content["registrations"][0]["student"]
    assert other_phone not in json.dumps(content)
    assert command(stack, "archive", "hand-out", query_id, str(tmp_path / "2")).returncode == 1
    assert audit_of(world, "archive.hand_out", query_id)[0]["objects"] == 1


def test_a_body_from_abroad_is_refused(world: World, context: Context, offline: str) -> None:
    """L-16, PIPL 41."""
    assert offline
    account, _phone = closed(world, context)
    officer, _administrator = pair(world)
    sent = officer.post(
        "/staff/retention/orders/new", accounts=str(account), **{**FIELDS, "mainland": "no"}
    )
    assert sent.status_code == 422
    assert "不能向境外机构提供" in words_of(sent)


def test_the_archive_ends_with_the_statutes_term(
    world: World, context: Context, clock: Clock, offline: str
) -> None:
    """S-060, S-076: three years, then gone from the store too."""
    assert offline
    account, _phone = closed(world, context)
    sweep.BROOMS["archive_move"](context)
    clock.move(timedelta(days=1094))
    sweep.BROOMS["archive"](context)
    state = "SELECT object_key, destroyed_at FROM archive_items WHERE account_id = :a"
    assert world.rows(state, a=account)[0][1] is None
    clock.move(timedelta(days=2))
    sweep.BROOMS["archive"](context)
    key, destroyed = world.rows(state, a=account)[0]
    assert destroyed is not None
    assert key not in {one.key for one in context.objects.list_sealed()}


def test_nothing_is_archived_of_who_registered_for_nothing(world: World, offline: str) -> None:
    """PIPL 6: what no law keeps is not kept."""
    assert offline
    person = world.person()
    with world.session() as session:
        assert archiving.seal(session, person.account_id) is False
