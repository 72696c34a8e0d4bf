"""No template may carry a style, a script or a handler of its own, nor unescape anything."""

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


def test_no_template_carries_style_script_or_unescaped_words() -> None:
    """C-09, STYLE 12: what the policy of contents refuses is not even tried."""
    found = [
        f"{path.relative_to(TEMPLATES)}: {what}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        for what, pattern in FORBIDDEN.items()
        if pattern.search(path.read_text("utf-8"))
    ]
    assert found == []


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
