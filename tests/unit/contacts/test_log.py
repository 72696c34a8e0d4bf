"""The contact log: written down, masked, followed up, closed with an outcome, found again."""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from heyan import clock
from heyan.access import Role
from heyan.app import build
from heyan.contacts import reading, service
from heyan.contacts.models import ContactOutcome
from heyan.contacts.reading import View
from heyan.leads.service import phone_index
from tests.accounts import Browser, quick, some_phone
from tests.conftest import Clock
from tests.contacts import LOG, act, entry, write
from tests.enrolment import World, words_of
from tests.public import leave
from tests.staff import Colleague, colleague
from tests.worker import audit_of


def lead(world: World, name: str = "陈小雨") -> tuple[uuid.UUID, str]:
    """A lead that waits, and its number."""
    phone = some_phone()
    assert leave(Browser(world.app), phone, name=name).status_code == 303
    (row,) = world.rows("SELECT id FROM leads WHERE phone_index = :i", i=phone_index("+86" + phone))
    return row.id, phone


def tomorrow() -> str:
    """A time as the page's field sends it."""
    return f"{clock.local(clock.now()) + timedelta(days=1):%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize("channel", ["call", "chat", "visit", "letter", "email"])
def test_every_way_of_being_in_touch_is_written_down(
    world: World, clerk: Colleague, channel: str
) -> None:
    """D1: S-022: each channel in either direction, bound to nothing, nothing readable kept."""
    for direction in ("in", "out"):
        made = entry(clerk, channel=channel, direction=direction, name="赵清", note="盼复二字")
        (row,) = world.rows(
            "SELECT channel, direction, lead_id, account_id, name, note, owner_id FROM contacts"
            " WHERE id = :i",
            i=made,
        )
        assert (row.channel, row.direction, row.lead_id, row.account_id) == (
            channel,
            direction,
            None,
            None,
        )
        assert "赵清".encode() not in bytes(row.name)
        assert "盼复".encode() not in bytes(row.note)
        assert row.owner_id == clerk.account_id
        assert audit_of(world, "contacts.written", made)[0]["channel"] == channel


def test_an_entry_needs_words_and_a_sound_number(clerk: Colleague) -> None:
    """D1: what is missing is said beside its field, and what was typed stays."""
    sent = write(clerk, note="", phone="123", reply_to="me@example.com")
    assert sent.status_code == 422
    assert "请写下对方说了什么" in sent.text
    assert "手机号应为 11 位" in sent.text
    assert "me@example.com" in sent.text


def test_an_entry_is_masked_until_a_reason_is_given(world: World, clerk: Colleague) -> None:
    """S-092, S-023, I4: name, number and words are hidden; a reveal is one entry of the audit."""
    phone = some_phone()
    made = entry(clerk, name="欧阳娜娜", phone=phone, note="证书写错了字")
    for page in (clerk.get(f"{LOG}?state=mine").text, clerk.get(f"{LOG}/{made}").text):
        assert "欧阳娜娜" not in page
        assert phone not in page
        assert "证书写错了字" not in page
    assert act(clerk, made, "reveal", reason="curious").status_code == 422
    shown = act(clerk, made, "reveal", reason="handle")
    assert "证书写错了字" in shown.text
    assert f"+86{phone}" in shown.text
    assert len(audit_of(world, "contacts.revealed", made)) == 1
    assert "证书写错了字" not in clerk.get(f"{LOG}/{made}").text


def test_an_entry_does_not_close_without_an_outcome(world: World, clerk: Colleague) -> None:
    """D1: S-024: not by the form, not by the verb, not by the table; then it is kept a year."""
    made = entry(clerk)
    sent = act(clerk, made, "close", result="说清楚了")
    assert sent.status_code == 422
    assert "没有结果不能办结" in sent.text
    with world.session() as session, pytest.raises(service.OutcomeMissing):
        service.close(session, clerk.actor, made, None, "")
    with pytest.raises(Exception, match="closed_has_outcome"), world.owner.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE contacts SET state = 'closed', closed_at = now() WHERE id = '{made}'"
        )
    assert act(clerk, made, "close", outcome="resolved", result="说清楚了").status_code == 303
    (row,) = world.rows("SELECT * FROM contacts WHERE id = :i", i=made)
    assert (row.state, row.outcome) == ("closed", "resolved")
    assert row.delete_after - row.closed_at == timedelta(days=365)
    again = act(clerk, made, "close", outcome="answered")
    assert again.status_code == 409


