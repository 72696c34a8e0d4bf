"""Back in by possession, out with strangers, and slow changes by two clerks."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from heyan.access import Role
from heyan.accounts.models import Account
from heyan.assistance import changes, recovery
from heyan.assistance.models import ChangeKind
from tests.conftest import Clock
from tests.enrolment import Person, World, hidden_fields, words_of
from tests.notifications import counted
from tests.staff import Colleague, colleague

PASSWORD = "fünf-leise-otter-im-fluss"


@pytest.fixture
def clerk(world: World) -> Colleague:
    """Somebody of customer service."""
    return colleague(world, Role.SERVICE)


@pytest.fixture
def other(world: World) -> Colleague:
    """Another one."""
    return colleague(world, Role.SERVICE)


def somebody(world: World) -> Person:
    """A browser with nobody signed in."""
    return Person(world.app.test_client(), uuid.UUID(int=0), "")


def phone_of(world: World, person: Person) -> str:
    """The number of a person's account."""
    with world.session() as session:
        return session.get_one(Account, person.account_id).login


def call_back(clerk: Colleague, person: Person) -> str:
    """Issue a code to be read out, and return it."""
    at = f"/staff/accounts/{person.account_id}"
    shown = clerk.post(f"{at}/reset", page=at, way="callback")
    found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", shown.text)
    assert found, words_of(shown)
    return found[0]


def new_password(world: World, phone: str, code: str, password: str = PASSWORD) -> int:
    """Try a code at the public page; return the status."""
    browser = somebody(world)
    return browser.post("/account/reset", phone=phone, code=code, password=password).status_code


def test_a_clerk_finds_an_account_by_number_and_sees_it_masked(
    world: World, clerk: Colleague, person: Person
) -> None:
    """B4, I6: masked without a grant, each reveal with its reason on record, no number in sight."""
    phone = phone_of(world, person)
    found = clerk.post("/staff/accounts", phone=phone)
    assert found.status_code == 303
    assert phone[-11:] not in found.headers["Location"]
    page = clerk.get(found.headers["Location"])
    assert phone[-11:] not in page.text
    seen = clerk.post(
        f"/staff/accounts/{person.account_id}/reveal",
        page=found.headers["Location"],
        reason="核对来电",
    )
    assert phone in seen.text
    rows = world.rows(
        "SELECT reason FROM audit_entries WHERE action = 'assistance.reveal' AND subject_id = :a",
        a=str(person.account_id),
    )
    assert [one for (one,) in rows] == ["核对来电"]


def test_a_reset_ends_sessions_keeps_the_second_factor_and_tells_the_owner(
    world: World, clerk: Colleague, person: Person
) -> None:
    """C-35, S-016: the code is for the owner alone; nobody on the staff chooses a password."""
    phone = phone_of(world, person)
    world_row = "SELECT count(*) FROM totp_factors WHERE account_id = :a"
    before = world.rows(world_row, a=person.account_id)
    code = call_back(clerk, person)
    assert person.get("/registrations").status_code == 200
    assert new_password(world, phone, code) == 200
    assert person.get("/registrations").status_code != 200
    assert world.rows(world_row, a=person.account_id) == before
    kinds = {
        one
        for (one,) in world.rows(
            "SELECT kind FROM notices WHERE account_id = :a", a=person.account_id
        )
    }
    assert {"account_reset_issued", "account_password_changed"} <= kinds
    assert new_password(world, phone, code) == 422
    trail = world.rows("SELECT string_agg(details::text, ' ') FROM audit_entries")[0][0]
    assert code not in trail
    assert somebody(world).post("/account/login", phone=phone, password=PASSWORD).status_code == 303


def test_a_reset_code_has_three_tries_and_ten_minutes(
    world: World, clerk: Colleague, person: Person, clock: Clock
) -> None:
    """CONTROLS 5, C-33."""
    phone = phone_of(world, person)
    code = call_back(clerk, person)
    for _ in range(3):
        assert new_password(world, phone, "0000-0000") == 422
    assert new_password(world, phone, code) == 422
    code = call_back(clerk, person)
    clock.move(timedelta(minutes=10, seconds=1))
    assert new_password(world, phone, code) == 422


