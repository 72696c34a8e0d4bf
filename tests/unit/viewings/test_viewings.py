"""A document is shown to one person of the staff after two approvals, and to nobody else."""

from __future__ import annotations

import io
import json
import uuid
from datetime import timedelta

import pyrage
import pytest
from PIL import Image, ImageChops
from sqlalchemy import text

from deploy.local.machine import Machine
from heyan.access import Role
from heyan.approvals import requests
from heyan.custody import signing
from heyan.documents.models import DocumentState
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.viewings import keys, service
from heyan.viewings.keys import ForbiddenTransition, SamePerson
from heyan.viewings.models import ViewingState
from tests import worker as worker_tests
from tests.conftest import Clock
from tests.enrolment import World, words_of
from tests.staff import colleague
from tests.viewings import Reader, approve, ask, confirmed_key, opened, reader, viewing_of
from tests.worker import Case, audit_of, run_once, submit
from uploads_worker import people, viewings
from uploads_worker.context import Context


@pytest.fixture(scope="module")
def case(world: World, context: Context) -> Case:
    """One sealed document."""
    return submit(world, context)


@pytest.fixture(scope="module")
def clerk(world: World, context: Context) -> Reader:
    """A clerk with a pinned key."""
    return reader(world, context)


def shown(world: World, context: Context, who: Reader, *subjects: uuid.UUID) -> uuid.UUID:
    """Approve a request and let the worker open it; return the viewing's id."""
    request = ask(world, who, *subjects)
    approve(world, request)
    found = viewing_of(world, who, request)
    viewings.build_viewing(context, found.id)
    return found.id


def state_of(world: World, viewing_id: uuid.UUID) -> tuple[str, str | None]:
    (row,) = world.rows("SELECT state, problem FROM viewings WHERE id = :v", v=viewing_id)
    return row.state, row.problem


def change(world: World, query: str, **values: object) -> None:
    """Change the database behind everyone's back."""
    with world.owner.begin() as connection:
        connection.execute(text(query), values)


