"""Every page of visitors and students for everyone: WCAG 2.2 AA, small screens, both schemes.

C-56 and SECURITY (no third party, nothing the policy of contents refuses), UX "Must hold".
"""

from __future__ import annotations

from typing import Any

import pytest

from heyan.events.models import DocumentKind
from tests.enrolment import Person, World, picture
from tests.journeys.look.looking import check, everything_wrong, opened

PUBLIC = (
    "/",
    "/events",
    "/leads/new",
    "/contact",
    "/privacy",
    "/privacy/cookies",
    "/privacy/custody",
    "/account/login",
    "/account/register",
    "/nothing-here",
)
CARD = (DocumentKind.ID_CARD_FRONT, DocumentKind.ID_CARD_BACK)


@pytest.fixture(scope="module")
def somebody(world: World) -> dict[str, Any]:
    """A student midway through one enrolment and done with another, and their pages."""
    who: Person = world.person()
    event = world.event(kinds=CARD, optional=(DocumentKind.STUDENT_CARD,))
    older, child = who.student(), who.student("阿依古丽·买买提", "2018-05-06")
    first, second = who.start(event.slug, older), who.start(event.slug, child)
    who.answer(first), who.answer(second)
    who.agree(first)
    who.number(first)
    sent = who.upload(first, picture())
    who.upload(first, picture(), "id_card_back")
    done, document = who.submitted(world.event().slug, name="李知行")
    own = f"/registrations/{first}"
    return {
        "token": who.token,
        "event": f"/events/{event.slug}",
        "pages": [
            *("/students", "/students/new", f"/students/{older}/unbind", "/registrations"),
            *(f"/registrations/new?event={event.slug}", f"/registrations/{second}/guardian"),
            *(f"{own}/{step}" for step in ("fields", "consents", "identity", "check", "withdraw")),
            *(f"{own}/documents", f"{own}/documents/id_card_front", sent.headers["Location"]),
            *(f"/registrations/{done}", f"/documents/{document}", "/me/notices"),
            *("/account/sessions", "/account/password"),
        ],
        "forms": [
            "/students/new",
            f"/registrations/{second}/guardian",
            f"{own}/fields",
            f"{own}/consents",
            f"{own}/identity",
        ],
    }


def test_every_public_page_is_for_everyone(
    browser: Any, served: str, somebody: dict[str, Any]
) -> None:
    """C-56, UX: axe finds nothing, nothing scrolls sideways, nothing comes from elsewhere."""
    with opened(browser, served) as (page, complaints):
        wrong = [line for path in (*PUBLIC, somebody["event"]) for line in check(page, path)]
        assert wrong + complaints == []


def test_the_doors_stand_in_english_too(browser: Any, served: str) -> None:
    """UX: zh-CN and English complete; longer words stay on a phone's screen."""
    with opened(browser, served, language="en") as (page, complaints):
        wrong = [line for path in PUBLIC[:6] for line in check(page, path)]
        assert page.get_attribute("html", "lang") == "en"
        assert wrong + complaints == []


def test_every_page_of_a_student_is_for_everyone(
    browser: Any, served: str, somebody: dict[str, Any]
) -> None:
    """The way from the student's profile to the custody page, as delivered and as shown."""
    with opened(browser, served, somebody["token"]) as (page, complaints):
        wrong = [line for path in somebody["pages"] for line in check(page, path)]
        assert wrong + complaints == []


def test_forms_that_come_back_with_errors_are_for_everyone(
    browser: Any, served: str, somebody: dict[str, Any]
) -> None:
    """The summary takes the focus and leads to the fields that are wrong."""
    wrong: list[str] = []
    with opened(browser, served, somebody["token"]) as (page, complaints):
        for path in somebody["forms"]:
            page.goto(path)
            for box in page.locator("main input:is([type=text], [type=tel], [type=date])").all():
                box.fill("")
            page.evaluate(
                "for (const each of document.querySelectorAll('main button')) each.disabled = false"
            )
            page.locator("main form button[type=submit]").first.evaluate("each => each.click()")
            page.wait_for_selector(".error-summary")
            assert page.evaluate("document.activeElement.className") == "error-summary", path
            for link in page.locator(".error-summary a").all():
                assert page.locator(str(link.get_attribute("href"))).count() == 1, path
            wrong += [f"{path} with errors: {line}" for line in everything_wrong(page)]
        assert wrong + complaints == []


