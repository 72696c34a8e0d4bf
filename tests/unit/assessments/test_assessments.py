"""The register of assessments, the record of processing, the yearly audit of minors."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heyan import clock
from heyan.access import Role
from heyan.assessments import minors, processing, service
from heyan.classification import CATEGORIES
from heyan.events import editing
from heyan.policies import drafts
from heyan.policies.models import ChangeKind
from tests.assessments import assessed, write
from tests.enrolment import World, words_of
from tests.policies import NOTICE_DAYS, coming_text, proposal
from tests.staff import Colleague, colleague, event_form, organization

CARD = {"required": "y", "marked": "y", "min_kb": "20", "max_kb": "200", "min_side": "800"}


@pytest.fixture
def operations(world: World) -> Colleague:
    """Somebody in operations."""
    return colleague(world, Role.OPERATIONS)


@pytest.fixture
def officer(world: World) -> Colleague:
    """The privacy officer."""
    return colleague(world, Role.PRIVACY_OFFICER)


@pytest.fixture
def address(world: World, operations: Colleague) -> str:
    """The address of a draft that asks for the front of an identity card."""
    form = event_form(organization(world).id)
    made = str(operations.post("/staff/events/new", **form).headers["Location"])
    operations.post(f"{made}/documents/id_card_front", **CARD)
    return made


def event_id(address: str) -> uuid.UUID:
    """The event's id."""
    return uuid.UUID(address.rsplit("/", 1)[1])


def test_an_event_with_identity_documents_opens_only_with_a_confirmed_assessment(
    operations: Colleague, officer: Colleague, address: str
) -> None:
    """J5, L-25."""
    refused = operations.post(f"{address}/publish")
    assert refused.status_code == 422
    assert "影响评估" in words_of(refused)
    new = f"/staff/assessments/new?event={event_id(address)}"
    assert new in refused.text
    # What the event and the registry say stands there already.
    assert "身份证人像面" in operations.get(new).text
    written = operations.post(
        new,
        subject="普通话水平测试",
        necessity="核验身份",
        risks="冒名",
        measures="封存",
        conclusion="可以进行",
        residual="bearable",
        review_on=f"{clock.local(clock.now() + timedelta(days=300)):%Y-%m-%d}",
    )
    assert written.status_code == 303, words_of(written)
    page = str(written.headers["Location"])
    assert operations.post(f"{address}/publish").status_code == 422
    assert operations.post(f"{page}/confirm", page=page).status_code == 403
    assert officer.post(f"{page}/confirm", page=page).status_code == 303
    assert operations.post(f"{address}/publish").status_code == 303


def test_an_event_that_asks_for_more_than_was_weighed_is_weighed_again(
    world: World, operations: Colleague, address: str
) -> None:
    """J5, L-25."""
    assessed(world, event_id(address))
    operations.post(f"{address}/documents/portrait", **CARD)
    assert operations.post(f"{address}/publish").status_code == 422
    assessed(world, event_id(address))
    assert operations.post(f"{address}/publish").status_code == 303


def test_a_high_risk_opens_nothing_and_makes_the_next_policy_material(
    world: World, operations: Colleague, officer: Colleague, address: str
) -> None:
    """S-109, L-25, J5: first measures and a new assessment; people hear of it with the policy."""
    new = f"/staff/assessments/new?event={event_id(address)}"
    said = {
        "subject": f"高风险 {uuid.uuid4().hex[:6]}",
        "necessity": "核验身份",
        "risks": "大规模冒名",
        "measures": "还没有",
        "conclusion": "不可以",
        "review_on": f"{clock.local(clock.now() + timedelta(days=300)):%Y-%m-%d}",
    }
    assert "请选择采取措施之后的风险" in words_of(operations.post(new, **said))
    written = operations.post(new, **said, residual="high")
    page = str(written.headers["Location"])
    assert officer.post(f"{page}/confirm", page=page).status_code == 303
    try:
        assert "仍然是高风险" in words_of(officer.get(page))
        refused = operations.post(f"{address}/publish")
        assert refused.status_code == 422
        assert "仍是高风险" in words_of(refused)
        assert "仍是高风险、等着补充措施的影响评估" in words_of(officer.get("/staff"))
        draft = officer.get("/staff/policies/new/privacy")
        assert said["subject"] in draft.text
        with world.session() as session:
            with pytest.raises(drafts.MustBeMaterial) as must:
                drafts.propose(session, officer.actor, proposal(coming_text(world)), NOTICE_DAYS)
            assert ChangeKind.HIGH_RISK in must.value.kinds
            # Measures, and a new assessment: the event may open.
        assessed(world, event_id(address))
        assert operations.post(f"{address}/publish").status_code == 303
    finally:
        write(world, "DELETE FROM assessments WHERE high_risk")


