"""Two or many who act on the same thing in the same moment: seats, drafts, documents, batches."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyrage
import pytest

from heyan.audit.service import Actor
from heyan.custody import images
from heyan.documents import service as documents
from heyan.events.models import Event
from heyan.registrations import submission
from tests.enrolment import Person, World, hidden_fields, picture, words_of
from uploads_worker import vault
from uploads_worker.context import Context
from uploads_worker.releases import build_release, building, offering
from uploads_worker.releases.writing import write_release

# Long enough for the other one to reach its lock, where nothing keeps it from there.
MEANWHILE = 3.0


def tab(world: World, someone: Person) -> Person:
    """Return another tab of the same browser, for another thread."""
    client = world.app.test_client()
    client.set_cookie("heyan_session", someone.token, domain="localhost")
    return Person(client, someone.account_id, someone.token)


def ready(world: World, slug: str) -> tuple[Person, str]:
    """Return someone with a draft that can be submitted, for an event without documents."""
    someone = world.person()
    registration = someone.start(slug, someone.student())
    someone.answer(registration)
    return someone, registration


def with_key_and_pin(world: World, context: Context, **changes: Any) -> Event:
    """Make an event whose documents go to an organizer with a pinned key."""
    event = world.event(with_key=False, **changes)
    vault.provision(context, event.id)
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    proposer = world.person().account_id
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO recipients (id, organization_id, recipient, purpose, status, proposed_by,"
            " proposed_at, pinned_at)"
            " VALUES (gen_random_uuid(), %s, %s, 'primary', 'pinned', %s, now(), now())",
            (event.organization_id, recipient, proposer),
        )
    context.keyring.pin(event.organization_id, recipient)
    return event


def included(world: World, event: Event) -> list[uuid.UUID]:
    rows = world.rows(
        "SELECT i.document_id FROM release_items i JOIN releases r ON r.id = i.release_id"
        " WHERE r.event_id = :e AND i.state = 'included' AND r.state = 'offered'",
        e=event.id,
    )
    return [row[0] for row in rows]


# --- seats -----------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", range(3))
def test_a_storm_of_submissions_withdrawals_and_new_seats_leaves_every_seat_with_its_turn(
    world: World, turn: int
) -> None:
    """C1, C-52: seats never exceed, none stays empty while somebody waits, nobody is overtaken."""
    event = world.event(kinds=(), with_key=False, capacity=3)
    people = [ready(world, event.slug) for _each in range(14)]
    for someone, registration in people[:8]:
        assert someone.post(f"/registrations/{registration}/check").status_code == 303

    def send(page: str, pair: tuple[Person, str]) -> int:
        address = f"/registrations/{pair[1]}/{page}"
        return tab(world, pair[0]).post(address).status_code

    def raise_capacity(_pair: tuple[Person, str]) -> int:
        with world.owner.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE events SET capacity = capacity + 1 WHERE id = %s", (event.id,)
            )
        with world.session() as session:
            submission.seat_waiting(session, Actor("staff"), event.id)
        return 303

    acts: list[Callable[[], int]] = [
        *(lambda pair=pair: send("withdraw", pair) for pair in people[turn : turn + 2]),
        *(lambda pair=pair: send("withdraw", pair) for pair in people[4:6]),
        *(lambda pair=pair: send("check", pair) for pair in people[8:]),
        *(lambda pair=pair: send("withdraw", pair) for pair in people[12:]),
        lambda: raise_capacity(people[0]),
        lambda: raise_capacity(people[0]),
    ]
    with ThreadPoolExecutor(len(acts)) as pool:
        answers = [one.result() for one in [pool.submit(act) for act in acts]]
    # Submitting what was withdrawn a moment ago shows what became of it.
    assert set(answers) <= {302, 303}, answers
    rows = world.rows(
        "SELECT status, waiting, number FROM registrations WHERE event_id = :e", e=event.id
    )
    (seats,) = world.rows("SELECT seats_taken, capacity FROM events WHERE id = :e", e=event.id)
    seated = sorted(row.number for row in rows if row.status == "submitted")
    waits = sorted(row.number for row in rows if row.status == "waitlisted")
    assert len(seated) == seats.seats_taken <= seats.capacity == 5
    assert not waits or len(seated) == seats.capacity
    assert not waits or seated[-1] < waits[0]
    places = [row.waiting for row in rows if row.status == "waitlisted"]
    assert len(set(places)) == len(places)
    numbers = [row.number for row in rows if row.number]
    assert len(set(numbers)) == len(numbers)


def test_eight_tabs_submit_one_draft_once(world: World) -> None:
    """C-52, SECURITY 31: one number, one seat, one notice; every tab shows the same receipt."""
    event = world.event(kinds=(), with_key=False, capacity=5)
    someone, registration = ready(world, event.slug)
    path = f"/registrations/{registration}/check"
    tabs = [(tab(world, someone), hidden_fields(someone.get(path).text)) for _each in range(8)]

    def submit(one: tuple[Person, dict[str, str]]) -> str:
        sent = one[0].client.post(path, data=one[1])
        assert sent.status_code == 303, words_of(sent)
        return words_of(one[0].get(sent.headers["Location"]))

    with ThreadPoolExecutor(8) as pool:
        assert all("报名已提交" in page for page in pool.map(submit, tabs))
    (row,) = world.rows("SELECT seats_taken, next_number FROM events WHERE id = :e", e=event.id)
    assert (row.seats_taken, row.next_number) == (1, 2)
    (notices,) = world.rows(
        "SELECT count(*) FROM notices WHERE account_id = :a AND kind = 'registration_submitted'",
        a=someone.account_id,
    )
    assert notices[0] == 1


# --- one draft, two tabs ---------------------------------------------------------------------


def test_a_picture_replaced_while_the_draft_is_submitted_stops_neither(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-11, SECURITY 31: both take their locks in one order, so neither waits for the other."""
    event = world.event(with_key=False)
    vault.provision(context, event.id)
    someone = world.person()
    registration = someone.ready(event.slug)
    assert someone.upload(registration, picture()).status_code == 303
    replacing, submitting = threading.Event(), threading.Event()
    lock, keep = documents.lock, submission.keep_until_event_ends

    def lock_after(*given: Any) -> Any:
        replacing.set()
        return lock(*given)

    def keep_after(*given: Any) -> Any:
        submitting.set()
        replacing.wait(MEANWHILE)
        return keep(*given)

    monkeypatch.setattr(documents, "lock", lock_after)
    monkeypatch.setattr(submission, "keep_until_event_ends", keep_after)
    genuine = images.normalise

    def slow(*given: Any, **named: Any) -> images.Normalised:
        made = genuine(*given, **named)
        assert submitting.wait(20)
        return made

    monkeypatch.setattr(images, "normalise", slow)
    with ThreadPoolExecutor(2) as pool:
        upload = pool.submit(tab(world, someone).upload, registration, picture(1700, 1000))
        submit = pool.submit(tab(world, someone).post, f"/registrations/{registration}/check")
        assert submit.result().status_code == 303, words_of(submit.result())
        assert upload.result().status_code == 303, words_of(upload.result())
    rows = world.rows(
        "SELECT d.state, d.destroy_reason, r.status FROM documents d"
        " JOIN registrations r ON r.id = d.registration_id WHERE r.id = :r ORDER BY d.id",
        r=registration,
    )
    assert [row.state for row in rows] == ["superseded", "sealed"]
    assert rows[1].destroy_reason == "event_end"
    assert rows[1].status == "submitted"


