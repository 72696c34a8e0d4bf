"""Each form behind a sign-in, sent with something missing: what is wrong is said beside the field.

UX "Conventions": an error summary on top, linked to the fields; nothing that was typed is lost.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.access import Universe
from tests.journeys.look.looking import LOOKERS, addresses, everything_wrong, is_page, opened

TYPED = ":is(input:is([type=text], [type=tel], [type=email], :not([type])), textarea)"
# Types into each field of the form but the first that is not left to choice, which is emptied;
# returns what was typed.
FILL = """(form, typed) => {
  const fields = [...form.querySelectorAll(typed)].filter((each) => each.offsetParent);
  const needed = fields.find((each) => !/选填|optional/.test(each.closest(".field").innerText));
  const said = {};
  for (const each of fields) {
    each.value = each === needed ? "" : "写在这里的话";
    if (each !== needed && each.name) said[each.name] = each.value;
  }
  return said;
}"""
KEPT = """(form, typed) => Object.fromEntries(
  [...form.querySelectorAll(typed)].map((each) => [each.name, each.value]))"""
# What a summary's links lead to, each with whether it says that it is wrong, and why.
TOLD = """() => [...document.querySelectorAll(".error-summary a")].map((link) => {
  const field = document.querySelector(link.hash);
  if (!field) return link.hash + " is nowhere";
  const box = field.closest("fieldset") || field;
  const said = (box.getAttribute("aria-describedby") || "").split(" ")
    .map((id) => document.getElementById(id)).filter((each) => each?.matches(".error"));
  if (!said.length) return link.hash + " is not described by its error";
  return box === field && field.getAttribute("aria-invalid") !== "true"
    ? link.hash + " is not said to be invalid" : "";
}).filter(Boolean)"""


def forms(page: Any) -> list[int]:
    """Return which forms post words that a person types, but for those that a device answers."""
    return list(
        page.evaluate(
            "typed => [...document.querySelectorAll('main form')].map((form, at) =>"
            " form.method === 'post' && form.offsetParent && !form.matches('[data-passkey]')"
            " && form.querySelector(typed) ? at : -1)"
            ".filter((at) => at >= 0)",
            TYPED,
        )
    )


def sent(page: Any, path: str, at: int) -> list[str] | None:
    """Send form *at* with a field missing; return what is wrong, None when it is taken."""
    page.goto(path)
    form = page.locator("main form").nth(at)
    said = form.evaluate(FILL, TYPED)
    with page.expect_navigation() as gone:
        form.evaluate("form => { form.noValidate = true; form.requestSubmit() }")
    if gone.value.status != 422:
        return None
    wrong = list(page.evaluate(TOLD))
    if page.evaluate("document.activeElement.className") != "error-summary":
        wrong.append("the summary has no focus")
    kept: dict[str, str] = {}
    for each in page.locator("main form").all():
        kept |= each.evaluate(KEPT, TYPED)
    wrong += [f"{name} is lost" for name, words in said.items() if kept.get(name) != words]
    return [f"{path}: {line}" for line in wrong + everything_wrong(page)]


@pytest.mark.parametrize("side", list(LOOKERS))
def test_every_form_says_what_is_wrong_and_keeps_what_was_typed(
    browser: Any, served: str, universe: Universe, side: str
) -> None:
    """UX, WCAG 3.3.1: the summary has the focus, leads to fields that say so, nothing is lost."""
    seen: set[str] = set()
    wrong: list[str] = []
    tried = 0
    for who in LOOKERS[side]:
        cookie = universe.clients[who].get_cookie("heyan_session")
        assert cookie
        with opened(browser, served, cookie.value) as (page, complaints):
            for endpoint, path in addresses(universe, who, side):
                if endpoint in seen or not is_page(page, path):
                    continue
                seen.add(endpoint)
                page.goto(path)
                for at in forms(page):
                    found = sent(page, path, at)
                    tried += found is not None
                    wrong += found or []
            wrong += complaints
    assert wrong == []
    assert tried >= {"staff": 20, "organizer": 3, "account": 3}[side]
