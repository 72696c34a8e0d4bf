"""No template may carry style, script or handlers, unescape anything, or speak Chinese alone."""

from __future__ import annotations

import re
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
FORBIDDEN = {
    "an inline style": re.compile(r"\sstyle\s*=|<style\b"),
    "a handler": re.compile(r"\son[a-z]+\s*="),
    "a script in the page": re.compile(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))"),
    "an address that runs": re.compile(r"javascript:", re.IGNORECASE),
    "unescaped words": re.compile(r"\|\s*safe\b|autoescape\s+false|Markup\("),
}
# What `_()` is given; what comes before its placeholders' values.
SAID = re.compile(r"""\b_\(\s*(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
# Words and marks of Chinese, punctuation included.
CHINESE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]+")
# The seal in the corner of each page, and the switch to Chinese, which says so in Chinese.
BOTH = {"核", "中文"}


def test_no_template_carries_style_script_or_unescaped_words() -> None:
    """C-09, STYLE 12: what the policy of contents refuses is not even tried."""
    found = [
        f"{path.relative_to(TEMPLATES)}: {what}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        for what, pattern in FORBIDDEN.items()
        if pattern.search(path.read_text("utf-8"))
    ]
    assert found == []


def test_every_word_of_a_template_can_be_said_in_english() -> None:
    """UX "Must hold": zh-CN and English complete; a comma outside of _() stays Chinese."""
    left = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        words = COMMENT.sub("", path.read_text("utf-8"))
        left += [
            f"{path.relative_to(TEMPLATES)}: {found}"
            for found in CHINESE.findall(SAID.sub("", words))
            if found not in BOTH
        ]
    assert left == []


def test_every_form_that_changes_something_carries_a_token() -> None:
    """C-47: a form that posts holds the token in its own lines."""
    naked = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        for form in re.findall(
            r"<form[^>]*method=\"post\".*?</form>", path.read_text("utf-8"), re.DOTALL
        ):
            if "csrf" not in form:
                naked.append(f"{path.relative_to(TEMPLATES)}: {form[:80]}")
    assert naked == []