def test_text_at_twice_the_size_stays_on_the_screen(
    browser: Any, served: str, somebody: dict[str, Any]
) -> None:
    """WCAG 1.4.4 and 1.4.10: at 1280 px and 200 % nothing has to be scrolled sideways."""
    with opened(browser, served, somebody["token"]) as (page, _complaints):
        page.set_viewport_size({"width": 640, "height": 740})
        for path in ("/", *somebody["pages"][:16]):
            page.goto(path)
            page.evaluate("document.documentElement.classList.add('twice')")
            over = page.evaluate(
                "() => { const sheet = new CSSStyleSheet();"
                " sheet.replaceSync('html.twice { font-size: 200% }');"
                " document.adoptedStyleSheets = [sheet];"
                " return document.documentElement.scrollWidth - window.innerWidth }"
            )
            assert over <= 0, path


def test_a_public_page_is_light(browser: Any, served: str) -> None:
    """UX: the first view stays under 60 KB, everything counted."""
    with opened(browser, served) as (page, _complaints):
        sizes: list[int] = []
        page.on("response", lambda answer: sizes.append(len(answer.body())))
        page.goto("/", wait_until="networkidle")
        assert sum(sizes) < 60_000


def test_a_consent_that_is_not_ticked_keeps_the_button_dead(browser: Any, served: str) -> None:
    """REQUIREMENTS A1: never ticked beforehand; the button is dead without it."""
    with opened(browser, served) as (page, _complaints):
        page.goto("/account/register")
        box, button = page.locator("#consent"), page.locator("main form button[type=submit]").first
        assert not box.is_checked()
        assert button.is_disabled()
        box.check()
        assert button.is_enabled()
        box.uncheck()
        assert button.is_disabled()


def test_a_picture_is_seen_turned_and_sent_without_choosing_it_again(
    browser: Any, served: str, world: World
) -> None:
    """UX "Upload": preview, local check, retry after a lost connection; then the custody page."""
    who = world.person()
    registration = who.ready(world.event().slug)
    with opened(browser, served, who.token) as (page, _complaints):
        page.goto(f"/registrations/{registration}/documents/id_card_front")
        page.set_input_files(
            "#file",
            {"name": "card.jpg", "mimeType": "image/jpeg", "buffer": picture(4200, 2800)},
        )
        page.get_by_text("4200×2800").wait_for()
        page.get_by_role("button", name="向右转").click()
        assert page.locator("canvas").get_attribute("aria-label") == "所选照片的预览，已转 90 度"
        page.get_by_role("button", name="向左转").click()
        page.context.set_offline(True)
        page.get_by_role("button", name="上传并封存").click()
        page.get_by_text("网络断了").wait_for()
        page.context.set_offline(False)
        page.get_by_role("button", name="再试一次").click()
        page.wait_for_url(lambda address: "/registrations/" not in address)
        assert "2800×1867" in page.inner_text(".timeline")


def test_a_wrong_digit_is_told_while_it_is_typed(
    browser: Any, served: str, somebody: dict[str, Any]
) -> None:
    """UX: length, date and check digit early; birthday and sex from a sound number."""
    path = next(each for each in somebody["pages"] if each.endswith("/identity"))
    with opened(browser, served, somebody["token"]) as (page, _complaints):
        page.goto(path)
        said = page.locator("[data-id-number]")
        for typed, words in (
            ("1101a", "第 5 位应是数字"),
            ("11010520081", "已填 11 位"),
            ("110105200813", "没有这个月"),
            ("11010520080230", "没有这一天"),
            ("110105200803040031", "校验码对不上"),
            ("110105200803040030", "2008年3月4日出生，男"),
        ):
            page.fill("#id_number", typed)
            assert words in said.inner_text()


def test_a_session_warns_before_it_ends_and_can_be_kept(
    browser: Any, served: str, somebody: dict[str, Any]
) -> None:
    """UX, WCAG 2.2.1: two minutes before, with a button that keeps it; then it goes on."""
    with opened(browser, served, somebody["token"]) as (page, _complaints):
        page.clock.install()
        page.goto("/students")
        warning = page.get_by_role("alertdialog")
        assert not warning.is_visible()
        page.clock.fast_forward("58:30")
        warning.wait_for()
        assert "退出登录" in warning.inner_text()
        page.get_by_role("button", name="继续使用").click()
        warning.wait_for(state="hidden")
        page.clock.fast_forward("50:00")
        assert not warning.is_visible()