# --- batches ---------------------------------------------------------------------------------


def test_a_withdrawal_in_the_moment_of_the_hand_over_stops_neither(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A2, L2b, SECURITY 31: whoever comes second sees what the first did, and the organizer
    hears of the withdrawal.
    """
    event = with_key_and_pin(world, context)
    someone = world.person()
    registration, document = someone.submitted(event.slug)
    holding, offered = threading.Event(), threading.Event()
    hold, mark = submission._hold_event, offering._mark_items

    def hold_and_tell(*given: Any) -> None:
        hold(*given)
        holding.set()

    def mark_after(*given: Any) -> None:
        # The documents are locked by now.
        offered.set()
        assert holding.wait(20)
        mark(*given)

    monkeypatch.setattr(offering, "_mark_items", mark_after)
    page = f"/registrations/{registration}/withdraw"
    other = tab(world, someone)
    fields = hidden_fields(other.get(page).text)
    monkeypatch.setattr(submission, "_hold_event", hold_and_tell)
    with ThreadPoolExecutor(1) as pool:
        built = pool.submit(build_release, context, event.id, "demand")
        assert offered.wait(30)
        sent = other.client.post(page, data=fields)
        built.result(60)
    assert sent.status_code == 303, words_of(sent)
    assert included(world, event) == [uuid.UUID(document)]
    (row,) = world.rows("SELECT state, destroy_reason FROM documents WHERE id = :d", d=document)
    assert (row.state, row.destroy_reason) == ("released", "withdrawn")
    told = world.rows("SELECT news FROM rights_parties WHERE registration_id = :r", r=registration)
    assert [one.news for one in told] == ["withdrawn"]


def test_a_picture_replaced_while_the_batch_is_written_is_refused_in_words(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C5, C-76: what is being packed goes out as it is; the person is told, nothing is lost."""
    event = with_key_and_pin(world, context)
    someone = world.person()
    registration, document = someone.submitted(event.slug)
    said: list[Any] = []

    def meanwhile(*given: Any, **named: Any) -> Any:
        if not said:
            said.append(tab(world, someone).upload(registration, picture(1700, 1000)))
        return write_release(*given, **named)

    monkeypatch.setattr(building, "write_release", meanwhile)
    build_release(context, event.id, "demand")
    assert said[0].status_code == 409
    assert "编" in words_of(said[0])
    assert included(world, event) == [uuid.UUID(document)]


def test_a_batch_claimed_while_the_new_picture_is_worked_on_wins_and_holds_the_old_one(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C5, C-76: the picture that was under way is asked about again under the lock."""
    event = with_key_and_pin(world, context)
    someone = world.person()
    registration, document = someone.submitted(event.slug)
    genuine = images.normalise

    def meanwhile(*given: Any, **named: Any) -> images.Normalised:
        made = genuine(*given, **named)
        build_release(context, event.id, "demand")
        return made

    path = f"/registrations/{registration}/documents/id_card_front"
    form = {**hidden_fields(someone.get(path).text), "file": (io.BytesIO(picture()), "a.jpg")}
    monkeypatch.setattr(images, "normalise", meanwhile)
    sent = someone.client.post(path, data=form)
    assert sent.status_code == 409
    assert included(world, event) == [uuid.UUID(document)]
    rows = world.rows("SELECT id FROM documents WHERE registration_id = :r", r=registration)
    assert [str(row.id) for row in rows] == [document]
