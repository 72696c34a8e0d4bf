"""The page of one's own data: five actions, everything held, withdrawing, deleting, closing."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

from heyan.access import Role
from heyan.rights import effects, holdings
from tests.conftest import Clock
from tests.enrolment import Person, World, words_of
from tests.rights import fresh, handed_over, number_on, registered
from tests.staff import colleague
from tests.worker import run_once
from uploads_worker.context import Context

ACTIONS = ("copy", "correct", "consents", "delete", "close")


def login_of(world: World, person: Person) -> str:
    with world.session() as session:
        from heyan.accounts.models import Account

        return session.get_one(Account, person.account_id).login


def test_five_plain_actions_are_two_taps_away_without_script(world: World, person: Person) -> None:
    """S-044, G1 to G5, L-05: home, my data, the action; each page answers without JavaScript."""
    assert 'href="/me/data"' in person.get("/").text
    page = person.get("/me/data")
    assert page.status_code == 200
    fresh(world, person)
    for action in ACTIONS:
        assert f'href="/me/data/{action}"' in page.text
        assert person.get(f"/me/data/{action}").status_code == 200


def test_the_page_shows_everything_held_by_category(
    world: World, context: Context, person: Person
) -> None:
    """G1, S-046, L-05: each category with purpose, basis, recipients, period and what is there."""
    registered(world, context, person)
    page = words_of(person.get("/me/data"))
    for words in (
        "王小满",
        "第一中学",
        "个人信息保护法第二十九条",
        "您报名项目的主办单位",
        "密文 SHA-256",
    ):
        assert words in page
    phone = login_of(world, person).removeprefix("+86")
    assert phone not in page
    assert phone[:3] + "＊" in page


def test_every_category_that_can_be_somebodys_has_its_part() -> None:
    """G1: a category without a part would be left out of page and copy."""
    from heyan.classification import REGISTRY

    # Marks and sealed things that lead to no account.
    nobodys = {"lead.refusal", "usage"}
    theirs = {part.category for part in holdings.PARTS}
    missing = {
        key
        for key in set(REGISTRY) - theirs - nobodys
        if not key.startswith(("legal.", "agreement.", "usage.", "safety."))
    }
    assert not missing, f"no part in heyan/rights/holdings.py shows {sorted(missing)}"


def test_another_account_sees_nothing_of_it(world: World, context: Context, person: Person) -> None:
    """S-046, SECURITY 35: A's requests, consents and copies are not found by B."""
    registration, _document = registered(world, context, person)
    mine = person.get("/me/data/consents").text
    consent = re.findall(r"/me/data/consents/([0-9a-f-]{36})/withdraw", mine)[0]
    other = fresh(world, world.person())
    assert other.get(f"/me/data/consents/{consent}/withdraw").status_code == 404
    assert other.post(
        f"/me/data/consents/{consent}/withdraw", page="/me/data/consents"
    ).status_code in (400, 403, 404)
    (row,) = world.rows("SELECT status FROM registrations WHERE id = :r", r=registration)
    assert row.status == "submitted"


def withdraw_page(person: Person, words: str) -> str:
    page = person.get("/me/data/consents").text
    for part in page.split('<li class="sheet">')[1:]:
        if words in part:
            found = re.search(r"/me/data/consents/[0-9a-f-]{36}/withdraw", part)
            assert found
            return found[0]
    raise AssertionError(f"no consent {words}")


def test_withdrawing_before_the_hand_over_destroys_the_object(
    world: World, context: Context, person: Person
) -> None:
    """G3, S-049, L-10: the effect is said, then done; as many taps as granting took."""
    _registration, document = registered(world, context, person)
    path = withdraw_page(person, "把材料交给主办单位核验")
    said = words_of(person.get(path))
    assert "这次报名随之取消" in said
    assert "1 份材料立即安排销毁" in said
    assert person.post(path).status_code == 303
    # Until it is done the custody page names no last moment that has already passed.
    shown = words_of(person.get(f"/documents/{document}"))
    assert "最迟销毁" not in shown
    assert shown.count("正在销毁") >= 2
    run_once(context)
    (row,) = world.rows("SELECT state, object_key FROM documents WHERE id = :d", d=document)
    assert row.state == "destroyed"
    assert not list(context.objects.list_sealed(row.object_key))
    assert "把材料交给主办单位核验" not in words_of(person.get("/me/data/consents"))


