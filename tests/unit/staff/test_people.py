"""The administrator's people, the queue of each role, and the trail."""

from __future__ import annotations

import re
import uuid

import pytest

from heyan.access import Role
from heyan.accounts import people as people_verbs
from heyan.accounts.errors import NotThisOne
from heyan.audit.service import OPERATOR
from tests.enrolment import World, words_of
from tests.staff import Colleague, colleague

CODE = re.compile(r"<strong>((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})</strong>")


@pytest.fixture
def administrator(world: World) -> Colleague:
    """An administrator."""
    return colleague(world, Role.ADMINISTRATOR)


def test_a_colleague_is_invited_with_a_code_shown_once(
    world: World, administrator: Colleague
) -> None:
    """C-33: random, once, expiring; nobody chooses another's password."""
    login = f"kefu{uuid.uuid4().hex[:6]}"
    shown = administrator.post(
        "/staff/people/new", login=login, name="林晓", roles="service", staff_number="K-7"
    )
    found = CODE.search(shown.text)
    assert found
    assert "no-store" in shown.headers["Cache-Control"]
    assert found[1] not in administrator.get("/staff/people").text
    rows = world.rows("SELECT code_hash FROM invitations ORDER BY created_at DESC LIMIT 1")
    assert found[1].encode() not in bytes(rows[0].code_hash)


def test_roles_that_watch_each_other_are_not_one_persons(administrator: Colleague) -> None:
    """C-50."""
    page = administrator.get("/staff/people/new")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    answer = administrator.client.post(
        "/staff/people/new",
        data={
            "csrf_token": token[1],
            "login": f"x{uuid.uuid4().hex[:8]}",
            "name": "某人",
            "staff_number": "K-8",
            "roles": ["operations", "administrator"],
        },
    )
    assert answer.status_code == 422


def test_a_disabled_colleague_is_out_at_once(world: World, administrator: Colleague) -> None:
    """C-43: at the next request, also with a session that was good a second ago."""
    someone = colleague(world, Role.SERVICE)
    assert someone.get("/staff").status_code == 200
    path = f"/staff/people/{someone.account_id}"
    assert administrator.post(f"{path}/disable").status_code == 303
    assert someone.get("/staff").status_code == 302
    assert administrator.post(f"{path}/reissue").status_code == 409
    assert administrator.post(f"{path}/enable").status_code == 303
    assert someone.get("/staff").status_code == 302


def test_sessions_of_a_colleague_can_be_ended(world: World, administrator: Colleague) -> None:
    """C-43."""
    someone = colleague(world, Role.AUDITOR)
    path = f"/staff/people/{someone.account_id}/end-sessions"
    assert administrator.post(path).status_code == 303
    assert someone.get("/staff").status_code == 302


def test_nobody_shuts_themselves_out(administrator: Colleague) -> None:
    path = f"/staff/people/{administrator.account_id}/disable"
    assert administrator.post(path).status_code == 409
    assert administrator.get("/staff").status_code == 200


def test_the_last_administrator_stays(world: World, administrator: Colleague) -> None:
    with world.session() as session:
        active = [
            row.account_id
            for row in world.rows(
                "SELECT r.account_id FROM account_roles r JOIN accounts a ON a.id = r.account_id"
                " WHERE r.role = 'administrator' AND a.status = 'active'"
            )
            if row.account_id != administrator.account_id
        ]
        for account_id in active:
            people_verbs.disable(
                session, OPERATOR, realm=people_verbs.Realm.STAFF, account_id=account_id
            )
        with pytest.raises(NotThisOne):
            people_verbs.disable(
                session,
                OPERATOR,
                realm=people_verbs.Realm.STAFF,
                account_id=administrator.account_id,
            )


def test_an_organizers_account_is_not_found_among_colleagues(
    world: World, administrator: Colleague
) -> None:
    """C-47."""
    event = world.event(kinds=(), with_key=False)
    member = colleague(world, Role.ORGANIZER_OWNER, organization_id=event.organization_id)
    for act in ("disable", "enable", "reissue", "end-sessions"):
        answer = administrator.post(
            f"/staff/people/{member.account_id}/{act}", page="/staff/people/new"
        )
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("role", "seen", "unseen"),
    [
        (Role.SERVICE, "回电", "密钥"),
        (Role.OPERATIONS, "项目", "审计链"),
        (Role.PRIVACY_OFFICER, "等着批准的密钥", "回电"),
        (Role.AUDITOR, "审计链", "等着批准的密钥"),
    ],
)
def test_a_home_is_the_roles_own_queue(world: World, role: Role, seen: str, unseen: str) -> None:
    """UX: counts only of what the role may see."""
    main = colleague(world, role).get("/staff").text.partition("<main")[2].partition("</main>")[0]
    assert seen in main
    assert unseen not in main


def test_the_table_of_roles_is_read_from_the_code(world: World) -> None:
    shown = words_of(colleague(world, Role.AUDITOR).get("/staff/access"))
    assert "核对密钥指纹" in shown
    assert "个人信息保护负责人" in shown


def test_reading_the_trail_is_in_the_trail(world: World) -> None:
    """C-64, I4: every reading is an entry, with what was asked for."""
    auditor = colleague(world, Role.AUDITOR)
    assert auditor.get("/staff/audit?action=accounts.invite&outcome=done").status_code == 200
    (entry,) = world.rows(
        "SELECT action, details FROM audit_entries WHERE actor_id = :a ORDER BY id DESC LIMIT 1",
        a=auditor.account_id,
    )
    assert entry.action == "audit.read"
    assert entry.details["wanted"]["action"] == "accounts.invite"


def test_the_trail_is_filtered_and_paged(world: World) -> None:
    auditor = colleague(world, Role.AUDITOR)
    for _ in range(60):
        auditor.get("/staff/audit?action=audit.read")
    shown = auditor.get(f"/staff/audit?actor={auditor.account_id}&action=audit.read")
    assert shown.text.count("<tr>") == 51
    following = re.search(r'href="([^"]+)" rel="next"', shown.text)
    assert following
    older = auditor.get(following[1].replace("&amp;", "&"))
    assert 1 < older.text.count("<tr>") < 51
    assert "audit.read" in older.text


@pytest.mark.parametrize("query", ["actor=nonsense", "since=yesterday", "action=%27%3B--"])
def test_a_filter_that_makes_no_sense_is_said(world: World, query: str) -> None:
    auditor = colleague(world, Role.AUDITOR)
    assert auditor.get(f"/staff/audit?{query}").status_code == 422