def test_the_result_is_told_once_and_dated(world: World, clerk: Colleague) -> None:
    """S-024: feedback sent, when and by which way; a second time is said to be one."""
    made = entry(clerk, kind="opinion")
    assert act(clerk, made, "feedback", by="email").status_code == 303
    (row,) = world.rows("SELECT feedback_at, feedback_channel FROM contacts WHERE id = :i", i=made)
    assert row.feedback_at is not None
    assert row.feedback_channel == "email"
    assert "已把结果告诉对方" in clerk.get(f"{LOG}/{made}").text
    with world.session() as session, pytest.raises(service.Changed):
        service.feedback_sent(session, clerk.actor, made, service.ContactChannel.CALL)


def test_an_entry_is_handed_on_with_a_due_time(world: World, clerk: Colleague) -> None:
    """D1: a follow-up has an owner and a time; who handed it on meanwhile is not overruled."""
    other = colleague(world, Role.SERVICE)
    made = entry(clerk)
    follow = {"kind": "complaint", "state": "waiting", "text": "等主办单位答复", "due": tomorrow()}
    sent = act(clerk, made, "follow-up", owner=str(other.account_id), **follow)
    assert sent.status_code == 303
    (row,) = world.rows("SELECT state, kind, owner_id FROM contacts WHERE id = :i", i=made)
    assert (row.state, row.kind, row.owner_id) == ("waiting", "complaint", other.account_id)
    late = clerk.client.post(
        f"{LOG}/{made}/follow-up",
        data={
            "csrf_token": re.findall(
                r'name="csrf_token" value="([^"]+)"', clerk.get(f"{LOG}/{made}").text
            )[0],
            "expected": str(clerk.account_id),
            "owner": "",
            **follow,
        },
    )
    assert late.status_code == 409
    assert str(made) in other.get(f"{LOG}?state=mine").text
    assert act(clerk, made, "follow-up", owner="", **{**follow, "due": "soon"}).status_code == 422


