"""The report of a period, and findings with an owner and a day."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta

import pypdfium2
import pytest

from heyan import clock
from heyan.access import Role
from heyan.oversight.models import Finding
from tests.enrolment import World, words_of
from tests.oversight import entries
from tests.staff import colleague, organization
from uploads_worker import oversight
from uploads_worker.context import Context

PAGE = "/staff/oversight/report"


def _query() -> str:
    today = clock.local(clock.now()).date()
    return f"?since={today - timedelta(days=1)}&until={today}"


def test_the_report_says_who_read_what_and_is_itself_on_record(world: World) -> None:
    """I7, S-094, S-092: reads, denials and overdue items of a period; ids, no names."""
    auditor = colleague(world, Role.AUDITOR)
    clerk = colleague(world, Role.SERVICE, name="不该出现的姓名")
    entries(world, clerk.account_id, "leads.revealed", 7)
    entries(world, clerk.account_id, "rights.shown", 3)
    house = organization(world)
    member = colleague(world, Role.ORGANIZER_OWNER, organization_id=house.id)
    assert member.get("/organizer/members").status_code == 200
    entries(world, clerk.account_id, "access.denied", 1, outcome="denied")
    shown = auditor.get(PAGE + _query())
    assert shown.status_code == 200
    words = words_of(shown)
    assert re.search(rf"{str(clerk.account_id)[:12]}… leads.revealed 7", words)
    # Looks at masked pages, and those of organizers, are reading too (I4).
    assert re.search(rf"{str(clerk.account_id)[:12]}… rights.shown 3", words)
    assert re.search(rf"{str(member.account_id)[:12]}… organizations.listed 1", words)
    assert "被拒绝" in words
    assert "不该出现的姓名" not in words
    assert auditor.get(f"{PAGE}?since=2026-02-01&until=2026-01-01").status_code == 422
    assert clerk.get(PAGE).status_code == 403
    assert world.rows(
        "SELECT 1 FROM audit_entries WHERE actor_id = :a AND action = 'oversight.show_report'",
        a=str(auditor.account_id),
    )


def test_the_report_comes_as_csv_and_pdf_after_a_step_up(world: World) -> None:
    """S-094, C-55: both hold the figures, no cell is a formula, and each download is an entry."""
    auditor = colleague(world, Role.AUDITOR)
    entries(world, auditor.account_id, "=cmd", 1)
    weak = colleague(world, Role.AUDITOR, stepped_up=False)
    assert weak.get(f"{PAGE}.csv{_query()}").status_code in (302, 303)
    sheet = auditor.get(f"{PAGE}.csv{_query()}")
    text = sheet.data.decode("utf-8-sig")
    assert "审计报告" in text
    assert "attachment" in sheet.headers["Content-Disposition"]
    assert not [line for line in text.splitlines() if line.startswith(("=", "+", "-", "@"))]
    printed = auditor.get(f"{PAGE}.pdf{_query()}")
    document = pypdfium2.PdfDocument(io.BytesIO(printed.data))
    assert "审计报告" in document[0].get_textpage().get_text_range()
    assert len(printed.data) < 200_000
    forms = world.rows(
        "SELECT details->>'form' AS f FROM audit_entries"
        " WHERE actor_id = :a AND action = 'oversight.export_report'",
        a=str(auditor.account_id),
    )
    assert sorted(one.f for one in forms) == ["csv", "pdf"]


def test_an_overdue_finding_is_told_and_its_owner_does_not_close_it(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-094: owner, day, a reminder when it passes, and somebody else who checks."""
    auditor = colleague(world, Role.AUDITOR)
    owner = colleague(world, Role.PRIVACY_OFFICER)
    page = "/staff/oversight/findings/new"
    today = clock.local(clock.now()).date()
    fields = {
        "title": "离职账号未停用",
        "description": "请当天停用",
        "owner": str(owner.account_id),
    }
    assert auditor.post(page, **fields, due=str(today - timedelta(days=2))).status_code == 422
    assert auditor.post(page, **fields, due=str(today)).status_code == 303
    with world.session() as session:
        found = session.query(Finding).filter_by(owner_id=owner.account_id).one()
        finding_id = found.id
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(days=1, hours=1))
    oversight.tend_oversight(context)
    oversight.tend_oversight(context)
    told = world.rows(
        "SELECT 1 FROM notices WHERE account_id = :a AND kind = 'finding_overdue'",
        a=str(owner.account_id),
    )
    assert len(told) == 1
    one = f"/staff/oversight/findings/{finding_id}"
    monkeypatch.undo()
    assert "离职账号未停用" in words_of(auditor.get("/staff/oversight/findings"))
    assert owner.post(one, reason="我改好了").status_code == 409
    assert auditor.post(one, reason="复核过，已停用").status_code == 303