def test_nobody_confirms_an_own_assessment(world: World, address: str) -> None:
    """L-25, C-50."""
    author = colleague(world, Role.PRIVACY_OFFICER)
    with world.session() as session:
        row = service.write(session, author.actor, _facts(event_id(address)))
        with pytest.raises(service.NotTheOther):
            service.confirm(session, author.actor, row.id)
        assert not service.covered(session, event_id(address), ["id_card_front"])


def _facts(event: uuid.UUID | None = None) -> service.Facts:
    return service.Facts(
        subject="核验",
        necessity="必要",
        risks="风险",
        measures="措施",
        conclusion="可以",
        review_at=clock.now() + timedelta(days=100),
        event_id=event,
        covers=("id_card_front",),
    )


def test_an_assessment_stays_three_years(world: World, officer: Colleague, address: str) -> None:
    """L-25: deleting before three years is refused."""
    made = assessed(world, event_id(address))
    page = f"/staff/assessments/{made}"
    refused = officer.post(f"{page}/delete", page=page)
    assert refused.status_code == 409
    assert "至少保存 3 年" in words_of(refused)
    with world.session() as session:
        service.load(session, made)


def test_an_assessment_past_its_review_opens_nothing(world: World, address: str) -> None:
    """L-25."""
    made = assessed(world, event_id(address))
    write(
        world, "UPDATE assessments SET review_at = now() - interval '1 day' WHERE id = :i", i=made
    )
    with world.session() as session:
        event = editing.load(session, event_id(address))
        assert editing.Problem.NO_ASSESSMENT in editing.hindrances(session, event)


def test_the_record_of_processing_names_every_category_whole(officer: Colleague) -> None:
    """L-22, L-24."""
    page = officer.get("/staff/assessments/processing")
    assert page.status_code == 200
    found = officer.get("/staff/assessments/processing.csv").data.decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(found)))
    assert len(lines) == len(CATEGORIES) + 1
    assert len(lines[0]) == 17
    assert all(cell for line in lines for cell in line)
    assert all(str(one.label) in words_of(page) for one in CATEGORIES[:3])


@pytest.mark.parametrize(
    ("everyone", "sensitive", "alarms"),
    [(799_999, 79_999, 0), (800_000, 0, 1), (0, 80_000, 1), (1_000_000, 100_000, 2)],
)
def test_the_alarm_comes_at_four_fifths(everyone: int, sensitive: int, alarms: int) -> None:
    """L-23."""
    assert processing.Persons(everyone, sensitive).alarms == alarms


