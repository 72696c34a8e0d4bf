"""The forms of pages, as a browser would send them: what scanners and walks fill in."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser

from heyan import clock
from tests.access import Universe, address, needed

# What is filled into a field of words, and into one with several lines.
TYPED = ("说明", "说明在此")


class Forms(HTMLParser):
    """The forms of a page: address, method, fields with their values.

    With *fill* every field gets something that a person might type or choose.
    """

    def __init__(self, at: str, *, fill: bool = False) -> None:
        super().__init__()
        self.at, self.fill = at, fill
        self.found: list[tuple[str, str, dict[str, str]]] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        name = have.get("name", "")
        if tag == "form":
            action = (have.get("action") or self.at).partition("#")[0]
            self.found.append((action, have.get("method", "get").upper(), {}))
        elif tag == "option" and self._select and self.fill and have.get("value"):
            if not self.found[-1][2][self._select]:
                self.found[-1][2][self._select] = have["value"]
        elif tag in {"input", "select", "textarea"} and name and self.found:
            fields = self.found[-1][2]
            self._select = name if tag == "select" else ""
            value = have.get("value", "")
            if self.fill and not value and tag != "select":
                value = _typed(tag, have.get("type", "text"))
            if not (self.fill and have.get("type") == "radio" and fields.get(name)):
                fields[name] = value


def _typed(tag: str, kind: str) -> str:
    day = clock.local(clock.now()) + timedelta(days=40)
    known = {
        "date": f"{day:%Y-%m-%d}",
        "datetime-local": f"{day:%Y-%m-%dT%H:%M}",
        "number": "1",
        "tel": "13800138000",
        "email": "someone@example.cn",
        "checkbox": "y",
    }
    return TYPED[1] if tag == "textarea" else known.get(kind, TYPED[0])


def forms(
    universe: Universe, who: str, *, fill: bool = False
) -> list[tuple[str, str, dict[str, str]]]:
    """Every form on every page that this person may open, each once."""
    found: dict[tuple[str, tuple[str, ...]], tuple[str, str, dict[str, str]]] = {}
    for rule in universe.world.app.url_map.iter_rules():
        if rule.endpoint == "static" or "GET" not in (rule.methods or ()):
            continue
        permission = needed(universe, rule)
        if permission is not None and (who == "nobody" or not universe.may(who, permission)):
            continue
        page = address(universe, rule)
        shown = universe.send(who, "GET", page)
        if shown.mimetype == "text/html" and shown.status_code == 200:
            reader = Forms(page, fill=fill)
            reader.feed(shown.text)
            for action, method, fields in reader.found:
                found.setdefault((action, tuple(fields)), (action, method, fields))
    return list(found.values())
