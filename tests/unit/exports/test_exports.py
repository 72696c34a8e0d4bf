"""Lists of contact data leave by an approved export, for one person's key, and counted."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pyrage
import pytest
from sqlalchemy import text

from heyan.access import Role
from heyan.accounts.models import Account, AccountStatus
from heyan.app import build
from heyan.approvals import requests
from heyan.approvals.requests import RequestInvalid
from heyan.approvals.service import Scenario
from heyan.leads import service as leads
from tests.accounts import quick
from tests.conftest import Clock
from tests.contacts import entry
from tests.enrolment import World, words_of
from tests.exports import LEADS, a_lead, agreed, asked, built, export_of, table
from tests.keeping import hold
from tests.staff import colleague
from tests.viewings import Reader, opened, reader
from uploads_worker import viewings
from uploads_worker.context import Context

ADDRESSES = [f"/staff/{what}/export{end}" for what in ("leads", "contacts") for end in ("", ".csv")]


@pytest.fixture
def clerk(world: World, context: Context) -> Reader:
    """A clerk with a pinned key and leads of their own."""
    return reader(world, context)


def notes(world: World, action: str, export_id: uuid.UUID) -> list[dict[str, object]]:
    """The details of the audit entries of one export."""
    rows = world.rows(
        "SELECT details FROM audit_entries WHERE action = :a AND subject_id = :e ORDER BY id",
        a=action, e=str(export_id),
    )  # fmt: skip
    return [row.details for row in rows]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_list_is_never_downloaded_without_an_approval(
    world: World, clerk: Reader, address: str
) -> None:
    """S-093, SECURITY 26: 403 for everyone on the staff, and on record."""
    for role in Role:
        if role.value.startswith(("student", "organizer")):
            continue
        assert colleague(world, role).get(address).status_code == 403
    answer = clerk.colleague.get(address)
    assert answer.status_code == 403
    assert "先申请导出" in words_of(answer)
    denied = world.rows(
        "SELECT outcome FROM audit_entries WHERE action = 'exports.denied' AND actor_id = :a",
        a=clerk.account_id,
    )
    assert [row.outcome for row in denied] == ["denied"]


def test_an_approved_list_names_its_reader_and_opens_with_their_key_alone(
    world: World, context: Context, clerk: Reader
) -> None:
    """S-093, SECURITY 26, I6: asked, approved, sealed, marked, counted."""
    first, second = a_lead(world, clerk), a_lead(world, clerk, "李晚")
    page = clerk.colleague.get(LEADS)
    assert "有 2 行" in words_of(page)
    request = asked(clerk)
    export = export_of(world, request)
    path = f"/staff/exports/{export}/file"
    assert clerk.colleague.get(path).status_code == 403
    officer = colleague(world, Role.PRIVACY_OFFICER)
    shown = words_of(officer.get(f"/staff/approvals/{request}"))
    assert "回电登记：由我回电" in shown
    assert "最多 2 行" in shown
    agreed(world, request)
    viewing = built(world, context, clerk, request)
    assert clerk.colleague.get(path).headers["Location"].endswith(f"/staff/viewings/{viewing.id}")
    page = clerk.colleague.get(f"/staff/viewings/{viewing.id}")
    assert "没有加密" in words_of(page)
    rows = table(clerk, viewing)
    number = requests.number_of(request)
    assert rows[0][:4] == ["导出人", clerk.name, "申请编号", number]
    assert rows[0][4] == "制作时间"
    assert rows[0][6:] == ["行数", "2"]
    assert [row[0] for row in rows[2:]] == ["王小满", "李晚"]
    assert [row[1] for row in rows[2:]] == [one.phone[3:] for one in (first, second)]
    assert {row[-1] for row in rows[2:]} == {number}
    file = clerk.colleague.get(f"/staff/viewings/{viewing.id}/file").data
    with pytest.raises(pyrage.DecryptError):
        opened(file, pyrage.x25519.Identity.generate())
    # Another colleague with the same role does not learn that it is there.
    other = reader(world, context)
    for address in (path, f"/staff/viewings/{viewing.id}", f"/staff/viewings/{viewing.id}/file"):
        assert other.colleague.get(address).status_code == 404
    # Every step is on record, with numbers and no values.
    for action, times in (
        ("exports.ask", 1), ("exports.approve", 1), ("exports.build", 1), ("exports.fetch", 2),
    ):  # fmt: skip
        found = notes(world, action, export)
        assert len(found) == times, action
        assert all(one["rows"] == 2 for one in found)
        assert first.phone not in str(found)
        assert "王小满" not in str(found)
    assert len(notes(world, "exports.denied", export)) == 1


def test_nobody_approves_their_own_export(world: World, context: Context) -> None:
    """I6, C-50: whoever asks never says yes, whatever roles they hold."""
    who = reader(world, context)
    a_lead(world, who)
    with world.session() as session:
        session.execute(
            text(
                "INSERT INTO account_roles (account_id, role, granted_at)"
                " VALUES (:a, 'privacy_officer', now())"
            ),
            {"a": who.account_id},
        )
        session.commit()
    request = asked(who)
    sent = who.colleague.post(
        f"/staff/approvals/{request}/decide", verdict="approve", reason="自己批"
    )
    assert sent.status_code == 403
    assert who.colleague.get(f"/staff/exports/{export_of(world, request)}/file").status_code == 403


def test_an_export_is_asked_for_on_its_own_page_and_in_ones_own_name(
    world: World, clerk: Reader, context: Context
) -> None:
    """S-093: no second request for what another person asked for, none by the general form."""
    a_lead(world, clerk)
    export = export_of(world, asked(clerk))
    assert clerk.colleague.get(f"/staff/approvals/new?kind=export&id={export}").status_code == 404
    other = reader(world, context)
    with world.session() as session, pytest.raises(RequestInvalid):
        requests.ask(
            session, other.colleague.actor, level=3, scenario=Scenario.LEADS,
            subject_kind="export", subject_ids=[export], purpose="callback", hours=1,
        )  # fmt: skip
    stale = colleague(world, Role.SERVICE, stepped_up=False)
    assert stale.get(LEADS).status_code == 302
    for role in (Role.OPERATIONS, Role.PRIVACY_OFFICER, Role.ADMINISTRATOR, Role.AUDITOR):
        assert colleague(world, role).get(LEADS).status_code == 403
    for address in ("/staff/exports/new", "/staff/exports/new?kind=accounts"):
        assert clerk.colleague.get(address).status_code == 404


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1+1", "'+1+1"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝cmd", "'＝cmd"),
        ("\t=1", "'=1"),
        ("\u202e=1", "'=1"),
        ('王"小,满', '王"小,满'),
        ("王\n=1", "王=1"),
        ("<script>", "<script>"),
    ],
)
def test_no_cell_is_a_formula_whatever_somebody_is_called(
    world: World, context: Context, clerk: Reader, name: str, cell: str
) -> None:
    """C-55: a spreadsheet takes every cell as text, and no name begins a row of its own."""
    a_lead(world, clerk, name)
    request = asked(clerk)
    agreed(world, request)
    rows = table(clerk, built(world, context, clerk, request))
    assert len(rows) == 3
    assert rows[2][0] == cell


def test_who_is_not_to_be_called_and_what_an_order_keeps_is_left_out(
    world: World, context: Context, clerk: Reader
) -> None:
    """S-019, S-055, S-063: none of them is counted, none is in the file."""
    kept = a_lead(world, clerk, "在册的人")
    barred, held, over = (
        a_lead(world, clerk, name) for name in ("勿扰的人", "保全的人", "过期的人")
    )
    gone = world.person()
    a_lead(world, clerk, "注销的人", account_id=gone.account_id)
    with world.session() as session:
        session.get_one(Account, gone.account_id).status = AccountStatus.CLOSED
        leads.keep_out(session, bytes(barred.phone_index))
        session.commit()
    hold(world, "lead", held.id)
    with world.owner.begin() as connection:
        connection.execute(
            text("UPDATE leads SET delete_after = now() - interval '1 day' WHERE id = :l"),
            {"l": over.id},
        )
    assert "有 1 行" in words_of(clerk.colleague.get(LEADS))
    request = asked(clerk)
    agreed(world, request)
    rows = table(clerk, built(world, context, clerk, request))
    assert [row[0] for row in rows[2:]] == [kept.name]


def test_what_changes_after_asking_is_never_added_and_may_fall_out(
    world: World, context: Context, clerk: Reader
) -> None:
    """S-019: approved were these rows; who asks not to be called meanwhile is not in the file."""
    a_lead(world, clerk, "留下的人")
    barred = a_lead(world, clerk, "后来勿扰的人")
    request = asked(clerk)
    agreed(world, request)
    a_lead(world, clerk, "后来的人")
    with world.session() as session:
        leads.keep_out(session, bytes(barred.phone_index))
        session.commit()
    rows = table(clerk, built(world, context, clerk, request))
    assert [row[0] for row in rows[2:]] == ["留下的人"]
    (build_note,) = notes(world, "exports.build", export_of(world, request))
    assert build_note["rows"] == 1


def test_a_period_of_the_contact_log_without_its_words(
    world: World, context: Context, clerk: Reader
) -> None:
    """S-023, S-093: who, when, by which way, with which result; no word of what was said."""
    address = "/staff/exports/new?kind=contacts&since=2019-03-04&until=2019-03-05"
    for at, name in (
        ("2019-03-03T23:59", "前一天"), ("2019-03-04T00:00", "赵一"),
        ("2019-03-05T23:59", "=钱二"), ("2019-03-06T00:00", "后一天"),
    ):  # fmt: skip
        entry(clerk.colleague, at=at, name=name, phone="13900139777", note="秘密的话")
    barred = entry(clerk.colleague, at="2019-03-04T09:00", name="勿扰", phone="13900139778")
    clerk.colleague.post(
        f"/staff/contacts/{barred}/do-not-contact", page=f"/staff/contacts/{barred}"
    )
    assert "有 2 行" in words_of(clerk.colleague.get(address))
    request = asked(clerk, address, purpose="reconcile")
    agreed(world, request)
    rows = table(clerk, built(world, context, clerk, request))
    assert [row[:3] for row in rows[2:]] == [
        ["2019-03-04 00:00", "赵一", "13900139777"],
        ["2019-03-05 23:59", "'=钱二", "13900139777"],
    ]
    assert rows[2][3:7] == ["电话", "对方联系我们", "咨询", "处理中"]
    assert "秘密的话" not in str(rows)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ("since=2019-03-05&until=2019-03-04", "结束日期不能早于开始日期"),
        ("since=2018-01-01&until=2019-03-04", "一次最多导出一年"),
        ("since=&until=2019-03-04", "请填写开始日期"),
    ],
)
def test_a_period_that_is_none_is_refused_with_what_to_do(
    clerk: Reader, days: str, words: str
) -> None:
    answer = clerk.colleague.get(f"/staff/exports/new?kind=contacts&{days}")
    assert answer.status_code == 422
    assert words in words_of(answer)


def test_one_export_is_bounded(world: World, context: Context) -> None:
    """S-093: EXPORT_MAX_ROWS, said before anything is asked."""
    few = World(
        build(quick(replace(world.settings, export_max_rows=1))), world.settings,
        world.web, world.owner, world.root,
    )  # fmt: skip
    who = reader(few, context)
    a_lead(few, who)
    a_lead(few, who)
    page = who.colleague.get(LEADS)
    assert "一次最多导出 1 行" in words_of(page)
    assert "提交申请" not in page.text
    sent = who.colleague.post(
        LEADS, page="/staff/viewings", purpose="callback", note="试试", hours="1"
    )
    assert sent.status_code == 409
    assert not world.rows("SELECT 1 FROM exports WHERE requester_id = :a", a=who.account_id)


def test_the_web_cannot_change_what_was_agreed_to(world: World, clerk: Reader) -> None:
    """SECURITY 46: the scope that the officer read is the scope that the worker reads."""
    a_lead(world, clerk)
    export = export_of(world, asked(clerk))
    with world.session() as session, pytest.raises(Exception, match="permission denied"):
        session.execute(text("UPDATE exports SET rows_asked = 99 WHERE id = :e"), {"e": export})


def test_it_ends_by_the_clock_and_by_a_word(
    world: World, context: Context, clerk: Reader, clock: Clock
) -> None:
    """C-51: expired or revoked, the next fetch is refused and the file is destroyed."""
    a_lead(world, clerk)
    revoked, expired = asked(clerk), asked(clerk)
    made = []
    for request in (revoked, expired):
        agreed(world, request)
        made.append(built(world, context, clerk, request))
    officer = colleague(world, Role.PRIVACY_OFFICER)
    page = f"/staff/approvals/{revoked}"
    assert officer.post(f"{page}/end", page=page).status_code == 303
    assert clerk.colleague.get(f"/staff/viewings/{made[0].id}/file").status_code == 403
    assert (
        clerk.colleague.get(f"/staff/exports/{export_of(world, revoked)}/file").status_code == 403
    )
    assert table(clerk, made[1])
    clock.move(timedelta(hours=2, minutes=1))
    again = reader_again(world, clerk)
    assert again.colleague.get(f"/staff/viewings/{made[1].id}/file").status_code == 403
    viewings.tend(context)
    states = world.rows(
        "SELECT state FROM viewings WHERE id IN (:a, :b)", a=made[0].id, b=made[1].id
    )
    assert [row.state for row in states] == ["destroyed", "destroyed"]


def reader_again(world: World, who: Reader) -> Reader:
    """The same person, signed in anew."""
    from heyan.accounts import sessions

    with world.session() as session:
        account = session.get_one(Account, who.account_id)
        token = sessions.begin(
            session, world.settings, account, complete=True, source="192.0.2.9", user_agent="test"
        )
        here = sessions.load(session, world.settings, token)
        assert here is not None
        token = sessions.rotate(session, here.id, complete=False, step_up=True)
    who.colleague.client.set_cookie("heyan_session", token, domain="localhost")
    return who


def test_a_list_that_nobody_is_left_on_is_not_made(
    world: World, context: Context, clerk: Reader
) -> None:
    lead = a_lead(world, clerk)
    request = asked(clerk)
    agreed(world, request)
    with world.owner.begin() as connection:
        connection.execute(text("UPDATE leads SET status = 'closed' WHERE id = :l"), {"l": lead.id})
    viewing = built(world, context, clerk, request)
    assert (viewing.state.value, viewing.problem) == ("failed", "nothing")
