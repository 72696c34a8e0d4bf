"""Without a mouse: every control is reached in order, seen while it has the focus, and works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.enrolment import World, picture
from tests.journeys.look.looking import opened

FOCUS = """() => {
  const each = document.activeElement, box = each.getBoundingClientRect();
  const line = getComputedStyle(each);
  return {
    name: each.id || each.innerText || each.name,
    seen: parseFloat(line.outlineWidth) >= 2 && line.outlineStyle !== "none",
    inside: box.bottom > 0 && box.top < innerHeight && box.width > 0,
  };
}"""


def reach(page: Any, wanted: str) -> list[str]:
    """Press Tab until *wanted* (an id or its words) has the focus; return what is wrong."""
    wrong = []
    for _step in range(40):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUS)
        if not (found["seen"] and found["inside"]):
            wrong.append(f"focus is not seen on {found['name']}")
        if wanted in found["name"]:
            return wrong
    return [*wrong, f"{wanted} is never reached"]


def test_a_call_is_asked_for_without_a_mouse(browser: Any, served: str, world: World) -> None:
    """UX: keyboard alone, visible focus, a skip link that comes first."""
    with opened(browser, served) as (page, complaints):
        page.goto("/leads/new")
        wrong = reach(page, "跳到正文")
        page.keyboard.press("Enter")
        wrong += reach(page, "name")
        page.keyboard.type("王女士")
        wrong += reach(page, "phone")
        page.keyboard.type("13800138000")
        wrong += reach(page, "consent")
        page.keyboard.press("Space")
        wrong += reach(page, "请给我回电")
        page.keyboard.press("Enter")
        page.wait_for_url("**/leads/thanks")
        assert wrong + complaints == []


def test_a_picture_is_handed_in_without_a_mouse(
    browser: Any, served: str, world: World, tmp_path: Path
) -> None:
    """UX: the file is chosen, turned and sealed from the keyboard."""
    who = world.person()
    registration = who.ready(world.event().slug)
    (tmp_path / "card.jpg").write_bytes(picture())
    with opened(browser, served, who.token) as (page, complaints):
        # Listened for from the start: the browser takes a moment to hand its chooser over, and
        # a key pressed within it opens the real chooser, which closes at once without a screen.
        page.on("filechooser", lambda _chooser: None)
        page.goto(f"/registrations/{registration}/documents/id_card_front")
        wrong = reach(page, "file")
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(tmp_path / "card.jpg")
        page.get_by_text("1600×1000").wait_for()
        wrong += reach(page, "向右转")
        page.keyboard.press("Enter")
        wrong += reach(page, "上传并封存")
        page.keyboard.press("Enter")
        page.wait_for_selector(".timeline")
        assert wrong + complaints == []


def test_what_is_touched_is_large_enough(browser: Any, served: str, world: World) -> None:
    """UX: targets of 44 px, but for links within a sentence."""
    who = world.person()
    registration, document = who.submitted(world.event().slug)
    small = """() => [...document.querySelectorAll("a[href], button, select, input, summary")]
      .filter((each) => each.offsetParent && !each.closest(".visually-hidden, .skip"))
      .map((each) => each.matches("[type=checkbox], [type=radio]") ? each.closest("label") : each)
      .filter((each) => !(getComputedStyle(each).display === "inline" &&
                          each.closest("p, li, dd, h1, h2, h3, td, th, label")))
      .filter((each) => each.getBoundingClientRect().height < 43.5)
      .map((each) => each.outerHTML.slice(0, 80))"""
    with opened(browser, served, who.token) as (page, _complaints):
        wrong = []
        for path in ("/", "/events", f"/registrations/{registration}", f"/documents/{document}",
                     "/me/notices", "/account/sessions", "/students"):  # fmt: skip
            page.goto(path)
            wrong += [f"{path}: {line}" for line in page.evaluate(small)]
        assert wrong == []