def test_the_officer_sees_the_alarm_of_numbers(
    officer: Colleague, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L-23."""
    words = "涉及的人数到了法定界限的八成"
    assert words not in words_of(officer.get("/staff"))
    monkeypatch.setattr(processing, "persons", lambda _session: processing.Persons(0, 80_000))
    assert words in words_of(officer.get("/staff"))


def test_minors_are_counted_by_age_and_purpose(world: World, officer: Colleague) -> None:
    """J4, L-07."""
    year = minors.year_due(clock.now())
    with world.session() as session:
        before = minors.figures(session, year)
    parent = world.person()
    today = clock.local(clock.now())
    for age in (10, 16, 30):
        parent.student("王小满", f"{today.year - age - 1}-01-02")
    with world.session() as session:
        after = minors.figures(session, year)
    assert after["under_14"] == before["under_14"] + 1
    assert after["from_14"] == before["from_14"] + 1
    found = officer.get("/staff/assessments/minors.csv").data.decode("utf-8-sig")
    assert "不满 14 周岁的学员" in found
    assert "审计发现和整改" in found


@pytest.fixture
def unfinished(world: World) -> Iterator[None]:
    """No yearly audit is finished, before and after."""
    write(world, "DELETE FROM minors_audits")
    yield
    write(world, "DELETE FROM minors_audits")


@pytest.mark.usefixtures("unfinished")
def test_the_yearly_audit_is_finished_once(world: World, officer: Colleague) -> None:
    """J4, L-07."""
    page = "/staff/assessments/minors"
    assert "未成年人信息审计" in words_of(officer.get("/staff"))
    assert officer.post(page, findings="没有发现问题").status_code == 303
    assert "未成年人信息审计" not in words_of(officer.get("/staff"))
    assert "没有发现问题" in officer.get("/staff/assessments/minors.csv").text


def test_the_task_appears_in_december_and_is_late_in_february() -> None:
    """L-07."""
    december = datetime(2026, 12, 1, 1, tzinfo=UTC)
    assert minors.year_due(december - timedelta(days=2)) == 2025
    assert minors.year_due(december) == 2026
    assert not minors.overdue(datetime(2027, 1, 31, 12, tzinfo=UTC), 2026)
    assert minors.overdue(datetime(2027, 2, 1, 1, tzinfo=UTC), 2026)


def test_children_have_rules_of_their_own_on_every_page(world: World) -> None:
    """J4, L-05, L-09: separate rules, who is responsible, and that one may refuse."""
    visitor = world.app.test_client()
    assert "/privacy/children" in visitor.get("/").text
    words = words_of(visitor.get("/privacy/children"))
    for said in ("监护人", "可以拒绝", "个人信息保护负责人"):
        assert said in words


def test_the_evidence_is_one_command(world: World, address: str, tmp_path: Path) -> None:
    """L-24, L-31: registry, ledger, audit counts; each control, its tests, what came of them."""
    assessed(world, event_id(address))
    results = tmp_path / "results"
    results.mkdir()
    module = "tests.unit.assessments.test_assessments"
    (results / "one.xml").write_text(
        '<testsuites><testsuite timestamp="2026-11-30T10:00:00">'
        f'<testcase classname="{module}" name="test_the_alarm_comes_at_four_fifths[1]"/>'
        f'<testcase classname="{module}" name="test_the_alarm_comes_at_four_fifths[2]">'
        "<failure/></testcase>"
        f'<testcase classname="{module}" name="test_the_officer_sees_the_alarm_of_numbers"/>'
        "</testsuite></testsuites>"
    )
    done = world.app.test_cli_runner().invoke(
        args=["assessments", "evidence", str(tmp_path / "pack"), "--results", str(results)]
    )
    assert done.exit_code == 0, done.output
    tables = {
        one.stem: list(csv.reader(one.open(encoding="utf-8-sig")))
        for one in (tmp_path / "pack").glob("*.csv")
    }
    assert set(tables) == {"processing", "ledger", "audit", "assessments", "controls"}
    assert len(tables["processing"]) == len(CATEGORIES) + 1
    assert any(line[0] == "assessments.confirm" for line in tables["audit"])
    assert len(tables["controls"]) > 100
    (alarm,) = (line for line in tables["controls"] if line[0] == "L-23")
    assert alarm[-1] == "1 failed, 1 passed 2026-11-30"
    (other,) = (line for line in tables["controls"] if line[0] == "L-25")
    assert "not run" in other[-1]
    assert "persons" in (tmp_path / "pack" / "facts.json").read_text("utf-8")


def test_the_home_page_names_company_and_filings(world: World) -> None:
    """L-34."""
    words = words_of(world.app.test_client().get("/"))
    for said in (world.settings.company_name, world.settings.icp_number):
        assert said
        assert said in words
