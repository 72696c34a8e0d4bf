"""Every wording has its English, with the same values in it (UX: zh-CN and English complete)."""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
VALUES = re.compile(r"%\(\w+\)[sd]")


def wordings() -> set[str]:
    """Return every wording in code and templates."""
    with (ROOT / "translations" / "babel.cfg").open() as mapping:
        methods, options = parse_mapping_cfg(mapping)
    keywords = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None}
    found = set()
    for folder in ("site", "templates", "uploads_worker"):
        rooted = [(pattern.removeprefix(f"{folder}/"), how) for pattern, how in methods]
        for _file, _line, message, _comments, _context in extract_from_dir(
            ROOT / folder, rooted, options, keywords
        ):
            found.add(message if isinstance(message, str) else message[0])
    return found


def test_every_wording_has_its_english() -> None:
    with (ROOT / "translations" / "en" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale="en")
    wanting = []
    for wording in sorted(wordings()):
        entry = catalogue.get(wording)
        english = entry.string if entry else ""
        same = isinstance(english, str) and sorted(VALUES.findall(english)) == sorted(
            VALUES.findall(wording)
        )
        if not english or not same:
            wanting.append(wording)
    assert wanting == [], "./dev words, then fill in what is empty"