def test_a_document_is_opened_for_the_one_who_asked_marked_with_their_name(
    world: World, context: Context, clerk: Reader, case: Case
) -> None:
    """S-091, S-093, SECURITY 26: two approvals, one key, one name on every picture."""
    viewing_id = shown(world, context, clerk, case.document_id)
    assert state_of(world, viewing_id) == ("offered", None)
    page = clerk.colleague.get(f"/staff/viewings/{viewing_id}")
    assert page.status_code == 200
    assert "media-src blob:" in page.headers["Content-Security-Policy"]
    envelope = clerk.colleague.get(f"/staff/viewings/{viewing_id}/manifest").text
    public = context.keyring.root.public_key()
    payload = signing.verify(envelope, public, payload_type=signing.VIEWING_TYPE)
    manifest = json.loads(payload)
    assert manifest["recipients"] == [str(clerk.identity.to_public())]
    file = clerk.colleague.get(f"/staff/viewings/{viewing_id}/file").data
    assert len(file) == manifest["file"]["bytes"]
    index, entries = opened(file, clerk.identity)
    (item,) = index["items"]
    signing.verify_detached(
        entries["index.json.sig"].decode(),
        entries["index.json"],
        public,
        payload_type=signing.VIEWING_INDEX_TYPE,
    )
    picture = Image.open(io.BytesIO(entries[item["parts"][0]["path"]]))
    before = Image.open(io.BytesIO(worker_tests.opened(context, case.document_id)))
    assert picture.size == before.size
    # The second mark lies all over the first: no quarter of the picture is without it.
    width, height = before.size
    drawn = ImageChops.difference(picture.convert("L"), before.convert("L"))
    for left in (0, width // 2):
        for top in (0, height // 2):
            quarter = drawn.crop((left, top, left + width // 2, top + height // 2))
            assert quarter.getextrema()[1] > 40
    with pytest.raises(pyrage.DecryptError):
        opened(file, pyrage.x25519.Identity.generate())


def test_its_owner_reads_when_why_and_by_whose_word_but_no_name(
    world: World, context: Context, clerk: Reader
) -> None:
    """S-093, I6: roles and purpose on the custody page, and a notice."""
    event = world.event(with_key=False)
    from uploads_worker import vault

    vault.provision(context, event.id)
    owner = world.person()
    _registration, document = owner.submitted(event.slug)
    viewing_id = shown(world, context, clerk, uuid.UUID(document))
    before = words_of(owner.get(f"/documents/{document}"))
    assert "没有取用" in before
    assert clerk.colleague.get(f"/staff/viewings/{viewing_id}/file").status_code == 200
    page = words_of(owner.get(f"/documents/{document}"))
    assert "处理纠纷或申诉" in page
    assert "个人信息保护负责人" in page
    assert "管理员" in page
    assert clerk.name not in page
    assert "经审批，本站一名工作人员查看了一份材料" in words_of(owner.get("/me/notices"))
    assert audit_of(world, "viewings.fetch", viewing_id)


def test_another_colleague_does_not_even_learn_that_it_exists(
    world: World, context: Context, clerk: Reader, case: Case
) -> None:
    """SECURITY 26, C-47: loaded through its owner; step-up before anything."""
    viewing_id = shown(world, context, clerk, case.document_id)
    other = reader(world, context)
    for role in (Role.PRIVACY_OFFICER, Role.ADMINISTRATOR, Role.OPERATIONS):
        for part in ("", "/manifest", "/file", "/state"):
            path = f"/staff/viewings/{viewing_id}{part}"
            assert colleague(world, role).get(path).status_code == 404
            assert other.colleague.get(path).status_code == 404
    stale = colleague(world, Role.SERVICE, stepped_up=False)
    for part in ("", "/manifest", "/file"):
        assert stale.get(f"/staff/viewings/{viewing_id}{part}").status_code == 302


def test_without_both_approvals_nothing_is_ordered(world: World, clerk: Reader, case: Case) -> None:
    """S-091: the request alone, or one word of two, opens nothing."""
    request = ask(world, clerk, case.document_id)
    approve(world, request, Role.PRIVACY_OFFICER)
    with world.session() as session:
        assert service.of_request(session, clerk.account_id, request) is None


def test_a_viewing_that_the_database_was_given_without_approval_is_refused(
    world: World, context: Context, clerk: Reader, case: Case
) -> None:
    """The worker asks for the approval itself; an order without one gets nothing."""
    request = ask(world, clerk, case.document_id)
    with world.session() as session:
        viewing_id = service.order(
            session, request_id=request, requester_id=clerk.account_id,
            subject_kind="document", subject_ids=[case.document_id], hours=8,
        )  # fmt: skip
    viewings.build_viewing(context, viewing_id)
    assert state_of(world, viewing_id) == ("failed", "approval")
    assert audit_of(world, "viewings.refuse", viewing_id)
    assert "没有制作" in words_of(clerk.colleague.get("/staff/viewings"))


def test_swapped_records_are_not_what_was_approved(
    world: World, context: Context, clerk: Reader, case: Case
) -> None:
    """An approval is of named records: other ones put in their place open nothing."""
    other = submit(world, context)
    request = ask(world, clerk, case.document_id)
    approve(world, request)
    viewing_id = viewing_of(world, clerk, request).id
    change(
        world, "UPDATE viewing_items SET subject_id = :d WHERE viewing_id = :v",
        d=other.document_id, v=viewing_id,
    )  # fmt: skip
    viewings.build_viewing(context, viewing_id)
    assert state_of(world, viewing_id) == ("failed", "approval")


def test_a_viewing_given_to_another_person_opens_for_nobody(
    world: World, context: Context, clerk: Reader, case: Case
) -> None:
    """An approval is of one person: another one put in their place gets nothing."""
    thief = reader(world, context)
    request = ask(world, clerk, case.document_id)
    approve(world, request)
    viewing_id = viewing_of(world, clerk, request).id
    change(
        world, "UPDATE viewings SET requester_id = :a WHERE id = :v",
        a=thief.account_id, v=viewing_id,
    )  # fmt: skip
    viewings.build_viewing(context, viewing_id)
    assert state_of(world, viewing_id) == ("failed", "approval")


def test_a_key_changed_in_the_database_gets_nothing_and_raises_an_alert(
    world: World, context: Context, case: Case
) -> None:
    """C-78 for persons, SECURITY 13: the pin on the host decides, and says so."""
    victim = reader(world, context)
    change(
        world, "UPDATE staff_keys SET recipient = :r WHERE account_id = :a",
        r=str(pyrage.x25519.Identity.generate().to_public()), a=victim.account_id,
    )  # fmt: skip
    viewing_id = shown(world, context, victim, case.document_id)
    assert state_of(world, viewing_id) == ("failed", "recipient")
    (alert,) = world.rows(
        "SELECT outcome FROM audit_entries WHERE action = 'viewings.recipient_mismatch'"
        " AND subject_id = :a", a=str(victim.account_id),
    )  # fmt: skip
    assert alert.outcome == "alert"


def test_a_key_that_is_pinned_only_in_the_database_gets_nothing(
    world: World, context: Context, case: Case
) -> None:
    """C-78: nobody became trusted by a row."""
    nobody = reader(world, context, pinned=False)
    change(
        world, "UPDATE staff_keys SET status = 'pinned', pinned_at = now() WHERE account_id = :a",
        a=nobody.account_id,
    )  # fmt: skip
    viewing_id = shown(world, context, nobody, case.document_id)
    assert state_of(world, viewing_id) == ("failed", "recipient")


def test_an_order_waits_for_its_readers_key_and_is_made_once_that_is_pinned(
    world: World, context: Context, case: Case
) -> None:
    who = reader(world, context, pinned=False)
    viewing_id = shown(world, context, who, case.document_id)
    assert state_of(world, viewing_id) == ("ordered", None)
    with world.session() as session:
        (row,) = keys.of_account(session, who.account_id)
    people.pin(
        context, who.account_id, row.id, name=who.name,
        fingerprint=recipient_fingerprint(row.recipient),
    )  # fmt: skip
    viewings.tend(context)
    assert state_of(world, viewing_id) == ("offered", None)


def test_it_ends_within_a_day_and_every_version_is_destroyed(
    world: World, context: Context, clerk: Reader, case: Case, clock: Clock
) -> None:
    """CONTROLS 5: a release to staff lasts 24 hours; its end is proven and on record."""
    viewing_id = shown(world, context, clerk, case.document_id)
    (row,) = world.rows("SELECT object_key FROM viewings WHERE id = :v", v=viewing_id)
    clock.move(timedelta(hours=8, minutes=1))
    run_once(context)
    assert state_of(world, viewing_id) == ("destroyed", None)
    assert not list(context.objects.list_releases(row.object_key))
    assert audit_of(world, "viewings.destroy", viewing_id)
    steps = world.rows(
        "SELECT step FROM custody_events WHERE document_id = :d"
        " AND details->>'viewing_id' = :v", d=case.document_id, v=str(viewing_id),
    )  # fmt: skip
    assert {one.step for one in steps} == {"staff_copy_made", "staff_copy_destroyed"}


def test_an_ended_approval_stops_the_next_request_and_the_file_goes(
    world: World, context: Context, clerk: Reader, case: Case
) -> None:
    """C-51: whoever ends the request ends what it opened, at once."""
    request = ask(world, clerk, case.document_id)
    approve(world, request)
    viewing_id = viewing_of(world, clerk, request).id
    viewings.build_viewing(context, viewing_id)
    path = f"/staff/viewings/{viewing_id}"
    assert clerk.colleague.get(f"{path}/state").json == {"live": True}
    officer = colleague(world, Role.PRIVACY_OFFICER)
    with world.session() as session:
        requests.end(session, officer.actor, request)
    assert clerk.colleague.get(f"{path}/state").json == {"live": False}
    for part in ("", "/manifest", "/file"):
        assert clerk.colleague.get(path + part).status_code == 403
    viewings.tend(context)
    assert state_of(world, viewing_id)[0] == "destroyed"


def test_an_open_download_breaks_off_when_the_approval_ends(
    world: World, context: Context, clerk: Reader, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-51: what runs is asked again and stops short of its length."""
    from heyan.custody import stored
    from heyan.releases import downloads

    monkeypatch.setattr(stored, "CHUNK", 4096)
    monkeypatch.setattr(downloads, "LOOK_SECONDS", 0.0)
    request = ask(world, clerk, case.document_id)
    approve(world, request)
    viewing_id = viewing_of(world, clerk, request).id
    viewings.build_viewing(context, viewing_id)
    answer = clerk.colleague.client.get(f"/staff/viewings/{viewing_id}/file", buffered=False)
    pieces = iter(answer.response)
    first = next(pieces)
    with world.session() as session:
        requests.end(session, clerk.colleague.actor, request)
    rest = b"".join(pieces)
    assert len(first) + len(rest) < int(answer.headers["Content-Length"])


def test_a_destroyed_document_takes_its_copy_along(
    world: World, context: Context, clerk: Reader
) -> None:
    """S-056, DESIGN 2: withdrawal ends every copy."""
    from uploads_worker import destruction

    gone = submit(world, context)
    viewing_id = shown(world, context, clerk, gone.document_id)
    destruction.destroy_document(context, gone.document_id, because="withdrawn")
    assert clerk.colleague.get(f"/staff/viewings/{viewing_id}/file").status_code == 403
    viewings.tend(context)
    assert state_of(world, viewing_id)[0] == "destroyed"
    with world.session() as session:
        from heyan.documents.models import Document

        assert session.get_one(Document, gone.document_id).state is DocumentState.DESTROYED


def test_a_run_that_was_killed_is_taken_over_and_leaves_nothing(
    world: World, context: Context, clerk: Reader, case: Case
) -> None:
    """Killed after the file and before the offer: the next run makes one file, not two."""
    request = ask(world, clerk, case.document_id)
    approve(world, request)
    found = viewing_of(world, clerk, request)
    order = viewings._prepare(context, found.id)
    assert order is not None
    viewings.write(context, order)
    viewings.build_viewing(context, found.id)
    assert state_of(world, found.id) == ("offered", None)
    assert not list(context.objects.list_releases(order.object_key))


def test_the_sweep_of_objects_knows_viewings(
    world: World, context: Context, clerk: Reader, case: Case, clock: Clock
) -> None:
    from uploads_worker import sweep

    viewing_id = shown(world, context, clerk, case.document_id)
    clock.move(timedelta(hours=7))
    sweep._release_orphans(context)
    (row,) = world.rows("SELECT object_key FROM viewings WHERE id = :v", v=viewing_id)
    assert list(context.objects.list_releases(row.object_key))


def test_ordering_the_same_request_twice_gives_one_viewing(
    world: World, clerk: Reader, case: Case
) -> None:
    request = ask(world, clerk, case.document_id)
    facts = {
        "request_id": request, "requester_id": clerk.account_id, "subject_kind": "document",
        "subject_ids": [case.document_id], "hours": 500,
    }  # fmt: skip
    with world.session() as session:
        first, second = service.order(session, **facts), service.order(session, **facts)
        assert first == second
        row = service.load(session, clerk.account_id, first)
        assert row.expires_at - row.ordered_at == service.LONGEST
        assert row.state is ViewingState.ORDERED


def test_nobody_confirms_the_fingerprint_of_their_own_key(world: World) -> None:
    """SECURITY 30, C-50."""
    officer = colleague(world, Role.PRIVACY_OFFICER)
    identity = pyrage.x25519.Identity.generate()
    row = confirmed_key(world, officer, identity)
    again = pyrage.x25519.Identity.generate()
    with world.session() as session:
        mine = keys.propose(session, officer.actor, str(again.to_public()))
        with pytest.raises(SamePerson):
            keys.confirm(session, officer.actor, mine.id)
        with pytest.raises(ForbiddenTransition):
            keys.confirm(session, colleague(world, Role.ADMINISTRATOR).actor, mine.id)
    page = officer.get(f"/staff/viewings/confirmations/{row.id}")
    assert "pin-person" in page.text


def test_the_command_on_the_host_asks_for_the_fingerprint_and_the_name(
    stack: Machine, world: World, context: Context
) -> None:
    """SECURITY 13: a ceremony of its own, outside the web."""
    who = colleague(world, Role.SERVICE)
    row = confirmed_key(world, who, pyrage.x25519.Identity.generate())
    asked = ("pin-person", str(who.account_id), str(row.id), "--name", "李查看")
    wrong = worker_tests.command(stack, *asked, "--yes-fingerprint", "0000")
    assert wrong.returncode == 1
    shown_there = recipient_fingerprint(row.recipient)
    right = worker_tests.command(stack, *asked, "--yes-fingerprint", shown_there)
    assert right.returncode == 0, right.stderr
    pin = people.pin_of(context.keyring, who.account_id)
    assert pin is not None
    assert pin.name == "李查看"
    assert "李查看" in worker_tests.command(stack, "pins").stdout
    gone = worker_tests.command(stack, "unpin-person", str(who.account_id))
    assert gone.returncode == 0
    assert people.pin_of(context.keyring, who.account_id) is None