def test_after_the_hand_over_the_organizers_confirmation_is_tracked(
    world: World, context: Context, person: Person
) -> None:
    """G3, S-049, S-057: the organizer is told, confirms, and the person reads it."""
    registration, document = registered(world, context, person)
    handed_over(world, document)
    (row,) = world.rows(
        "SELECT e.organization_id AS o FROM registrations r JOIN events e ON e.id = r.event_id"
        " WHERE r.id = :r",
        r=registration,
    )
    member = colleague(world, Role.ORGANIZER_MEMBER, organization_id=row.o)
    path = withdraw_page(person, "处理身份认证材料")
    assert "通知对方停止核验并销毁" in words_of(person.get(path))
    assert person.post(path).status_code == 303
    assert "等对方确认" in words_of(person.get("/me/data"))
    assert "撤回了同意" in words_of(member.get("/organizer/notices"))
    page = member.get("/organizer/people").text
    found = re.search(r"/organizer/people/([0-9a-f-]{36})/confirm", page)
    assert found
    stranger = colleague(
        world, Role.ORGANIZER_MEMBER, organization_id=world.event().organization_id
    )
    foreign = stranger.client.post(found[0], data={"csrf_token": _token(stranger)})
    assert foreign.status_code == 404
    assert member.post(found[0], page="/organizer/people").status_code == 303
    assert "对方已于" in words_of(person.get("/me/data"))


def _token(person: Person) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', person.get("/contact").text)
    assert found
    return found[1]


def test_deleting_a_student_says_what_ends_and_proves_it(
    world: World, context: Context, person: Person
) -> None:
    """G4, S-051 to S-054, S-057: what goes, what stays until when and why, who has copies."""
    fresh(world, person)
    registration, document = registered(world, context, person)
    handed_over(world, document)
    page = words_of(person.get("/me/data/delete"))
    assert "第十二届华北青少年科创赛" in page
    assert "010-88880000" in page
    assert "最迟保存到" in page
    assert "民法典" in page
    (row,) = world.rows("SELECT student_id AS s FROM registrations WHERE id = :r", r=registration)
    refused = person.post("/me/data/delete", student=str(row.s))
    assert refused.status_code == 422
    sent = person.post("/me/data/delete", student=str(row.s), ground="no_longer_needed")
    assert sent.status_code == 303
    run_once(context)
    assert not world.rows(
        "SELECT 1 FROM registration_answers WHERE registration_id = :r", r=registration
    )
    (left,) = world.rows(
        "SELECT r.status, r.id_number_tail, d.destroyed_at FROM registrations r"
        " JOIN documents d ON d.registration_id = r.id WHERE r.id = :r",
        r=registration,
    )
    assert left.status == "withdrawn"
    assert left.id_number_tail is None
    assert left.destroyed_at
    shown = words_of(person.get(sent.headers["Location"]))
    assert "核实已经删净" in shown
    assert "留下什么，为什么" in shown


def test_saying_that_the_processing_was_unlawful_calls_the_privacy_officer(
    world: World, context: Context, person: Person, clock: Clock
) -> None:
    """S-051: grounds are to be chosen from; this one gives the officer four hours to decide."""
    officer = colleague(world, Role.PRIVACY_OFFICER)
    fresh(world, person)
    student = person.student("赵六")
    person.post("/me/data/delete", student=student, ground="unlawful")
    assert "判断是否构成事件" in words_of(officer.get("/staff/notices"))
    # A line of its own among the alerts, with the request behind it and four hours to decide.
    listed = officer.get("/staff/oversight/alerts")
    found = re.findall(
        r'href="(/staff/oversight/alerts/[0-9a-f-]{36})">有人以处理违法为由', listed.text
    )
    assert found
    (request,) = world.rows(
        "SELECT id FROM rights_requests WHERE account_id = :a", a=person.account_id
    )
    shown = officer.get(found[0])
    assert f"/staff/rights/{request.id}" in shown.text
    assert officer.get(f"/staff/rights/{request.id}").status_code == 200
    assert "超过时限没有处理" not in words_of(listed)
    clock.move(timedelta(hours=4, minutes=1))
    later = colleague(world, Role.PRIVACY_OFFICER)
    assert "超过时限没有处理" in words_of(later.get("/staff/oversight/alerts"))
    closed = later.post(found[0], reason="核对过：有合法依据，不构成事件")
    assert closed.status_code == 303
    assert found[0] not in later.get("/staff/oversight/alerts").text


