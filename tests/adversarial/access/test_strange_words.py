"""Strange words in every address, query, form and body: answered, never with a fault of ours."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.access import ROLES, Universe, address, needed

NAUGHTY = (
    "a\0b",
    "'\"--; DROP TABLE events; {{7*7}}<script>alert(1)</script>",
    "=cmd|' /C calc'!A0\r\nSet-Cookie: a=b",
    "\u202e\u2066右\u200f\ufffe😀",
    "长" * 4096,
    "9" * 40,
    "-1e309",
    "²",
    "9999-12-31T23:59",
    "//[é.é.é",
)
ONE_BY_ONE = ("a\0b", "9" * 40)
# What a form cannot carry as text: not UTF-8, halves of a pair, a NUL in a name.
RAW_BODIES = (
    b"csrf_token=%ff&a=%ED%A0%80",
    b"\xff\xfe\x00=\x00&&&===",
    b"=" * 3000,
    b"null",
    b"[" * 5000,
    b'{"rows":[{"document_id":1,"sha256":"\\ud800"}],"dropped":{}}',
    b"--x\r\n\r\n--x--",
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xff"\r\n\r\na\r\n--x--',
)
QUERIES = ("q", "page", "after", "before", "next", "event", "state", "status", "kind", "actor",
           "from", "to", "lang", "outcome", "action", "subject", "day", "base", "confirm",
           "organization", "expected", "code", "old", "new", "since", "until")  # fmt: skip
# Doing these for real would end the walk.
LEFT = re.compile(
    r"/account/(logout|sessions|password|authenticator|recovery)|end-sessions|disable"
)


class Forms(HTMLParser):
    """The forms of a page: address and fields."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = dict(attrs)
        if tag == "form":
            self.found.append((have.get("action") or "", (have.get("method") or "get").lower(), {}))
        elif tag in ("input", "select", "textarea", "button") and have.get("name") and self.found:
            self.found[-1][2][str(have["name"])] = have.get("value") or ""


def forms_of(page: str, at: str) -> list[tuple[str, str, dict[str, str]]]:
    """Every form of *page*, with its address made whole."""
    parser = Forms()
    parser.feed(page)
    return [(action or at, method, fields) for action, method, fields in parser.found]


def walk(universe: Universe, who: str) -> list[tuple[Any, str]]:
    """Every address this person may open."""
    found = []
    for rule in universe.world.app.url_map.iter_rules():
        if rule.endpoint == "static" or "GET" not in (rule.methods or ()):
            continue
        permission = needed(universe, rule)
        if permission is None or (who != "nobody" and universe.may(who, permission)):
            found.append((rule, address(universe, rule)))
    return found


WHO = ("nobody", "student_a", "owner_x", "service", "operations", "administrator")


@pytest.mark.parametrize("who", WHO)
def test_no_strange_query_is_a_fault(universe: Universe, who: str) -> None:
    """SECURITY 36, 38, C-59, C-68."""
    assert who in ROLES
    client, wrong = universe.clients[who], []
    for rule, path in walk(universe, who):
        for word in NAUGHTY[:: 1 if path.count("/") < 3 else 5]:
            sent = client.get(path.partition("?")[0], query_string=dict.fromkeys(QUERIES, word))
            if sent.status_code >= 500 and rule.endpoint != "shell.readyz":
                wrong.append(f"{rule.endpoint} {word[:12]!r}: {sent.status_code}")
            if "\nSet-Cookie: a" in str(sent.headers) or "evil" in sent.headers.get("Location", ""):
                wrong.append(f"{rule.endpoint} {word[:12]!r}: {sent.headers}")
        for raw in ("%ff%fe=%ff", "event=%ed%a0%80", "&".join(["a=1"] * 3000)):
            sent = client.get(path.partition("?")[0] + "?" + raw)
            if sent.status_code >= 500 and rule.endpoint != "shell.readyz":
                wrong.append(f"{rule.endpoint} {raw[:12]!r}: {sent.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("who", WHO)
def test_no_strange_field_is_a_fault(universe: Universe, who: str) -> None:
    """SECURITY 29, 37, 38, C-55, C-59: every form of every page, all fields and one by one."""
    client, wrong, seen = universe.clients[who], [], set()
    token = universe.token(who)
    for _rule, path in walk(universe, who):
        shown = client.get(path)
        if shown.mimetype != "text/html":
            continue
        for action, method, fields in forms_of(shown.text, path):
            key = (action.partition("?")[0], tuple(sorted(fields)))
            if key in seen or LEFT.search(action) or action == "/language":
                continue
            seen.add(key)
            names = [name for name in fields if name != "csrf_token"]
            token = fields.get("csrf_token", token)
            for word in NAUGHTY:
                tries = [dict.fromkeys(names, word)]
                if word in ONE_BY_ONE:
                    tries += [{**fields, name: word} for name in names[:14]]
                for each in tries:
                    each["csrf_token"] = token
                    if method == "get":
                        sent = client.get(action.partition("?")[0], query_string=each)
                    else:
                        sent = client.post(action, data=each)
                    if sent.status_code >= 500:
                        odd = [name for name in each if each[name] == word]
                        wrong.append(f"{action} {word[:12]!r} {odd[:3]}: {sent.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("who", WHO)
def test_no_strange_body_is_a_fault(universe: Universe, who: str) -> None:
    """SECURITY 5, 32, 36: bodies that no form sends, under types that do not fit."""
    client, wrong = universe.clients[who], []
    token = universe.token(who)
    types = (
        "application/x-www-form-urlencoded",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
    )
    for rule in universe.world.app.url_map.iter_rules():
        if rule.endpoint == "static" or "POST" not in (rule.methods or ()):
            continue
        path = address(universe, rule)
        permission = needed(universe, rule)
        if permission is not None and (who == "nobody" or not universe.may(who, permission)):
            continue
        if LEFT.search(path):
            continue
        for kind in types:
            for body in RAW_BODIES:
                heads = {"X-CSRF-Token": token}
                sent = client.post(path, data=body, content_type=kind, headers=heads)
                if sent.status_code >= 500:
                    wrong.append(f"{rule.endpoint} {kind} {body[:30]!r}: {sent.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "path",
    [
        "/events/%00",
        "/events/%ff",
        "/events/%ed%a0%80",
        "/privacy/versions/privacy/%00",
        "/privacy/versions/%00/1.0",
        "/registrations/00000000-0000-0000-0000-00000000000g",
        "/static/%00",
        "/static/..%2f..%2fwsgi.py",
        "/" + "%41" * 3000,
    ],
)
def test_no_strange_path_is_a_fault(universe: Universe, path: str) -> None:
    """SECURITY 36, 40: a page that says what is wrong, with a number."""
    sent = universe.clients["nobody"].get(path)
    assert sent.status_code in (400, 404)
    assert "Traceback" not in sent.text
