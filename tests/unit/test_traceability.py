"""Every number that has to be shown is named by a test, and the page of tests says so."""

from __future__ import annotations

from tests import trace


def test_every_number_has_a_test() -> None:
    assert [number for number, tests in trace.shown().items() if not tests] == []


def test_the_page_says_what_the_tests_say() -> None:
    """Renew it with ``python -m tests.trace > docs/tests.md``."""
    assert trace.page() == (trace.ROOT / "docs/tests.md").read_text("utf-8")


def test_citations_are_read_with_their_ranges() -> None:
    """Ranges and lists count whole; sections of other papers are no numbers."""
    assert trace.cited(
        "C-01 to C-03, SECURITY 9, 12 and 14 to 16; L2, L-03, S-004, CONTROLS 5"
    ) == {
        *("C-01", "C-02", "C-03", "L2", "L-03", "S-004"),
        *(f"SECURITY {number}" for number in (9, 12, 14, 15, 16)),
    }
