"""The policy: every clause covered, frozen, dated, compared; facts and tables from one source."""

from __future__ import annotations

import dataclasses
import gzip
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from heyan import clock as time
from heyan import public_table
from heyan.app import build
from heyan.classification import CATEGORIES, REGISTRY, personal_columns
from heyan.cookies import COOKIES
from heyan.db import Base
from heyan.policies import comparison, texts
from heyan.policies.models import PolicyKind
from heyan.policies.sections import plain_lines, runs
from heyan.policies.service import (
    content_digest,
    ensure_published,
    full_version,
    publish,
    version_in_force,
)
from heyan.registrations import unused
from heyan.settings import Settings
from tests.accounts import Browser
from tests.conftest import Clock
from tests.enrolment import World, words_of
from tests.public import real_policy
from uploads_worker.settings import WorkerSettings

SEED_CLAUSES = {f"S-{number:03}" for number in range(1, 113)}
LAW_CLAUSES = {f"L-{number:02}" for number in (1, 2, 3, 4, 5, 10, 16, 17, 19, 20, 21, 23, 26, 32)}
LANGUAGES = ("zh", "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_clause_of_the_source_is_covered(language: str) -> None:
    """S-112: each clause of the source policy is cited by a section of ours, in both languages."""
    cited = {
        clause
        for section in texts.TEXTS[PolicyKind.PRIVACY][language]
        for clause in section.clauses
    }
    assert cited >= SEED_CLAUSES | LAW_CLAUSES


@pytest.mark.parametrize("kind", list(PolicyKind))
def test_both_languages_say_the_same_in_the_same_places(kind: PolicyKind) -> None:
    """The sections match one to one, down to how many parts they have."""
    shapes = [
        [
            (section.id, section.clauses, [type(part) for part in section.parts])
            for section in texts.TEXTS[kind][language]
        ]
        for language in LANGUAGES
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_section_marks_what_matters(language: str) -> None:
    """S-001: consequences, rights and protection carry key passages in bold."""
    for section in texts.TEXTS[PolicyKind.PRIVACY][language]:
        if section.id in ("intro", "principles", "identity", "rights", "closing", "retention"):
            assert any("**" in str(part) for part in section.parts), section.id


def test_the_table_of_data_comes_from_the_registry(world: World, browser: Browser) -> None:
    """F1, S-021, S-066, L-01: a line per category in use, with what happens after; anchors."""
    page = browser.get("/privacy").text
    for category in CATEGORIES:
        for table in ("collected", "retention"):
            assert f'id="{table}-{category.key.replace(".", "-")}"' in page
    used = {category.key for _column, category in personal_columns(Base.metadata)}
    assert used <= {category.key for category in CATEGORIES}
    for anchor in re.findall(r'href="#([a-z-]+)"', page):
        assert f'id="{anchor}"' in page


def test_the_section_on_minors_leads_to_the_rules_for_children(browser: Browser) -> None:
    """L-04, L-05: from the policy's own text, in both languages, and the page is there."""
    for language in LANGUAGES:
        (minors,) = (
            section
            for section in texts.TEXTS[PolicyKind.PRIVACY][language]
            if section.id == "minors"
        )
        assert "(/privacy/children)" in str(minors.parts)
    assert 'href="/privacy/children"' in browser.get("/privacy").text
    assert browser.get("/privacy/children").status_code == 200


def test_what_the_text_says_in_days_is_what_the_registry_does() -> None:
    """S-066, L-01: periods in the sentences and limits of the program are the same numbers."""
    said = "".join(
        str(part) for section in texts.TEXTS[PolicyKind.PRIVACY]["zh"] for part in section.parts
    )
    limits = WorkerSettings.__dataclass_fields__
    after = Settings.__dataclass_fields__["document_days_after_event"].default
    decided = REGISTRY["identity.document"].days
    for words in (
        f"最后一次联系后 {REGISTRY['lead.contact'].days} 天删除",
        f"核验结果公布后 {decided} 天、最迟项目结束后 {after} 天销毁",
        f"没有提交的草稿 {limits['draft_days'].default} 天后销毁",
        f"最多保存 {REGISTRY['usage'].days} 天",
        f"连续 {unused.UNUSED.days // 365 * 12} 个月没有登录",
        f"提前 {unused.WARNED.days} 天通知",
        f"{(REGISTRY['rights.copy'].days or 0) * 24} 小时后失效",
    ):
        assert words in said, words


def test_an_empty_part_keeps_the_policy_from_being_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L-01: a category without a purpose cannot be published."""
    without = dataclasses.replace(CATEGORIES[0], purpose="")
    monkeypatch.setattr(public_table, "CATEGORIES", (without, *CATEGORIES[1:]))
    with world.app.app_context(), pytest.raises(ValueError, match="purpose"):
        texts.content(world.settings, PolicyKind.PRIVACY)


def test_operators_facts_stand_in_the_text(world: World, browser: Browser) -> None:
    """S-098, S-110, S-111, S-074: company, officer, hotline, court, hosting from settings."""
    settings = world.settings
    page = words_of(browser.get("/privacy"))
    for fact in (
        settings.company_name,
        settings.company_address,
        settings.privacy_officer,
        settings.privacy_contact,
        settings.hotline,
        settings.court,
        *settings.hosting_places,
    ):
        assert fact
        assert fact in page


def test_the_page_names_version_date_and_digest(world: World, browser: Browser) -> None:
    """A4, S-010: what is in force, since when, and the digest that consents point to."""
    with world.session() as session:
        present = version_in_force(session)
        full = full_version(session, PolicyKind.PRIVACY)
        assert content_digest(full.content) == present.content_sha256
    page = browser.get("/privacy").text
    assert present.version in page
    assert present.content_sha256.hex() in page


def test_tomorrows_version_can_be_read_but_is_not_in_force(
    world: World, browser: Browser, clock: Clock
) -> None:
    """S-010, A4: previewable today, in force when its day comes; the old one stays readable."""
    with world.session() as session:
        before = real_policy(world.app, session, world.settings)[PolicyKind.PRIVACY]
        coming = f"next-{before.version}"
        content = {"zh": [_section("明天的话")], "en": []}
        publish(session, PolicyKind.PRIVACY, coming, time.now() + timedelta(days=1), content)
    preview = browser.get(f"/privacy/versions/privacy/{coming}")
    assert "明天的话" in preview.text
    assert "现在还不适用" in preview.text
    assert "明天的话" not in browser.get("/privacy").text
    assert "尚未生效" in browser.get("/privacy/versions").text
    clock.move(timedelta(days=1, minutes=1))
    assert "明天的话" in browser.get("/privacy").text
    old = browser.get(f"/privacy/versions/privacy/{before.version}")
    assert "不再适用" in old.text
    clock.reset()
    with world.session() as session:
        real_policy(world.app, session, world.settings)


def _section(words: str) -> dict[str, Any]:
    part = {"kind": "paragraph", "runs": [[words, False, None]]}
    return {"id": "one", "title": "一", "clauses": [], "parts": [part]}


def test_any_two_versions_can_be_compared(world: World, browser: Browser) -> None:
    """S-105, A4: what came is underlined, what went is struck through, in place."""
    moment = time.now() - timedelta(days=400)
    with world.session() as session:
        for name, words in (("old", "保存九十天，之后删除。"), ("new", "保存三十天，之后删除。")):
            content = {"zh": [_section(words)], "en": []}
            publish(session, PolicyKind.AGREEMENT, f"cmp-{name}", moment, content)
    path = "/privacy/versions/agreement/compare?before=cmp-old&after=cmp-new"
    page = browser.get(path).text
    assert "<del>九</del>" in page
    assert "<ins>三</ins>" in page
    assert browser.get(path.replace("cmp-new", "none")).status_code == 404
    assert browser.get(path.replace("agreement", "other")).status_code == 404


def test_a_comparison_tells_new_gone_and_changed_lines() -> None:
    """Lines that have nothing in common are not paired."""
    lines = comparison.compare(
        ["一样", "保存九十天后删除", "这句没有了"], ["一样", "新来的话", "保存三十天后删除"]
    )
    assert [line.kind for line in lines] == ["same", "new", "changed", "gone"]


def test_the_agreement_is_published_beside_the_policy(browser: Browser) -> None:
    """S-009: published and versioned, what limits liability is in bold, complaints are answered."""
    page = browser.get("/privacy/agreement").text
    assert "<strong>因不可抗力" in page
    assert "十五个工作日内书面答复投诉" in page


def test_english_pages_are_in_english(browser: Browser) -> None:
    """Both languages are complete; the same version is shown."""
    page = words_of(browser.get("/privacy?lang=en"))
    assert "Your rights" in page
    assert "SHA-256" in page


def test_the_english_tables_are_in_english(world: World) -> None:
    """L-01: what is frozen for English readers is English, headings and periods too."""
    with world.app.app_context():
        assert texts.tables_speak_english()
        frozen = texts.content(world.settings, PolicyKind.PRIVACY)["en"]
    tables = [part for section in frozen for part in section["parts"] if part["kind"] == "table"]
    words = [
        word
        for table in tables
        for word in (*table["head"], *(cell for row in table["rows"] for cell in row["cells"]))
    ]
    assert len(tables) == 3
    assert [word for word in words if re.search("[\u4e00-\u9fff]", word)] == []


def test_publishing_twice_changes_nothing_and_another_text_needs_another_name(
    world: World,
) -> None:
    """A4, A2, K1: the command is idempotent; a later version waits for two people."""
    name = f"cli-{time.now():%H%M%S%f}"
    settings = dataclasses.replace(world.settings, policy_version=name)
    runner = build(settings).test_cli_runner()
    first = runner.invoke(args=["policies", "publish", "--changes", "第二版"])
    assert first.exit_code == 0, first.output
    assert first.output.count("waits: /staff/policies") == 2
    with world.session() as session, world.app.app_context():
        for kind in PolicyKind:
            ensure_published(
                session, kind, name, texts.effective_at(settings), texts.content(settings, kind)
            )
    again = runner.invoke(args=["policies", "publish"])
    assert again.output.count("was there") == 2
    listed = runner.invoke(args=["policies", "list"])
    assert name in listed.output
    changed = build(dataclasses.replace(settings, court="另一家法院")).test_cli_runner()
    refused = changed.invoke(args=["policies", "publish"])
    assert refused.exit_code != 0
    assert "POLICY_VERSION" in refused.output


def test_the_cookie_page_lists_what_the_program_can_set(browser: Browser) -> None:
    """F1, F2, S-035, S-043: names, purposes, lifetimes; no banner, DNT and GPC said."""
    page = browser.get("/privacy/cookies").text
    for cookie in COOKIES:
        assert cookie.key in page
    assert "DNT" in page
    assert "GPC" in page


def test_a_text_renders_runs_and_never_markup(world: World, browser: Browser) -> None:
    """C-55: words that look like markup stay words."""
    assert runs("a **b** [c](#law) <i>", {}) == [
        ["a ", False, None],
        ["b", True, None],
        [" ", False, None],
        ["c", False, "#law"],
        [" <i>", False, None],
    ]
    with pytest.raises(ValueError, match="does not end"):
        runs("a **b", {})
    moment = time.now() - timedelta(days=500)
    with world.session() as session:
        content = {"zh": [_section("<script>alert(1)</script>")], "en": []}
        publish(session, PolicyKind.AGREEMENT, "naughty", moment, content)
    page = browser.get("/privacy/versions/agreement/naughty").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_no_template_of_policies_bypasses_escaping() -> None:
    """STYLE 12: nothing is marked safe."""
    folder = Path(__file__).parents[3] / "templates"
    for name in ("policies", "leads", "events"):
        for page in (folder / name).glob("*.html"):
            assert "|safe" not in page.read_text("utf-8")


def test_plain_lines_hold_every_word(world: World) -> None:
    """A comparison leaves nothing of the text out."""
    with world.app.app_context():
        frozen = texts.content(world.settings, PolicyKind.PRIVACY)["zh"]
    lines = "\n".join(plain_lines(frozen))
    assert world.settings.court in lines
    assert "回电登记" in lines


def test_long_texts_are_sent_small(world: World) -> None:
    """UX: the policy weighs little on a slow phone, and reads the same either way."""
    client = world.app.test_client()
    plain = client.get("/privacy")
    packed = client.get("/privacy", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in ", ".join(packed.headers.getlist("Vary"))
    assert len(packed.data) < 20_000
    assert len(packed.data) < len(plain.data) / 2
    assert "个人信息保护政策" in gzip.decompress(packed.data).decode()