def test_a_code_that_is_none_costs_the_same_for_every_number(world: World) -> None:
    """C-32, SECURITY 21: statement for statement, so no clock tells which number has an account."""
    done = []
    for phone in (phone_of(world, world.person()), f"+86139{uuid.uuid4().int % 10**8:08d}"):
        browser = somebody(world)
        fields = hidden_fields(browser.get("/account/reset").text)
        form = {**fields, "phone": phone, "code": "ABCD-EFGH", "password": PASSWORD}
        with counted() as statements:
            assert browser.client.post("/account/reset", data=form).status_code == 422
        done.append(statements)
    assert done[0] == done[1]


def test_unknown_and_known_numbers_get_the_same_answer(
    world: World, clerk: Colleague, person: Person
) -> None:
    """C-32: at the reset, at the report of strange hands."""
    call_back(clerk, person)
    answers = []
    for phone in (phone_of(world, person), "+8613912345678"):
        page = somebody(world).post(
            "/account/reset", phone=phone, code="0000-0000", password=PASSWORD
        )
        sent = somebody(world).post("/account/compromised", phone=phone)
        answers.append([page.status_code, words_of(page), sent.status_code, words_of(sent)])
    assert answers[0] == answers[1]


def test_no_knowledge_question_is_asked_anywhere(clerk: Colleague, person: Person) -> None:
    """C-34, Q2: the clerk's page offers ways of possession and nothing to answer."""
    page = words_of(clerk.get(f"/staff/accounts/{person.account_id}"))
    assert "不问任何问题" in page
    fields = set(
        re.findall(r'name="([^"]+)"', clerk.get(f"/staff/accounts/{person.account_id}").text)
    )
    assert fields <= {
        "csrf_token", "way", "reason", "lang", "next", "viewport", "description", "robots",
        "color-scheme", "theme-color", "format-detection", "referrer", "q",
    }  # fmt: skip


def test_one_click_ends_every_session_and_a_reset_unfreezes(
    world: World, clerk: Colleague, person: Person
) -> None:
    """S-102: sessions end, sign-in stops, the officer hears; the owner's reset opens again."""
    phone = phone_of(world, person)
    officer = colleague(world, Role.PRIVACY_OFFICER)
    done = person.post("/account/compromised", action="mine")
    assert "账号已冻结" in done.text
    assert person.get("/registrations").status_code != 200
    told = world.rows("SELECT kind FROM notices WHERE account_id = :a", a=officer.account_id)
    assert ("incident_account",) in [tuple(one) for one in told]
    code = call_back(clerk, person)
    assert new_password(world, phone, code) == 200
    assert somebody(world).post("/account/login", phone=phone, password=PASSWORD).status_code == 303
    with world.session() as session:
        assert not recovery.frozen(session, person.account_id)


def test_staff_freeze_an_account_once(world: World, clerk: Colleague, person: Person) -> None:
    """S-102."""
    at = f"/staff/accounts/{person.account_id}/freeze"
    token = hidden_fields(clerk.get(at).text)["csrf_token"]
    assert clerk.client.post(at, data={"csrf_token": token}).status_code == 303
    assert clerk.client.post(at, data={"csrf_token": token}).status_code == 409
    assert person.get("/registrations").status_code != 200


def ask(clerk: Colleague, person: Person, what: str, **fields: str) -> str:
    """Ask for a slow change; return its id."""
    at = f"/staff/accounts/{person.account_id}/changes/{what}"
    sent = clerk.post(at, proof="in_person", checked="id_document", **fields)
    assert sent.status_code == 303, words_of(sent)
    page = clerk.get(f"/staff/accounts/{person.account_id}").text
    return re.findall(r"/staff/accounts/changes/([0-9a-f-]{36})", page)[-1]


def fresh_number() -> str:
    """A number that nobody has."""
    return f"+86137{uuid.uuid4().int % 100_000_000:08d}"


