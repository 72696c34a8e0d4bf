"""Events for everyone: the list, one page, what is said about seats, and the way to register."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

from heyan.clock import now
from heyan.documents.kinds import WORDS
from heyan.events import service
from heyan.events.models import DocumentKind, EventKind, EventStatus
from heyan.events.service import When
from tests.accounts import Browser
from tests.enrolment import World, words_of


def test_an_event_page_says_what_is_needed_and_who_asks(world: World, browser: Browser) -> None:
    """C2, C1: dates, fee, place, documents with examples, the event's questions, the organizer."""
    event = world.event(
        kinds=(DocumentKind.ID_CARD_FRONT,),
        optional=(DocumentKind.STUDENT_CARD,),
        fee_fen=18050,
        place="北京市海淀区示例科技馆",
    )
    page = browser.get(f"/events/{event.slug}")
    assert page.status_code == 200
    text = words_of(page)
    for words in ("180.50 元", "北京市海淀区示例科技馆", "010-88880000", "可以不交", "还剩 4 天"):
        assert words in text
    assert str(WORDS[DocumentKind.STUDENT_CARD].label) in text
    assert "<svg" in page.text
    assert f'href="/registrations/new?event={event.slug}"' in page.text
    assert f'href="/leads/new?event={event.slug}"' in page.text


def test_signing_in_keeps_the_place(world: World, browser: Browser) -> None:
    """UX, C1: someone who is not signed in comes back to this registration."""
    event = world.event()
    sent = browser.get(f"/registrations/new?event={event.slug}")
    assert sent.status_code == 302
    assert sent.headers["Location"].startswith("/account/login?next=/registrations/new")


def test_seats_and_the_waiting_list_are_said_honestly(world: World, browser: Browser) -> None:
    """C-52: how many seats are left; a full event says so and what waiting means."""
    some = world.event(capacity=30, seats_taken=12)
    assert "30 个，还有 18 个" in words_of(browser.get(f"/events/{some.slug}"))
    full = world.event(capacity=30, seats_taken=30)
    page = words_of(browser.get(f"/events/{full.slug}"))
    assert "30 个，已满；0 人在候补" in page
    assert "报名并候补" in page


def test_before_and_after_its_window_an_event_offers_no_registration(
    world: World, browser: Browser
) -> None:
    """C1: the button is there only while it works."""
    moment = now()
    soon = world.event(opens_at=moment + timedelta(hours=2))
    over = world.event(closes_at=moment - timedelta(minutes=1))
    closed = world.event(status=EventStatus.CLOSED)
    keyless = world.event(with_key=False)
    for event in (soon, over, closed, keyless):
        page = browser.get(f"/events/{event.slug}")
        assert page.status_code == 200
        assert "/registrations/new" not in page.text
    assert "即将开放" in browser.get(f"/events/{keyless.slug}").text


def test_drafts_and_ended_events_are_not_there(world: World, browser: Browser) -> None:
    """C-46: what is not public is a 404, like what never was."""
    for status in (EventStatus.DRAFT, EventStatus.ENDED):
        event = world.event(status=status)
        assert browser.get(f"/events/{event.slug}").status_code == 404
        assert event.slug not in browser.get("/sitemap.xml").text
    assert browser.get("/events/none").status_code == 404


def test_the_list_is_found_by_kind_and_words(world: World, browser: Browser) -> None:
    """B1: filters, in both languages; odd characters are only characters."""
    mark = uuid.uuid4().hex[:8]
    exam = world.event(title=f"考试{mark}", title_en=f"Exam {mark}", kind=EventKind.EXAM)
    course = world.event(title=f"课程{mark}", kind=EventKind.COURSE)
    page = browser.get(f"/events?q={mark}&kind=exam").text
    assert exam.slug in page
    assert course.slug not in page
    english = browser.get(f"/events?q={mark}&lang=en").text
    assert f"Exam {mark}" in english
    assert "没有找到" in browser.get("/events?q=%25_%27%22%3Cscript%3E").text
    assert browser.get("/events?kind=nothing&after=made.up&when=never").status_code == 200


def test_pages_of_the_list_follow_each_other_without_gap(world: World) -> None:
    """Lists page by keyset: each event once, those that close first in front."""
    mark = uuid.uuid4().hex[:8]
    same = now() + timedelta(days=3)
    made = {world.event(title=f"翻页{mark}", closes_at=same).id for _number in range(5)}
    with world.session() as session:
        for when, expected in ((When.OPEN, made), (When.PAST, set())):
            seen, after = [], None
            while True:
                page = service.list_events(session, when=when, words=mark, after=after, limit=2)
                seen += [event.id for event in page.events]
                after = page.after
                if after is None:
                    break
            assert set(seen) == expected
            assert len(seen) == len(expected)


def test_the_site_map_names_public_pages_on_this_site_only(world: World, browser: Browser) -> None:
    """SEO: valid XML, every address answers."""
    event = world.event()
    sent = browser.get("/sitemap.xml")
    assert sent.content_type == "application/xml; charset=utf-8"
    places = re.findall(r"<loc>([^<]+)</loc>", sent.text)
    assert any(place.endswith(f"/events/{event.slug}") for place in places)
    for place in places[:9]:
        assert place.startswith(world.settings.base_url)
        path = place.removeprefix(world.settings.base_url)
        assert browser.get(path).status_code == 200, path


def test_what_an_organizer_wrote_is_only_words(world: World, browser: Browser) -> None:
    """C-55: markup in titles and descriptions is shown, not run."""
    nasty = "<img src=x onerror=alert(1)>"
    event = world.event(title=nasty, description=f"{nasty}\n\n{nasty}", place=nasty)
    for path in ("/events", f"/events/{event.slug}", "/leads/new"):
        assert not re.search(r"<img[^>]*onerror", browser.get(path).text)
