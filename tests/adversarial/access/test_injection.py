"""What scanners send into every field of every form: nothing is evaluated, nothing waits."""

from __future__ import annotations

import re
import time

import pytest

from tests import access
from tests.access import Universe
from tests.accounts import some_address
from tests.enrolment import World
from tests.forms import forms

# Each asks an engine to compute, to wait or to add a head; 7 * 7191 would show as 50337.
WORDS = (
    "{{7*7191}}${7*7191}#{7*7191}<%= 7*7191 %>{% print 7*7191 %}",
    "1' OR '1'='1' UNION SELECT 7*7191::text; SELECT pg_sleep(12)--",
    "1);SELECT pg_sleep(12);--",
    "a\r\nX-Planted: yes\r\n\r\n<html>",
)
COMPUTED, LONGEST = "50337", 8.0
FAULTS = re.compile(r"(?i)syntax error|psycopg|sqlalchemy|jinja2|traceback|undefinederror")
# Doing these for real would end the walk.
LEFT = re.compile(r"logout|sessions|password|authenticator|recovery|disable|language|close|reject")
WHO = ("nobody", "student_a", "owner_x", "service", "operations", "administrator")


@pytest.fixture(scope="module")
def universe(world: World) -> Universe:
    """People and things of this module's own: what is sent here may change them."""
    return access.build(world)


@pytest.mark.parametrize("who", WHO)
def test_no_field_reaches_an_engine(universe: Universe, who: str) -> None:
    """SECURITY 38, C-59: SQL, templates and heads, in each field by itself, other fields sound."""
    wrong, tried = [], 0
    client = universe.clients[who]
    for action, method, fields in forms(universe, who):
        if LEFT.search(action):
            continue
        for name in [one for one in fields if one != "csrf_token"]:
            for word in WORDS:
                sent = {**fields, name: word}
                source = {"REMOTE_ADDR": some_address()}  # No limit by source hides a field.
                began = time.monotonic()
                if method == "POST":
                    answer = client.post(action, data=sent, environ_base=source)
                else:
                    path = action.partition("?")[0]
                    answer = client.get(path, query_string=sent, environ_base=source)
                tried += 1
                faults = {
                    "a fault": answer.status_code >= 500,
                    "computed": COMPUTED in answer.text,
                    "waited": time.monotonic() - began > LONGEST,
                    "a planted head": "X-Planted" in answer.headers,
                    "an engine's words": bool(FAULTS.search(answer.text)),
                }
                said = [fault for fault, there in faults.items() if there]
                if said:
                    wrong.append(f"{who} {method} {action} {name}={word[:20]!r}: {said}")
    assert tried
    assert not wrong, "\n".join(wrong)