def test_a_new_number_holds_after_a_second_clerk_and_72_hours(
    world: World, clerk: Colleague, other: Colleague, person: Person, clock: Clock
) -> None:
    """Q2, B4, C-34: nobody alone, not before, and the old channels hear of it."""
    new, old = fresh_number(), phone_of(world, person)
    change = ask(clerk, person, "phone", phone=new)
    at = f"/staff/accounts/changes/{change}"
    assert clerk.post(at, action="confirm").status_code == 403
    assert other.post(at, action="confirm").status_code == 303
    assert "更换手机号" in words_of(person.get("/account/changes"))
    clock.move(timedelta(hours=71))
    with world.session() as session:
        assert changes.carry_out(session, clerk.actor, phone=new) == 0
    clock.move(timedelta(hours=1, seconds=1))
    # The new number's owner sets it off by signing in, whatever they type.
    somebody(world).post("/account/login", phone=new, password=PASSWORD)
    assert phone_of(world, person) == new != old
    rows = world.rows(
        "SELECT outcome, new_login FROM account_changes WHERE id = :c", c=uuid.UUID(change)
    )
    assert tuple(rows[0]) == ("done", None)


def test_the_owner_stops_a_change_by_one_tap(
    world: World, clerk: Colleague, other: Colleague, person: Person, clock: Clock
) -> None:
    """Q2: from the old channel."""
    old = phone_of(world, person)
    change = ask(clerk, person, "phone", phone=fresh_number())
    other.post(f"/staff/accounts/changes/{change}", action="confirm")
    stopped = person.post(f"/account/changes/{change}/stop", page="/account/changes")
    assert stopped.status_code == 303
    clock.move(timedelta(hours=80))
    clerk_again = colleague(world, Role.SERVICE)
    clerk_again.get("/staff/accounts")
    assert phone_of(world, person) == old


def test_a_stranger_cannot_stop_somebody_elses_change(
    world: World, clerk: Colleague, person: Person
) -> None:
    """C-47: a foreign id is a 404."""
    change = ask(clerk, person, "phone", phone=fresh_number())
    stranger = world.person()
    answer = stranger.post(f"/account/changes/{change}/stop", page="/account/changes")
    assert answer.status_code == 404


def test_a_lost_second_factor_takes_the_same_way(
    world: World, clerk: Colleague, other: Colleague, person: Person, clock: Clock
) -> None:
    """C-34: proof, second clerk, delay, notice."""
    change = ask(clerk, person, "factor")
    other.post(f"/staff/accounts/changes/{change}", action="confirm")
    clock.move(timedelta(hours=72, seconds=1))
    with world.session() as session:
        assert changes.carry_out(session, clerk.actor) >= 1
    kinds = [
        one
        for (one,) in world.rows(
            "SELECT kind FROM notices WHERE account_id = :a", a=person.account_id
        )
    ]
    assert "account_change_factor" in kinds
    assert "account_factor_removed" in kinds


def test_fifty_confirmations_at_once_count_once_and_never_the_askers(
    world: World, clerk: Colleague, other: Colleague, person: Person
) -> None:
    """C-50: two people, also under 50 parallel requests."""
    with world.session() as session:
        row = changes.ask(
            session,
            clerk.actor,
            person.account_id,
            kind=ChangeKind.FACTOR,
            proof="in_person",
            checked=["id_document"],
        )

    def confirm(at: int) -> str:
        who = clerk if at % 2 else other
        with world.session() as session:
            try:
                changes.confirm(session, world.settings, who.actor, row.id)
            except (changes.SamePerson, changes.ChangeUnknown) as refused:
                return type(refused).__name__
        return "confirmed" if who is other else "by the asker"

    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(confirm, range(50)))
    assert said.count("confirmed") == 1
    assert "by the asker" not in said
    with world.session() as session:
        asked, confirmed = session.execute(
            text("SELECT asked_by, confirmed_by FROM account_changes WHERE id = :c"),
            {"c": row.id},
        ).one()
    assert asked != confirmed
