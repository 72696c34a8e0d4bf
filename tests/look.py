"""Reading pages: what a validator would say of one, and what axe finds in a browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VOID = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
        *("track", "wbr", "path", "circle", "ellipse", "rect", "line", "polyline", "polygon"),
    )
)
CONTROLS = frozenset({"input", "select", "textarea"})


def findings(page: Any, *, only: list[str] | None = None) -> list[str]:
    """Return what axe finds on the page, one line a place."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text("utf-8"))
    rules = {"type": "rule", "values": only} if only else {"type": "tag", "values": RULES}
    # Style sheets are not fetched again (one rule, about orientation locks, would want them).
    options = {"runOnly": rules, "resultTypes": ["violations"], "preload": False, "iframes": False}
    if not only:
        # WCAG 2.2's only rule, 24 px for what is touched, is off unless it is asked for by name.
        options["rules"] = {"target-size": {"enabled": True}}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@dataclass
class Read(HTMLParser):
    """What a page is made of, and what is wrong with it."""

    text: str = ""
    lang: str = ""
    titles: int = 0
    headings: int = 0
    mains: int = 0
    ids: list[str] = field(default_factory=list)
    labelled: set[str] = field(default_factory=set)
    controls: list[dict[str, str]] = field(default_factory=list)
    references: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    # How deep the outermost element lies that is not shown; 0 outside of one.
    hidden: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        self.faults += [f"<{tag}> is never closed" for tag in self.open]
        twice = {each for each in self.ids if self.ids.count(each) > 1}
        self.faults += [f"id {each} stands twice" for each in sorted(twice)]
        self.faults += [f"no id {each}" for each in sorted(self.references - set(self.ids))]
        for control in self.controls:
            named = control.get("id") in self.labelled or "aria-label" in control
            if not (named or "inside a label" in control):
                self.faults.append(f"no label for {control}")
        if self.headings != 1:
            self.faults.append(f"{self.headings} h1")
        if self.titles != 1 or self.mains != 1 or self.lang not in ("zh-CN", "en"):
            self.faults.append(f"title {self.titles}, main {self.mains}, lang {self.lang!r}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        found = {name: value or "" for name, value in attrs}
        if len(found) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)
            if "hidden" in found and not self.hidden:
                self.hidden = len(self.open)
        self.titles += tag == "title"
        # A page that shows one part or the other has a heading for each.
        self.headings += tag == "h1" and not self.hidden
        self.mains += tag == "main"
        self.lang = found.get("lang", "") if tag == "html" else self.lang
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "label" and "for" in found:
            self.labelled.add(found["for"])
        if tag in CONTROLS and found.get("type") not in ("hidden", "submit"):
            self.controls.append(found | ({"inside a label": ""} if "label" in self.open else {}))
        for name in ("aria-describedby", "aria-labelledby", "aria-controls"):
            self.references |= set(found.get(name, "").split())
        if tag == "style" or "style" in found or any(name.startswith("on") for name in found):
            self.faults.append(f"style or handler in <{tag}>")
        if tag == "script" and "src" not in found and found.get("type") != "application/json":
            self.faults.append("a script stands in the page")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element of a drawing that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost open element, which must be this one."""
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")
        if len(self.open) < self.hidden:
            self.hidden = 0