def test_two_colleagues_who_close_at_once_close_once(world: World, clerk: Colleague) -> None:
    """D1: one of them learns that it was closed."""
    made = entry(clerk)
    results: list[str] = []

    def close() -> None:
        with world.session() as session:
            try:
                service.close(session, clerk.actor, made, ContactOutcome.ANSWERED, "")
                results.append("closed")
            except service.Changed:
                results.append("late")

    threads = [threading.Thread(target=close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["closed", *["late"] * 7]


def test_a_dispute_is_kept_three_years_and_stops_clocks(world: World, clerk: Colleague) -> None:
    """H2, S-024: bound by the registration's number; other features see it until it is closed."""
    event = world.event()
    registration, _document = world.person().submitted(event.slug)
    (row,) = world.rows(
        "SELECT number, account_id FROM registrations WHERE id = :i", i=registration
    )
    wrong = write(clerk, kind="dispute", registration="NONE-0000")
    assert wrong.status_code == 422
    assert "没有这个报名编号" in wrong.text
    made = entry(clerk, kind="dispute", registration=row.number)
    (found,) = world.rows("SELECT * FROM contacts WHERE id = :i", i=made)
    assert (str(found.registration_id), found.account_id) == (registration, row.account_id)
    with world.session() as session:
        assert service.disputed(session, uuid.UUID(registration))
    assert "不会销毁" in words_of(clerk.get(f"{LOG}/{made}"))
    assert str(made) in clerk.get(f"{LOG}?state=disputes").text
    assert "没有办结的纠纷" in clerk.get("/staff").text
    act(clerk, made, "close", outcome="agreed")
    (found,) = world.rows("SELECT closed_at, delete_after FROM contacts WHERE id = :i", i=made)
    assert found.delete_after - found.closed_at == timedelta(days=3 * 365)
    with world.session() as session:
        assert not service.disputed(session, uuid.UUID(registration))


def test_a_person_is_found_by_number_across_lead_and_account(
    world: World, clerk: Colleague
) -> None:
    """S-023: by blind index, the number in no address; the history joins what bears it."""
    found, phone = lead(world)
    bound = entry(clerk, query=f"?lead={found}", note="按登记回电")
    loose = entry(clerk, phone=phone, note="后来又来电")
    stranger = entry(clerk, phone=some_phone())
    sent = clerk.post(f"{LOG}/search", page=LOG, phone=phone)
    assert sent.status_code == 200
    assert str(bound) in sent.text
    assert str(loose) in sent.text
    assert str(stranger) not in sent.text
    assert f"{LOG}/history/lead/{found}" in sent.text
    history = clerk.get(f"{LOG}/history/lead/{found}").text
    assert str(bound) in history
    assert str(loose) in history
    assert phone not in history
    assert clerk.get(f"{LOG}/history/account/{uuid.uuid4()}").status_code == 404
    assert clerk.get(f"{LOG}/history/account/{clerk.account_id}").status_code == 404
    assert clerk.post(f"{LOG}/search", page=LOG, phone="12").status_code == 422
    person = world.person()
    at_account = entry(clerk, query=f"?account={person.account_id}")
    assert str(at_account) in clerk.get(f"{LOG}/history/account/{person.account_id}").text
    assert write(clerk, query=f"?lead={uuid.uuid4()}").status_code == 404
    assert write(clerk, query="?lead=nonsense").status_code == 404


def test_who_asked_not_to_be_called_is_in_no_list_of_calls(world: World, clerk: Colleague) -> None:
    """L-39, S-019: the opt-out holds for both queues; calling as a reason shows no number."""
    site = build(quick(replace(world.settings, call_from_hour=0, call_until_hour=24)))
    open_all_day = Colleague(site.test_client(), clerk.account_id, clerk.token, clerk.role)
    open_all_day.client.set_cookie("heyan_session", clerk.token, domain="localhost")
    phone = some_phone()
    made = entry(open_all_day, phone=phone)
    assert str(made) in open_all_day.get(f"{LOG}?state=call").text
    assert phone in act(open_all_day, made, "reveal", reason="call").text
    assert act(open_all_day, made, "do-not-contact").status_code == 303
    assert str(made) not in open_all_day.get(f"{LOG}?state=call").text
    refused = act(open_all_day, made, "reveal", reason="call")
    assert refused.status_code == 409
    assert phone not in refused.text
    left = leave(Browser(world.app), phone)
    assert left.status_code == 303
    assert (
        world.rows("SELECT 1 FROM leads WHERE phone_index = :i", i=phone_index("+86" + phone)) == []
    )
    again = entry(open_all_day, phone=phone, direction="out")
    assert audit_of(world, "contacts.written", again)[0]["against_wish"] is True


def test_nobody_is_called_at_night(world: World, clerk: Colleague) -> None:
    """L-39: outside the hours the list of calls is empty and says so."""
    hour = (clock.local(clock.now()).hour + 2) % 23
    late = replace(world.settings, call_from_hour=hour, call_until_hour=hour + 1)
    made = entry(clerk, phone=some_phone())
    with world.session() as session:
        assert reading.queue(session, late, clerk.actor, view=View.CALL).lines == []
        with pytest.raises(reading.NotNow):
            reading.show(session, late, clerk.actor, made, reason="call")


@pytest.mark.parametrize("view", list(View))
def test_pages_of_the_log_join_without_gap_or_double(
    world: World, clerk: Colleague, view: View
) -> None:
    """Keyset: walking in small pages meets every entry once."""
    made = [entry(clerk, phone=some_phone(), kind="dispute") for _ in range(3)]
    if view is View.CLOSED:
        for one in made:
            act(clerk, one, "close", outcome="answered")
    if view is View.OVERDUE:
        with world.owner.begin() as connection:
            connection.exec_driver_sql("UPDATE contacts SET due_at = now() - interval '1 hour'")
    settings = replace(world.settings, call_from_hour=0, call_until_hour=24)
    seen: list[uuid.UUID] = []
    after: str | None = None
    with world.session() as session:
        for _page in range(500):
            page = reading.queue(session, settings, clerk.actor, view=view, after=after, limit=2)
            seen += [line.id for line in page.lines]
            after = page.after
            if after is None:
                break
    assert len(seen) == len(set(seen))
    if view is not View.DUE:
        assert set(made) <= set(seen)


def test_the_log_is_the_services_alone_and_leaves_by_no_export(
    world: World, clerk: Colleague
) -> None:
    """S-023: other roles are refused; no address of the log gives a file."""
    made = entry(clerk)
    for role in (Role.OPERATIONS, Role.AUDITOR, Role.ADMINISTRATOR):
        other = colleague(world, role)
        assert other.get(LOG).status_code == 403
        assert other.get(f"{LOG}/{made}").status_code == 403
    rules = [str(rule) for rule in world.app.url_map.iter_rules() if LOG in str(rule)]
    assert rules
    assert not [rule for rule in rules if "export" in rule or "csv" in rule]


def test_consent_to_recording_stands_in_the_ledger(world: World, clerk: Colleague) -> None:
    """A7, S-025: a purpose of its own, with how it was got; taken back, that stands there too."""
    made = entry(clerk, consent="given", way="announcement")
    (row,) = world.rows(
        "SELECT * FROM consent_records WHERE details ->> 'contact_id' = :i", i=str(made)
    )
    assert (row.purpose, row.granted) == ("call_recording", True)
    assert row.details["how"] == "announcement"
    assert "180 天后销毁" in row.text_shown
    assert act(clerk, made, "consent", consent="refused", way="spoken").status_code == 303
    rows = world.rows(
        "SELECT granted FROM consent_records WHERE details ->> 'contact_id' = :i ORDER BY id",
        i=str(made),
    )
    assert [one.granted for one in rows] == [True, False]


def test_names_are_typed_by_people_and_run_nothing(world: World, clerk: Colleague) -> None:
    """C-55: what somebody says stands as text."""
    naughty = "<script>alert(1)</script>{{7*7}}"
    made = entry(clerk, name=naughty[:40], note=naughty, reply_to=naughty)
    shown = act(clerk, made, "reveal", reason="handle").text
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "{{7*7}}" in shown


def test_without_a_standing_grant_no_reason_opens_an_entry(world: World, clerk: Colleague) -> None:
    """S-091, L-06, I6: at the very moment the role's grant ends; the attempt is on record."""
    made = entry(clerk, name="司徒静", note="要求更正姓名")
    alive = "status = 'approved' AND scenario = 'contacts'"
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE standing_grants SET ends_at = ends_at - interval '1 year' WHERE {alive}"
        )
    try:
        refused = act(clerk, made, "reveal", reason="handle")
        assert refused.status_code == 403
        assert "要求更正姓名" not in refused.text
        assert clerk.get(f"{LOG}/{made}").status_code == 200
    finally:
        with world.owner.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE standing_grants SET ends_at = ends_at + interval '1 year' WHERE {alive}"
            )
    assert "要求更正姓名" in act(clerk, made, "reveal", reason="handle").text


def test_who_refused_to_be_recorded_is_not_asked_again_for_half_a_year(
    world: World, clerk: Colleague, clock: Clock
) -> None:
    """L-10: the form and the entry say so until the day; a yes of one's own is still written."""
    query, words = f"?account={world.person().account_id}", "之前不要再问"
    assert words not in words_of(clerk.get(f"{LOG}/new{query}"))
    for consent, said in (("refused", True), ("given", False), ("refused", True)):
        entry(clerk, query=query, consent=consent)
        assert (words in words_of(clerk.get(f"{LOG}/new{query}"))) is said
    later = entry(clerk, query=query)
    assert words in words_of(clerk.get(f"{LOG}/{later}"))
    clock.move(timedelta(days=181))
    other = colleague(world, Role.SERVICE)
    assert words not in words_of(other.get(f"{LOG}/new{query}"))