def test_closing_asks_for_nothing_and_leaves_nothing(
    world: World, context: Context, person: Person
) -> None:
    """G5, S-053, S-054, S-058, S-062, L-18: no upload, no new data; gone and not re-linkable."""
    fresh(world, person)
    phone = login_of(world, person)
    _registration, document = registered(world, context, person)
    page = person.get("/me/data/close")
    assert 'type="file"' not in page.text
    assert "enctype" not in page.text
    inputs = re.findall(r"<input[^>]+>", page.text.split("<main")[1].split("</main")[0])
    assert all('type="hidden"' in one for one in inputs)
    assert "第十二届华北青少年科创赛" in words_of(page)
    closed = person.post("/me/data/close")
    assert closed.status_code == 200
    said = words_of(closed)
    assert "账号已注销" in said
    assert "留下什么，为什么" in said
    # The page of somebody signed out: its head offers signing in and nothing of an account.
    head = closed.text.split("<main")[0]
    assert "/account/login" in head
    assert "/account/logout" not in head
    assert "/me/" not in head
    assert person.client.get_cookie("heyan_session") is None
    assert person.get("/me/data").status_code in (302, 303)
    run_once(context)
    (row,) = world.rows("SELECT * FROM accounts WHERE id = :a", a=person.account_id)
    assert row.status == "closed"
    assert row.name is None
    assert row.password_hash is None
    # Whoever knows the number cannot find the row by it: its index is the id itself.
    assert bytes(row.login_index) == person.account_id.bytes
    (seen,) = world.rows("SELECT object_key FROM documents WHERE id = :d", d=document)
    assert not list(context.objects.list_sealed(seen.object_key))
    # The number may open an account again; it finds nothing of the old one.
    anyone = world.app.test_client()
    asked = Person(anyone, uuid.uuid4(), "").post(
        "/ask/status", page="/ask", number=number_on(closed.text)
    )
    assert "核实已经删净" in words_of(asked)
    assert phone not in asked.text


def test_nothing_touches_a_closed_account_any_more(
    world: World, context: Context, person: Person
) -> None:
    """S-063: every job may run; no notice, no release, no copy comes of it."""
    fresh(world, person)
    registered(world, context, person)
    person.post("/me/data/copy")
    person.post("/me/data/close")
    for _round in range(2):
        run_once(context)
    for table in ("notices", "sign_ins", "login_sessions"):
        assert not world.rows(f"SELECT 1 FROM {table} WHERE account_id = :a", a=person.account_id)
    (copy,) = world.rows(
        "SELECT state, facts, opener FROM access_copies WHERE account_id = :a",
        a=person.account_id,
    )
    assert copy.state == "destroyed"
    assert copy.facts is None
    assert copy.opener is None


def test_copy_deletion_and_closing_need_a_fresh_second_step(world: World, person: Person) -> None:
    """G1, G4, G5: whoever finds an open session can take nothing away with it."""
    for action in ("copy", "delete", "close"):
        asked = person.get(f"/me/data/{action}")
        assert asked.status_code == 302
        assert "/account/step-up" in asked.headers["Location"]
        sent = person.client.post(f"/me/data/{action}", data={"csrf_token": _token(person)})
        assert sent.status_code == 403


def test_what_stays_is_named_with_its_last_day_and_its_law() -> None:
    """S-052, S-060: nothing is kept without a reason that names its source."""
    for row in effects.kept():
        assert str(row.why)
        assert row.until is not None
