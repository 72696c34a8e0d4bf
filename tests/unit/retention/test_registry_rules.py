"""Every category and every table with personal columns has a rule that ends it (DESIGN 3)."""

from __future__ import annotations

import pytest

from heyan import handling
from heyan.access import Role
from heyan.classification import CATEGORIES, REGISTRY, Level, personal_columns
from heyan.db import Base
from heyan.retention import wording
from uploads_worker import sweep, winddown
from uploads_worker.context import load_models
from uploads_worker.keeping import remains, rules

load_models()


def test_every_category_has_a_rule_that_ends_it() -> None:
    """S-075, S-087, H2: a promise without a deed fails the build."""
    ended = {key for one in rules.all_rules() for key in one.categories}
    assert {category.key for category in CATEGORIES} - ended == set()
    assert ended <= set(REGISTRY)


def test_the_certificate_of_the_end_counts_every_category() -> None:
    """H5, S-079: what is left is counted for each category, or the build fails."""
    assert set(remains.places()) == set(REGISTRY)
    assert set(winddown.STAYS) <= set(REGISTRY)


def test_every_rule_and_step_of_the_sweep_has_words() -> None:
    """S-075: the privacy officer reads what is overdue or failed, not the name of a function."""
    assert {one.name for one in rules.all_rules()} == set(wording.RULES)
    assert set(sweep.BROOMS) <= set(wording.RULES) | set(wording.STEPS)
    assert set(wording.STEPS) <= set(sweep.BROOMS)


def test_every_table_with_personal_columns_is_reached_by_a_rule() -> None:
    """H2: no table is forgotten by the sweep."""
    holding = {column.table.name for column, _category in personal_columns(Base.metadata)}
    reached = {name for one in rules.all_rules() for name in one.tables}
    assert holding - reached == set()
    assert reached <= set(Base.metadata.tables)


def test_every_category_says_its_six_stages_and_who_approves() -> None:
    """S-080, S-085, S-086: derived from the level, so that a raised level changes all at once."""
    for category in CATEGORIES:
        found = handling.handling(category)
        assert tuple(found.stages) == handling.STAGES
        assert all(str(words) for words in found.stages.values()), category.key
        if category.level >= Level.L2_CONTACT:
            assert Role.PRIVACY_OFFICER in found.approvers
        if category.level is Level.L4_IDENTITY:
            assert found.approvers == {Role.PRIVACY_OFFICER, Role.ADMINISTRATOR}
        if category.level >= Level.L3_SENSITIVE:
            assert found.mask("13800138000") == "＊＊＊"
        assert "38001" not in found.mask("13800138000")


def test_every_statutory_floor_names_its_article_and_is_kept() -> None:
    """S-060, E4, L-38: a floor without a citation, or a shorter period, fails the build."""
    floors = [one for one in CATEGORIES if one.floor is not None]
    assert floors
    for category in floors:
        assert category.floor is not None
        assert "第" in category.floor.citation
        assert category.floor.citation.endswith(("条", "项", "款"))
        assert category.days is None or category.days >= category.floor.days


def test_what_proves_in_a_dispute_is_kept_as_long_as_one_may_sue() -> None:
    """L-38: consents, decisions and answers to requests, for the three years of civil law."""
    for key in ("decision", "rights.request", "consent"):
        assert (REGISTRY[key].days or 0) >= 3 * 365, key
    assert "民法典 188" in REGISTRY["decision"].source
    assert "民法典 188" in REGISTRY["rights.request"].source


def test_nothing_sensitive_is_kept_as_long_as_an_account_lives() -> None:
    """S-073: but for what signs in, L3 and L4 end with their purpose."""
    living = {
        category.key
        for category in CATEGORIES
        if category.level >= Level.L3_SENSITIVE and category.days is None
    }
    # A proof of who asked for something goes when the request closes.
    assert living <= {"account.credentials", "rights.proof"}


def test_two_rules_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "SOURCES", (rules.SOURCES[0], rules.SOURCES[0]))
    with pytest.raises(ValueError, match="two rules"):
        rules.all_rules()


def test_most_rules_are_brooms_of_the_sweep() -> None:
    """The overdue figure and the deed carry one name."""
    named = {one.name for one in rules.all_rules() if one.due is not rules.never}
    assert {"documents", "id_numbers", "answers", "leads", "decisions", "archive"} <= named
    assert {"documents", "id_numbers", "answers", "leads", "decisions", "archive"} <= set(
        sweep.BROOMS
    )
