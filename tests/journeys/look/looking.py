"""Open a page as a person would, and everything that can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.look import Read, findings


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


def everything_wrong(page: Any) -> list[str]:
    """Return what is wrong with the page: a phone in the light, a desk in the dark."""
    wrong = []
    for width, scheme, only in ((360, "light", None), (1280, "dark", ["color-contrast"])):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme)
        wrong += [f"{width} {scheme} {line}" for line in findings(page, only=only)]
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
