"""Open a page as a person would, and everything that can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from heyan.access import requirement_of
from tests import access
from tests.access import Universe
from tests.look import Read, findings

# Who looks, in the order in which pages are taken: each kind of page is looked at once.
LOOKERS = {
    "staff": ("service", "administrator", "privacy_officer", "operations", "auditor"),
    "organizer": ("owner_x",),
    "account": ("student_a",),
}
DOORS = {"staff": ("/staff",), "organizer": ("/organizer",), "account": ("/me", "/account")}


def addresses(universe: Universe, who: str, side: str) -> Iterator[tuple[str, str]]:
    """Yield (endpoint, address) of what *who* may read on a *side* of the site."""
    for rule in universe.world.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not str(rule).startswith(DOORS[side]):
            continue
        requirement = requirement_of(universe.world.app.view_functions[rule.endpoint])
        needed = requirement.permission if requirement else None
        if needed is not None and universe.may(who, needed):
            yield rule.endpoint, access.address(universe, rule)


def is_page(page: Any, path: str) -> bool:
    """Tell whether *path* answers with a page and not with a file or elsewhere."""
    answer = page.context.request.get(path, max_redirects=0)
    kind = answer.headers.get("content-type", "")
    return answer.status == 200 and kind.startswith("text/html")


@contextmanager
def opened(
    browser: Any, address: str, token: str = "", *, language: str = "zh"
) -> Iterator[tuple[Any, list[str]]]:
    """Open a browser window of a phone's width; yield its page and what it complained of."""
    context = browser.new_context(
        base_url=address, locale="zh-CN", viewport={"width": 360, "height": 740}
    )
    if token:
        context.add_cookies([{"name": "heyan_session", "value": token, "url": address}])
    if language == "en":
        context.add_cookies([{"name": "heyan_lang", "value": "en", "url": address}])
    page = context.new_page()
    complaints: list[str] = []
    host = urlsplit(address).netloc

    def asked(request: Any) -> None:
        if urlsplit(request.url).scheme.startswith("http") and host not in request.url:
            complaints.append(f"asked {request.url}")

    def said(message: Any) -> None:
        # A page that is shown with status 404 or 422 on purpose is no complaint.
        if message.type == "error" and "status of 4" not in message.text:
            complaints.append(message.text)

    page.on("request", asked)
    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page, complaints
    context.close()


# Words that end where their box is cut off, or stand outside of what the screen shows, unless
# the box can be scrolled.
CUT = """() => {
  const wrong = new Set();
  for (const each of document.querySelectorAll("body *")) {
    if (!each.checkVisibility()) continue;
    if (each.closest(".visually-hidden, .skip, svg, select, thead")) continue;
    if (![...each.childNodes].some((part) => part.nodeType === 3 && part.data.trim())) continue;
    const box = each.getBoundingClientRect(), style = getComputedStyle(each);
    const scrolls = each.closest(".table-wrap, pre, textarea, .desk-stage");
    const wide = style.display !== "inline" && each.scrollWidth > each.clientWidth + 2;
    if (!scrolls && (wide || box.right > innerWidth + 1 || box.left < -1)) {
      wrong.add("cut off: " + each.outerHTML.slice(0, 100));
    }
  }
  return [...wrong];
}"""


def everything_wrong(page: Any) -> list[str]:
    """Return what is wrong with the page: a phone in the light, a desk in the dark."""
    wrong = []
    for width, scheme, only in ((360, "light", None), (1280, "dark", ["color-contrast"])):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme)
        wrong += [f"{width} {scheme} {line}" for line in findings(page, only=only)]
        wrong += [f"{width} {scheme} {line}" for line in page.evaluate(CUT)]
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if over > 0:
            wrong.append(f"{width} {scheme} {over} px wider than the screen")
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="light")
    return wrong


def check(page: Any, path: str) -> list[str]:
    """Open *path* and return everything wrong with it."""
    return checked(page, path, page.goto(path))


def checked(page: Any, path: str, answer: Any) -> list[str]:
    """Return everything wrong with the page that is open."""
    wrong = Read(answer.text()).faults + everything_wrong(page)
    return [f"{path}: {line}" for line in wrong]
